"""What the maps of files are: means of their periods, sums, or samples.

Attributes say it (CF's cell methods, the GRIB step type that Copernicus and cfgrib write), else the
bounds of time, else the stamps. A single hour or day of each month is no mean of a month, and the
mean day of a month, hour by hour, is no day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.periods import Step, listed, times_of

Kind = Literal["mean", "sum", "sample", "mean day"]

HOURLY: tuple[Step, ...] = ("6 hours", "3 hours", "hour")
"""Steps shorter than a day."""

_MEANS_OF_MONTHS = {"avgua": (0,), "avgia": (0,), "avgad": (0, 6, 18), "avgid": (0, 6, 18)}
"""GRIB step types of averages over the days of a month -> hours at which Copernicus stamps the mean of a
month on its first day: 00 UTC of analyses, also 06 or 18 UTC of forecasts. Other hours are stamps of
the mean by hour of day."""
_METHODS: dict[str, Kind] = {"point": "sample", "mean": "mean", "sum": "sum"}
_SHORTEST_MONTH = pd.Timedelta("27D")
_SHORTEST_DECLARED_MEAN = pd.Timedelta("14D")
"""CDO writes the first and the last stamp as the bounds of a mean: of composites of 8 days they are 16
days apart or more."""
_HINT = (
    "Download monthly means, or all hours or days. If the maps are means, set the attribute "
    "cell_methods = 'time: mean' of the variable"
)


def kind_of(data: xr.DataArray) -> Kind | None:
    """Return what the attributes of a variable say that its values are; None if they say nothing."""
    step = str(data.attrs.get("GRIB_stepType", ""))
    if step.startswith("avg"):
        return "mean"
    if step in ("instant", "accum"):
        return "sample" if step == "instant" else "sum"
    methods = str(data.attrs.get("cell_methods", ""))
    if re.search(r"\btime\s*:\s*\w+\s+(within|over)\b", methods):
        return "mean day"
    found = re.search(r"\btime\s*:\s*(\w+)", methods)
    return _METHODS.get(found[1]) if found else None


def lengths_of_periods(dataset: xr.Dataset) -> np.ndarray:
    """Return the lengths of the periods by the bounds of time (n,); empty without bounds."""
    for variable in dataset.variables.values():
        of_two = variable.ndim == 2 and variable.dims[0] == "time" and variable.shape[1] == 2
        if of_two and np.issubdtype(variable.dtype, np.datetime64):
            return np.diff(variable.to_numpy(), axis=1).ravel()
    return np.array([], "timedelta64[ns]")


def require_kind(
    files: Sequence[tuple[Path, xr.Dataset]],
    names: Iterable[str],
    step: Step,
    where: str,
    *,
    shorter: Iterable[Step] = (),
) -> None:
    """Check that the maps are means of their months, or the hours of days that were.

    Args:
        files: Paths and open files; those without any of the variables are ignored.
        names: Names of the variables in the files.
        step: Step with which the files are read.
        where: Files, for the message.
        shorter: Other steps of a source of months. If it has any, stamps must tell where attributes
            and bounds say nothing.

    Raises:
        InputError: If they are not, or nothing tells.
    """
    stamps: list[np.ndarray] = []
    for path, dataset in files:
        present = [name for name in names if name in dataset.data_vars]
        kinds = {name: kind_of(dataset[name]) for name in present}
        for name, kind in kinds.items():
            grib = str(dataset[name].attrs.get("GRIB_stepType", ""))
            _refuse(kind, grib, name, step, path)
            if step == "month" and grib in _MEANS_OF_MONTHS:
                _refuse_an_hour_of_day(times_of(dataset, path), grib, name, path)
            elif step == "month" and grib == "avg":  # a mean, but of any period, as of one hour
                kinds[name] = None
        lengths = lengths_of_periods(dataset) if present else np.array([], "timedelta64[ns]")
        declared = set(kinds.values()) == {"mean"}
        least = _SHORTEST_DECLARED_MEAN if declared else _SHORTEST_MONTH
        if step == "month" and lengths.size and lengths.min() < least:
            raise InputError(
                path,
                "time",
                expected="bounds of whole months",
                found=f"periods of {pd.Timedelta(lengths.min())}",
                hint=_HINT,
            )
        if present and not lengths.size and None in kinds.values():
            stamps.append(times_of(dataset, path).to_numpy())
    if not stamps or not shorter:
        return
    times = pd.DatetimeIndex(np.unique(np.concatenate(stamps)))
    if step == "month" and not set(shorter).isdisjoint(HOURLY):
        _require_stamps_of_months(times, where)
    elif step == "month" and len(times) == 1:  # the hour of a day's map means nothing
        _require_stamps_of_months(times.normalize(), where)
    elif step in HOURLY:
        _refuse_mean_days(times, where)


def _refuse(kind: Kind | None, grib: str, name: str, step: Step, path: Path) -> None:
    found = None
    if kind == "mean day" or (step in HOURLY and grib in _MEANS_OF_MONTHS):
        found = "means by hour of day over the days of a month"
    elif step == "month" and kind == "sample":
        found = "values of single hours"
    elif step == "month" and kind == "sum":
        found = "sums"
    if found:
        expected = "means of months" if step == "month" else "the hours of each day"
        raise InputError(path, name, expected=expected, found=found, hint=_HINT)


def _refuse_an_hour_of_day(times: pd.DatetimeIndex, grib: str, name: str, path: Path) -> None:
    """Raise InputError for means over the days of a month that are of one hour of the day only."""
    hours = times[(times.day == 1) & ~times.hour.isin(_MEANS_OF_MONTHS[grib])].hour
    if len(hours):
        raise InputError(
            path,
            name,
            expected="means of months",
            found=f"means of {hours[0]:02d} UTC over the days of a month",
            hint="Download monthly averages, not those by hour of day",
        )


def _require_stamps_of_months(times: pd.DatetimeIndex, where: str) -> None:
    """Raise InputError for times at which no mean of a month is stamped.

    Means are stamped at the start, the middle or the end of their months. Of one map alone the
    middle and the end could as well be an hour.
    """
    steps = np.diff(times.to_numpy())
    if steps.size and steps.min() < _SHORTEST_MONTH:
        raise InputError(
            where,
            "time",
            expected="steps of a month, or another that this source has",
            found=f"a step of {pd.Timedelta(steps.min())}",
            hint="Download months or all hours; means of days have to be averaged to months first",
        )
    starts = times.to_period("M").to_timestamp()
    ends = starts + pd.offsets.MonthBegin(1)
    fits = times == starts
    midnight = times == times.normalize()
    fits |= midnight & times.day.isin([14, 15, 16])
    fits |= midnight & (times.normalize() == ends - pd.Timedelta("1D"))
    if len(times) > 1:
        fits |= times == starts + (ends - starts) / 2
        fits |= times >= ends - pd.Timedelta("6h")
    if not fits.all():
        odd = times[~fits]
        raise InputError(
            where,
            "time",
            expected="means of months, stamped at the start, the middle or the end of each",
            found=f"{odd[0]:%Y-%m-%d %H:%M} UTC" + (f" and {len(odd) - 1} more" * (len(odd) > 1)),
            hint=f"Single hours and days are no means. {_HINT}",
        )


def _refuse_mean_days(times: pd.DatetimeIndex, where: str) -> None:
    """Raise InputError for hours of the first days of months only: they may be the months' mean days."""
    days = times.normalize().unique()
    if (days.day == 1).all() and len(times) > len(days):
        raise InputError(
            where,
            "time",
            expected="hours of all days, or attributes that say what they are",
            found=f"{len(times)} times on the first of {listed(days)} alone, which may be means by "
            "hour of day over the month",
            hint="Download more days, or set cell_methods = 'time: point' or 'time: sum' of the "
            "variables",
        )
