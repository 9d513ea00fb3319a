"""Check a half-hourly or hourly record before its gaps are filled.

What cannot be read in one way only is refused: times that are twice, irregular or of two lengths,
values that are impossible throughout. Anything else that weakens the filled values is a finding.
Values are never changed, except that impossible ones are made missing, and spikes if that is wished.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from uflux_kedro.biophysics.radiation import potential_radiation
from uflux_kedro.biophysics.solar_clock import SolarClock, around, read_solar_clock
from uflux_kedro.biophysics.vapour_pressure import saturation_vapour_pressure
from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling.held_out import longest_hidden
from uflux_kedro.gapfilling.light import daylight
from uflux_kedro.gapfilling.parameters import LEAST_OF_PART, Spikes
from uflux_kedro.gapfilling.spikes import LIMIT, spike_column, spikes_of
from uflux_kedro.gapfilling.steps import steps_of
from uflux_kedro.readers.towers.half_hours import FLUXES
from uflux_kedro.readers.towers.remarks import Remark, remark
from uflux_kedro.variables import bounds_of_step

_MAIN_DRIVERS = ("SW_IN", "TA", "VPD")
_STEPS = (pd.Timedelta("30min"), pd.Timedelta("60min"))
_FEW = 0.02
"""Share of the values of a column up to which impossible ones are made missing."""
_LEAST_DAYS = 30
"""Days with values from which the level of a variable is judged."""
_CLOCK_TOLERANCE = 0.75
"""Hours by which solar noon may differ from that of the stated clock."""
_COMMON_OFFSET, _LARGEST_OFFSET = 1.75, 3.25
"""Most hours between the standard time of nearly every country, and of wide ones, and the sun's."""
_DARK, _SHARE_OF_NIGHTS = 10.0, 0.05
"""Radiation at night, W m-2, that in more than this share of the hours of night is not dark."""

_SHARE_OF_PART = 0.05
"""Share of the steps from which days, or nights, belong to a record."""

_HALF_HOURLY_BOUNDS = {"P": (-0.1, 150.0), "SWC": (-5.0, 105.0), "NEE": (-200.0, 200.0)}
"""Bounds of variables whose unit in records differs from that of ``variables.py``."""
_UNITS = {
    "NEE": "umol CO2 m-2 s-1", "LE": "W m-2", "H": "W m-2", "TA": "degC", "TS": "degC", "VPD": "hPa",
    "SW_IN": "W m-2", "LW_IN": "W m-2", "NETRAD": "W m-2", "G": "W m-2", "PA": "kPa", "RH": "%",
    "SWC": "%", "WS": "m s-1", "USTAR": "m s-1", "P": "mm per step", "CO2": "umol mol-1",
    "PPFD_IN": "umol m-2 s-1",
}  # fmt: skip
"""Unit of each variable of a record; those from reanalysis have the same."""


class Place(NamedTuple):
    """Where a record was measured, as far as known.

    Attributes:
        latitude: Degrees north.
        longitude: Degrees east.
        utc_offset: Hours by which the clock is ahead of UTC.
    """

    latitude: float | None = None
    longitude: float | None = None
    utc_offset: float | None = None


def check_record(
    table: pd.DataFrame,
    latitude: float | None = None,
    longitude: float | None = None,
    utc_offset: float | None = None,
    *,
    spikes: Spikes = "flag",
    site: str = "the tower",
    where: str = "the record",
) -> tuple[pd.DataFrame, list[Remark]]:
    """Check a record and give it a row for every step.

    Args:
        table: Index ``time``, start of each half-hour or hour in local standard time; columns with
            FLUXNET's names, in the units of half-hours (:mod:`uflux_kedro.gapfilling`).
        latitude: Degrees north; None if unknown: the sun is then not compared.
        longitude: Degrees east.
        utc_offset: Hours by which the clock is ahead of UTC; None takes the zone of the longitude.
        spikes: Whether spikes of fluxes are only told (``flag``) or also made missing (``drop``).
        site: Name of the tower, for findings.
        where: File, for messages.

    Returns:
        The record without fluxes that have no values, impossible values missing, and with a mark of each
        flux, ``NEE_SPIKE`` and so on, 1 at a spike, made missing or not, else 0; and findings: what
        the filled values will not be able to hide.

    Raises:
        InputError: If times are no index of local times, twice, out of order, irregular, or of hours
            and half-hours; if a variable has impossible values throughout; or if no flux has values.
    """
    table = _regular(table, where)
    findings: list[Remark] = []
    table, found = _possible(table, site, where)
    findings += found
    for flux in [f for f in FLUXES if f in table and table[f].isna().all()]:
        table = table.drop(columns=flux)
        findings.append(remark("flux", flux, site, f"measured {flux}",
                               "none in the whole record: it is not filled"))  # fmt: skip
    if not set(FLUXES) & set(table):
        raise InputError(
            where,
            ", ".join(FLUXES),
            expected="measured values of at least one flux",
            found="none",
            hint="Only measured values count, not those that a network has filled",
        )
    place = Place(latitude, longitude, utc_offset)
    day = _daylight(table, place)
    marks = spikes_of(table, day, steps_of(table))
    findings += _spiky(table, marks, spikes, site)
    if spikes == "drop":
        table = table.assign(**{f: table[f].mask(found) for f, found in marks.items()})
    findings += _levels(table, site)
    findings += _missing_drivers(table, site)
    findings += _sun(table, place, site)
    for flux in [f for f in FLUXES if f in table]:
        findings += [*_long_gap(table[flux], site), *_one_part(table[flux], day, site)]
    return table.assign(**{spike_column(f): m.astype(float) for f, m in marks.items()}), findings


