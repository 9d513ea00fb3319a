"""Fill the fluxes of a half-hourly record."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Self, get_args

import numpy as np
import pandas as pd

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.gapfilling.held_out import classes_of_gaps, longest_hidden
from uflux_kedro.gapfilling.one_flux import FluxFiller, Record, fill_flux, fit_flux
from uflux_kedro.gapfilling.parameters import LEAST_OF_PART, Method
from uflux_kedro.gapfilling.predictors import WEATHER, joined_driver, place_of, predictors_of
from uflux_kedro.gapfilling.random_uncertainty import ALIKE, random_uncertainty
from uflux_kedro.gapfilling.steps import steps_of
from uflux_kedro.gapfilling.sums import numbered_periods
from uflux_kedro.readers.towers.half_hours import FLUXES
from uflux_kedro.readers.towers.single_tower import CARBON_BY_SECOND
from uflux_kedro.readers.units import conversion
from uflux_kedro.variables import VARIABLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from uflux_kedro.gapfilling.pooled import Pooled

_LEAST_RECORDS = 500
_POOR, _MEDIUM = 40.0, 10.0
"""Days of a gap above which a filled value is of poor (3) and of medium (2) quality."""


_HIDDEN = ("flux", "time", "days", "truth", "prediction", "sd", "lower", "upper", "mds")


class GapFiller:
    """Fill the gaps of NEE, LE and H of one tower, with errors of records and of sums.

    The default method weighs boosted trees, random trees, a response that drifts in time, marginal
    distribution sampling and interpolation by the length of the gap and the part of the day, as they did on artificial gaps;
    all errors are calibrated there too::

        filler = GapFiller(latitude=50.96, longitude=13.57, utc_offset=1).fit(table)
        filled = filler.fill(table)
        years = filler.sums("YY")

    Args:
        method: ``uflux``, ``mds`` (as ONEFlux) or ``mds_symmetric``.
        fluxes: Fluxes to fill; those that a table lacks are left out.
        latitude: Degrees north; with longitude and offset the sun above the atmosphere is a predictor.
        longitude: Degrees east.
        utc_offset: Hours by which the clock is ahead of UTC.
        level: Coverage of the intervals.
        seed: Seed of all draws; the same gives the same values.
        n_jobs: Threads.
        pooled: Trees of other towers (:func:`uflux_kedro.gapfilling.pooled.fit_pooled`), a further filler
            of the default method, tuned to this tower.

    Raises:
        ConfigurationError: If there is no such method or flux, the level is not between 0 and 1, or
            the trees of other towers saw one at this place.
    """

    def __init__(
        self,
        method: Method = "uflux",
        fluxes: Sequence[str] = FLUXES,
        latitude: float | None = None,
        longitude: float | None = None,
        utc_offset: float | None = None,
        level: float = 0.9,
        seed: int = 0,
        n_jobs: int = 2,
        pooled: Pooled | None = None,
    ) -> None:
        for name, known_names in ((method, get_args(Method)), *((f, tuple(ALIKE)) for f in fluxes)):
            if name not in known_names:
                near = get_close_matches(name, known_names, 1)
                raise ConfigurationError(
                    f"gap_filling: expected one of {', '.join(known_names)}, found {name!r}"
                    + (f"; did you mean {near[0]!r}?" if near else "")
                )
        if not 0 < level < 1:
            raise ConfigurationError(f"gap_filling: level: expected 0 to 1, found {level}")
        if pooled is not None and pooled.saw(latitude, longitude):
            raise ConfigurationError(
                "gap_filling: the trees of other towers saw one at this place:"
                f" {latitude}, {longitude}"
            )
        self.method = method
        self.fluxes = tuple(fluxes)
        self.level = level
        self.seed = seed
        self.n_jobs = n_jobs
        self.pooled = pooled
        self._place = place_of(latitude, longitude, utc_offset)
        self.fillers: dict[str, FluxFiller] = {}
        self._unseen: dict[str, NDArray[np.bool_]] = {}
        self._untested: dict[str, NDArray[np.bool_]] = {}
        self._longest = 0.0
        self.filled: pd.DataFrame | None = None

    def fit(self, table: pd.DataFrame) -> Self:
        """Learn from the measured records of a table.

        Args:
            table: Record of a tower (see :mod:`uflux_kedro.gapfilling`), (steps, columns).

        Raises:
            InputError: If the index has no regular step of an hour or half an hour, or none of the fluxes
                has enough measured records.
        """
        steps_a_day = steps_of(table)
        # Hidden records beside a gap of the record's own lie in a longer one, but at its end.
        self._longest = longest_hidden(len(table), steps_a_day)
        self.fillers = {}
        for flux in self.fluxes:
            if _measured(table, flux) >= _LEAST_RECORDS:
                record = self._record(table, flux, steps_a_day)
                seen = np.bincount(record.day[np.isfinite(record.flux)], minlength=2)
                self._unseen[flux] = seen < LEAST_OF_PART
                self.fillers[flux] = fit_flux(
                    record, self.method, level=self.level, seed=self.seed, n_jobs=self.n_jobs
                )
        if not self.fillers:
            found = {f: _measured(table, f) for f in self.fluxes if f in table}
            raise InputError(
                "record",
                ", ".join(self.fluxes),
                expected=f"a flux with {_LEAST_RECORDS} measured records",
                found=", ".join(f"{n} of {f}" for f, n in found.items()) or "none of them",
            )
        return self

    def fill(self, table: pd.DataFrame) -> pd.DataFrame:
        """Fill a table of the same tower.

        Args:
            table: The one of :meth:`fit`, or another period with the same drivers.

        Returns:
            For each flux F, (steps, columns): ``F_F`` measured or filled, ``F_F_QC`` (0 measured, 1 good,
            2 medium, 3 poor, as by night if next to no night was measured; NaN where nothing could be
            filled), ``F_F_METHOD`` (NaN likewise), ``F_F_SD`` (standard deviation of the filling error,
            0 where measured), ``F_F_LOWER``, ``F_F_UPPER`` and ``F_RANDUNC`` (random uncertainty of
            measured records).

        Raises:
            InputError: If the table has nothing of a driver that the fit had.
        """
        if not self.fillers:
            raise RuntimeError("fill comes after fit")
        steps_a_day = steps_of(table)
        columns: dict[str, object] = {}
        self._untested = {}
        for flux, filler in self.fillers.items():
            if flux not in table:
                table = table.assign(**{flux: np.nan})
            record = self._record(table, flux, steps_a_day, filler)
            one = fill_flux(filler, record)
            # ONEFlux needs all three drivers; records are as alike as those that there are tell.
            sw_in, ta, vpd = (np.zeros(len(table)) if d is None else d for d in record.drivers)
            random = random_uncertainty(
                record.flux, one["value"], sw_in, ta, vpd, steps_a_day, alike=ALIKE[flux]
            )
            measured = np.isfinite(record.flux)
            unseen = self._unseen[flux][record.day.astype(int)]
            self._untested[flux] = ~measured & (unseen | (one["days"] > self._longest).to_numpy())
            columns |= {
                f"{flux}_F": one["value"].to_numpy(),
                f"{flux}_F_QC": _quality(one, measured, self.method, unseen),
                f"{flux}_F_METHOD": pd.Categorical.from_codes(
                    np.where(np.isfinite(one["value"]), ~measured, -1),
                    categories=["measured", self.method],
                ),
                f"{flux}_F_SD": one["sd"].to_numpy(),
                f"{flux}_F_LOWER": one["lower"].to_numpy(),
                f"{flux}_F_UPPER": one["upper"].to_numpy(),
                f"{flux}_RANDUNC": np.where(measured, random.sd, np.nan),
            }
        self.filled = pd.DataFrame(columns, index=table.index)
        return self.filled

    def sums(self, period: str) -> pd.DataFrame:
        """Sum up what was filled last, with the errors of sums.

        Random errors of measured records are correlated over an hour or so, as the noise of hidden
        records is, and of the usual size where they are not known; errors of filling are correlated
        as those of hidden records are, and never cancel as independent ones would.

        Args:
            period: ``DD``, ``MM`` or ``YY``.

        Returns:
            A row for each flux and period: ``time`` (its start), ``flux``, ``value`` (gC m-2 in the
            period for NEE, mean in W m-2 for LE and H; NaN where a step has no value), ``measured``
            (share of the steps), ``untested`` (share of the steps in gaps longer than any that was tried
            out, or by night, or by day, if next to none of it was measured: errors of the sum do not
            answer for them), ``random``, ``filling`` and ``total`` standard deviations, ``lower``,
            ``upper``. Where no random error is known, ``random`` is NaN, and ``total`` is of filling
            alone.
        """
        from scipy.stats import norm

        filled = self._filled()
        times = pd.DatetimeIndex(filled.index)
        number, starts = numbered_periods(times, period)
        steps = np.bincount(number)
        steps_a_day = steps_of(filled)
        seconds = 86400 / steps_a_day
        reach = float(norm.ppf((1 + self.level) / 2))
        parts = []
        for flux, filler in self.fillers.items():
            unit = _grams(seconds) if flux == "NEE" else 1 / steps
            values = filled[f"{flux}_F"].to_numpy()
            sd = filled[f"{flux}_F_SD"].to_numpy()
            measured = (filled[f"{flux}_F_QC"] == 0).to_numpy()
            random = self._random(flux)
            value = np.bincount(number, values) * unit
            noise = filler.correlation.of_noise()
            of_random = noise.sd_of_sums(random, number, len(steps)) * unit
            kind = classes_of_gaps(measured, steps_a_day)
            filling = filler.correlation.sd_of_sums(np.nan_to_num(sd), number, len(steps), kind)
            filling = filling * unit
            filling[np.isnan(value)] = np.nan
            total = np.where(np.isnan(of_random), filling, np.hypot(of_random, filling))
            table = {
                "time": starts,
                "flux": flux,
                "value": value,
                "measured": np.bincount(number, measured) / steps,
                "untested": np.bincount(number, self._untested[flux]) / steps,
                "random": of_random,
                "filling": filling,
                "total": total,
                "lower": value - reach * total,
                "upper": value + reach * total,
            }
            parts.append(pd.DataFrame(table))
        return pd.concat(parts, ignore_index=True)

    def to_date(self) -> pd.DataFrame:
        """Sum up what was filled last from its start to the end of each day, with interval.

        Returns:
            A row for each flux and day: ``time`` (end of the day), ``flux``, ``value``, ``lower``,
            ``upper``: gC m-2 for NEE, MJ m-2 for LE and H; NaN from the first step without a value on.
        """
        from scipy.stats import norm

        filled = self._filled()
        steps_a_day = steps_of(filled)
        seconds = 86400 / steps_a_day
        reach = float(norm.ppf((1 + self.level) / 2))
        ends = np.arange(steps_a_day - 1, len(filled), steps_a_day)
        step = filled.index[1] - filled.index[0]
        parts = []
        for flux, filler in self.fillers.items():
            unit = _grams(seconds) if flux == "NEE" else seconds * 1e-6
            value = np.cumsum(filled[f"{flux}_F"].to_numpy())[ends] * unit
            sd = np.nan_to_num(filled[f"{flux}_F_SD"].to_numpy())
            random = filler.correlation.of_noise().sd_to_date(self._random(flux))
            kind = classes_of_gaps((filled[f"{flux}_F_QC"] == 0).to_numpy(), steps_a_day)
            filling = filler.correlation.sd_to_date(sd, kind=kind)
            total = np.hypot(filling, np.nan_to_num(random))[ends] * unit
            table = {
                "time": filled.index[ends] + step,
                "flux": flux,
                "value": value,
                "lower": value - reach * total,
                "upper": value + reach * total,
            }
            parts.append(pd.DataFrame(table))
        return pd.concat(parts, ignore_index=True)

    def hidden(self, times: pd.DatetimeIndex) -> pd.DataFrame:
        """Return what the fit hid from its fillers and how they filled it.

        Args:
            times: Index of the table that was fitted.

        Returns:
            A row for each hidden record: ``flux``, ``time``, ``days`` (length of the gap), ``truth``,
            ``prediction``, ``sd``, ``lower``, ``upper``, and ``mds`` (marginal distribution sampling).
        """
        parts = []
        for flux, filler in self.fillers.items():
            rows = filler.rows.rename(columns={"filled": "prediction"})
            rows = rows.assign(flux=flux, time=times[rows["step"].to_numpy()])
            parts.append(rows[list(_HIDDEN)])
        return pd.concat(parts, ignore_index=True)

    def _filled(self) -> pd.DataFrame:
        if self.filled is None:
            raise RuntimeError("sums come after fill")
        return self.filled

    def _random(self, flux: str) -> np.ndarray:
        """Return the random error of each measured step, the usual one where unknown, else 0."""
        filled = self._filled()
        random = filled[f"{flux}_RANDUNC"]
        measured = filled[f"{flux}_F_QC"] == 0
        return random.fillna(random.median()).where(measured, 0.0).to_numpy()

    def _record(
        self,
        table: pd.DataFrame,
        flux: str,
        steps_a_day: int,
        fitted: FluxFiller | None = None,
    ) -> Record:
        values = table[flux].to_numpy(dtype=float)
        missing = ~np.isfinite(values)
        drivers = None if fitted is None else [n for n in WEATHER if n in fitted.predictors]
        for name in drivers or ():
            if self.method == "uflux" and not np.isfinite(joined_driver(table, name)).any():
                raise InputError(
                    "record", name, expected="a driver, as the fit had it", found="no value of it"
                )
        predictors = predictors_of(table, missing, steps_a_day, self._place, drivers)
        # ONEFlux leaves the gaps of drivers open; what is stacked needs none.
        source = predictors if self.method == "uflux" else table
        sw_in, ta, vpd = (
            source[name].to_numpy(dtype=float) if name in source else None
            for name in ("SW_IN", "TA", "VPD")
        )
        pooled = None
        if self.pooled is not None and self.method == "uflux":
            pooled = self.pooled.predict(flux, predictors)
        return Record(values, predictors, (sw_in, ta, vpd), steps_a_day, pooled)


def sum_unit(table: pd.DataFrame, flux: str) -> float:
    """Return what a sum over the steps of a record is multiplied by: to gC m-2, or to the mean in W m-2."""
    return _grams(86400 / steps_of(table)) if flux == "NEE" else 1 / len(table)


def _grams(seconds: float) -> float:
    """Return the gC m-2 of a flux of 1 umol m-2 s-1 over so many seconds."""
    return conversion(CARBON_BY_SECOND, VARIABLES["NEE"].unit)[0] * seconds / 86400


def _measured(table: pd.DataFrame, flux: str) -> int:
    """Return how many records of a flux were measured."""
    return int(np.isfinite(table[flux].to_numpy(dtype=float)).sum()) if flux in table else 0


def _quality(
    one: pd.DataFrame, measured: np.ndarray, method: str, unseen: np.ndarray
) -> np.ndarray:
    """Return the quality of each value: ONEFlux's for its method, else by the length of the gap.

    It is poor where the fit had seen too few records of the same part of the day.
    """
    if method.startswith("mds"):
        quality = one["mds"].to_numpy(dtype=float)
    else:
        days = one["days"].to_numpy()
        quality = np.where(unseen, 3.0, 1.0 + (days > _MEDIUM) + (days > _POOR))
    quality = np.where(measured, 0.0, quality)
    return np.where(np.isfinite(one["value"]), quality, np.nan)