def _regular(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the table with a row for every step.

    Raises:
        InputError: As for :func:`check_record`.
    """
    times = table.index
    if not isinstance(times, pd.DatetimeIndex) or times.hasnans or len(times) < 2:
        raise _no_times(where, "times (pandas.DatetimeIndex) of at least two rows", f"{times[:2]}")
    if times.tz is not None:
        raise _no_times(where, "local standard time without a zone", f"times in {times.tz}")
    if times.has_duplicates:
        twice = times[times.duplicated()]
        raise _no_times(
            where,
            "each time once",
            f"{twice[0]:%Y-%m-%d %H:%M} twice ({len(twice)} rows)",
            "Does the clock change to summer time and back? Records are in standard time all year"
            if (twice.to_series().groupby(twice.year).size() <= 4).all() and (twice.hour < 4).all()
            else "Check for two files of the same time",
        )
    if not times.is_monotonic_increasing:
        back = times[1:][np.diff(times) < pd.Timedelta(0)][0]
        raise _no_times(where, "times in order", f"{back:%Y-%m-%d %H:%M} after a later time")
    step = pd.Timedelta(np.diff(times).min())
    off = times[(times - times.normalize()) % step != pd.Timedelta(0)] if step in _STEPS else times
    if step not in _STEPS or len(off):
        raise _no_times(
            where,
            "half-hours or hours that start at :00 or :30",
            f"{off[0]:%Y-%m-%d %H:%M} at a step of {step.total_seconds() / 60:g} minutes",
        )
    every = pd.date_range(times[0], times[-1], freq=step, name="time")
    table = table.astype("float64").reindex(every)
    if step == _STEPS[0]:
        _refuse_hours(table, where)
    return table


def _no_times(where: str, expected: str, found: str, hint: str | None = None) -> InputError:
    return InputError(where, "time", expected=expected, found=found, hint=hint)


def _refuse_hours(table: pd.DataFrame, where: str) -> None:
    """Raise InputError for days with rows at full hours only: an hourly file among half-hourly ones."""
    known = table.notna().any(axis="columns")
    half = known.index.minute == 30
    days = (
        pd.DataFrame({"full": known & ~half, "half": known & half}).groupby(known.index.date).sum()
    )
    hourly = (days["full"] >= 20) & (days["half"] == 0)
    run = hourly & hourly.shift(-1, fill_value=False)
    if run.any():
        raise _no_times(
            where,
            "values at every half-hour",
            f"values at full hours only on {int(hourly.sum())} days, from {run.idxmax()} on",
            "Read hours and half-hours separately",
        )


def _possible(table: pd.DataFrame, site: str, where: str) -> tuple[pd.DataFrame, list[Remark]]:
    """Make impossible and infinite values missing if they are few.

    Raises:
        InputError: If they are many.
    """
    table, findings = table.copy(), []
    for column in table:
        name = str(column).removesuffix("_ERA")
        if name not in _UNITS:
            continue
        lower, upper = _HALF_HOURLY_BOUNDS.get(name) or bounds_of_step(name, "hour")
        values = table[column]
        wrong = (values < lower) | (values > upper)
        if not wrong.any():
            continue
        share, example = wrong.sum() / values.notna().sum(), values[wrong].iloc[0]
        first = wrong.idxmax()
        if share > _FEW:
            raise InputError(
                where,
                str(column),
                expected=f"{lower:g} to {upper:g} {_UNITS[name]}",
                found=f"{share:.0%} of the values outside, such as {example:g} on "
                f"{first:%Y-%m-%d %H:%M}",
                hint=f"Convert {column} to {_UNITS[name]}",
            )
        table[column] = values.mask(wrong)
        findings.append(remark("bounds", str(column), site, f"{lower:g} to {upper:g} {_UNITS[name]}",
                               f"{int(wrong.sum())} values outside, such as {example:g} on "
                               f"{first:%Y-%m-%d %H:%M}; made missing"))  # fmt: skip
    return table, findings


def _daylight(table: pd.DataFrame, place: Place) -> np.ndarray:
    """Return whether the sun shines, also by the place, (steps,)."""
    if place.latitude is None or place.longitude is None:
        return daylight(table)
    zone = round(place.longitude / 15) if place.utc_offset is None else place.utc_offset
    times = pd.DatetimeIndex(table.index)
    potential = potential_radiation(times, place.latitude, place.longitude, zone)
    return daylight(table.assign(SW_IN_POT=potential))


def _spiky(
    table: pd.DataFrame, marks: dict[str, pd.Series], treatment: Spikes, site: str
) -> Iterator[Remark]:
    """Yield a finding on each flux with spikes."""
    for flux, found in marks.items():
        if found.any():
            first = found.idxmax()
            yield remark(
                "spikes", flux, site,
                f"no value that stands out from both its neighbours ({LIMIT:g} deviations, Papale 2006)",
                f"{int(found.sum())} of {int(table[flux].notna().sum())} measured values, such as "
                f"{table[flux][first]:.3g} on {first:%Y-%m-%d %H:%M}; "
                + ("made missing" if treatment == "drop" else "they stay"),
            )  # fmt: skip


def _levels(table: pd.DataFrame, site: str) -> Iterator[Remark]:
    """Yield findings on variables whose possible values have the level of another unit."""
    least = _LEAST_DAYS * steps_of(table)

    def known(name: str) -> pd.Series | None:
        values = table[name].dropna() if name in table else pd.Series(dtype=float)
        return values if len(values) >= least else None

    if (carbon := known("NEE")) is not None:
        scatter, top = float(carbon.diff().abs().quantile(0.9)), float(carbon.abs().quantile(0.99))
        if scatter < 0.4 or top < 2:
            yield remark("units", "NEE", site, "NEE in umol CO2 m-2 s-1, as measured",
                         f"99 % of the values within {top:.2g}, 90 % within {scatter:.2g} of the one "
                         "before: mg CO2 m-2 s-1, or filled values?")  # fmt: skip
    for name in ("LE", "H"):
        if (flux := known(name)) is not None and (top := float(flux.abs().quantile(0.99))) < 15:
            yield remark("units", name, site, f"{name} in W m-2",
                         f"99 % of the values within {top:.2g}: another unit")  # fmt: skip
    deficit, warm = known("VPD"), known("TA")
    if deficit is not None and warm is not None:
        saturated = saturation_vapour_pressure(float(warm.quantile(0.9)))
        if (top := float(deficit.quantile(0.99))) < 0.1 * saturated:
            yield remark("units", "VPD", site, f"VPD in hPa, up to {saturated:.0f} hPa in dry air",
                         f"99 % of the values below {top:.2g}: kPa?")  # fmt: skip
    if (sun := known("SW_IN")) is not None and (top := float(sun.quantile(0.99))) < 30:
        yield remark("units", "SW_IN", site, "SW_IN in W m-2",
                     f"99 % of the values below {top:.2g}: another unit")  # fmt: skip
    for name in ("RH", "SWC"):
        if (share := known(name)) is not None and (top := float(share.quantile(0.99))) <= 1.05:
            yield remark(
                "units",
                name,
                site,
                f"{name} in %",
                f"99 % of the values below {top:.2g}: a fraction",
            )


def _missing_drivers(table: pd.DataFrame, site: str) -> Iterator[Remark]:
    """Yield findings on years in which the drivers of the standard method are missing."""
    offered = {v: table[v] for v in _MAIN_DRIVERS if v in table and table[v].notna().any()}
    absent = [v for v in _MAIN_DRIVERS if v not in offered]
    if absent:
        names, found = ", ".join(absent), f"no values of {', '.join(absent)} in the record"
        if any(f"{v}_ERA" not in table for v in absent):
            found += (
                ": random errors, which need all three, are not estimated as ONEFlux has them, but "
                "from records that are alike in the others"
            )
        yield remark("drivers", names, site, f"the drivers {', '.join(_MAIN_DRIVERS)}", found)
    for year, rows in table.groupby(table.index.year):
        empty = [v for v in offered if rows[v].isna().all()]
        if not empty:
            continue
        weather = [c for c in rows if c not in FLUXES]
        none = rows[weather].isna().all(axis=None)
        found = f"no values of {', '.join(empty)} in {year}"
        if none:
            found += ", nor of any other driver: gaps there are filled without weather, if at all"
        yield remark("drivers", ", ".join(empty), site, "drivers in every year", found)


def _sun(table: pd.DataFrame, place: Place, site: str) -> Iterator[Remark]:
    """Yield findings on the clock of the radiation, and on radiation at night."""
    if "SW_IN" not in table:
        return
    clock = read_solar_clock(table.index, table["SW_IN"])
    if clock is not None and 0.7 < clock.jump < 1.4:
        yield remark("clock", "SW_IN", site, "one clock all year",
                     f"solar noon moves by {clock.jump:.1f} h during the year, as with summer time")  # fmt: skip
    if place.longitude is None:
        return
    off = clock is not None and _off(clock, place.longitude, place.utc_offset)
    if clock is not None and off:
        zone = float(around(clock.ahead + place.longitude / 15))
        stated = place.longitude / 15 if place.utc_offset is None else place.utc_offset
        yield remark("clock", "SW_IN", site, f"local standard time, about UTC{stated:+.1f} h",
                     f"solar noon fits a clock of UTC{zone:+.1f} h ({clock.days} days): SW_IN is of "
                     "another time zone than the record's place")  # fmt: skip
    if place.latitude is None or off:
        return
    offset = round(place.longitude / 15) if place.utc_offset is None else place.utc_offset
    dark = _nights(potential_radiation(table.index, place.latitude, place.longitude, offset))
    night = table.loc[dark, "SW_IN"].dropna()
    bright = night.abs() > _DARK
    if len(night) >= _LEAST_DAYS and bright.mean() > _SHARE_OF_NIGHTS:
        yield remark("night", "SW_IN", site, "no radiation at night",
                     f"more than {_DARK:g} W m-2 in {bright.mean():.0%} of the nights' steps, median "
                     f"{night.median():.3g} W m-2")  # fmt: skip


def _off(clock: SolarClock, longitude: float, utc_offset: float | None) -> bool:
    """Return whether solar noon contradicts the stated clock, or every clock of the longitude."""
    if utc_offset is not None:
        ahead, allowed = clock.ahead - (utc_offset - longitude / 15), _CLOCK_TOLERANCE
    else:
        fits_utc = abs(float(around(clock.ahead + longitude / 15))) < _CLOCK_TOLERANCE
        ahead, allowed = clock.ahead, _COMMON_OFFSET if fits_utc else _LARGEST_OFFSET
    return abs(float(around(ahead))) > allowed + 3 * clock.error


def _nights(potential: np.ndarray) -> np.ndarray:
    """Return the steps without sun, whose neighbours have none either; (steps,)."""
    dark = potential <= 0
    return dark & np.r_[True, dark[:-1]] & np.r_[dark[1:], True]


def _long_gap(flux: pd.Series, site: str) -> Iterator[Remark]:
    """Yield a finding if the longest gap is longer than the rest of the record, or than any that is tried out."""
    steps = steps_of(flux)
    known = np.flatnonzero(flux.notna())
    edges = np.r_[-1, known, len(flux)]
    lengths = np.diff(edges) - 1
    longest = int(lengths.argmax())
    gap, rest = int(lengths[longest]), len(flux) - int(lengths[longest])
    tried = longest_hidden(len(flux), steps)
    if gap <= rest and gap <= tried * steps:
        return
    first, last = flux.index[edges[longest] + 1], flux.index[edges[longest + 1] - 1]
    found = f"a gap of {gap / steps:.0f} days from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    if gap > rest:
        yield remark("gap", str(flux.name), site, "gaps shorter than the record around them",
                     f"{found}, and {rest / steps:.0f} days of record: what fills it rests on other seasons")  # fmt: skip
    else:
        yield remark("gap", str(flux.name), site, f"gaps of up to {tried:.0f} days, as are tried out",
                     f"{found}: the error of sums over it is not known")  # fmt: skip


def _one_part(flux: pd.Series, day: np.ndarray, site: str) -> Iterator[Remark]:
    """Yield a finding if next to nothing was measured by day or by night, though the record has both."""
    measured = flux.notna().to_numpy()
    for part, name in ((day, "day"), (~day, "night")):
        if part.mean() > _SHARE_OF_PART and (measured & part).sum() < LEAST_OF_PART:
            yield remark("part of the day", str(flux.name), site, "measured values by day and by night",
                         f"{int((measured & part).sum())} by {name}: what is filled there rests on the "
                         "rest of the day, and the error of sums is not known")  # fmt: skip
