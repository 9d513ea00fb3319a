"""Convert timestamps to the start of their period, with bounds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from uflux_kedro.errors import InputError

Step = Literal["month", "16 days", "8 days", "4 days", "day", "6 hours", "3 hours", "hour"]
"""Length of the periods of a source."""

COMPOSITES: tuple[Step, ...] = ("16 days", "8 days", "4 days")
"""Periods that are counted anew from each 1 January; the last one of a year is shorter."""

LENGTHS = {
    "16 days": pd.Timedelta("16D"),
    "8 days": pd.Timedelta("8D"),
    "4 days": pd.Timedelta("4D"),
    "day": pd.Timedelta("1D"),
    "6 hours": pd.Timedelta("6h"),
    "3 hours": pd.Timedelta("3h"),
    "hour": pd.Timedelta("1h"),
}

_DATES_IN_NAMES = (
    # A2010032 and 2010032: year and day of the year; 20100201; 201002, 2010_02 or 2010.M02.
    (r"(?<![0-9])A?((?:19|20)\d\d)([0-3]\d\d)(?!\d)", "%Y%j"),
    (r"(?<!\d)((?:19|20)\d\d)[-_.]?([01]\d)[-_.]?([0-3]\d)(?!\d)", "%Y%m%d"),
    (r"(?<!\d)((?:19|20)\d\d)[-_.]?M?([01]\d)(?!\d)", "%Y%m"),
)

_STEPS_OF_PRODUCTS: tuple[tuple[str, Step], ...] = (
    (r"^(MCD43C\d|VNP43C\d|VJ143C\d)\.A\d{7}\.", "day"),
    (r"_AVH09C1_.*_\d{8}_", "day"),
    (r"^(MOD|MYD|VNP|VJ1)13C1\.A\d{7}\.", "16 days"),
    (r"^GOSIF_\d{7}\.", "8 days"),
    (r"^GOSIF_\d{4}\.M\d\d\.", "month"),
)
"""Names of archives' own files of one map -> their step."""


def with_periods(
    cube: xr.Dataset, step: Step, where: str | Path, gaps: bool = False, future: bool = False
) -> xr.Dataset:
    """Set time to the start of each period and add bounds.

    Args:
        cube: With a coordinate ``time``: one timestamp anywhere in each period, or at its start
            for hours.
        step: Length of the periods. Those of 4, 8 and 16 days restart each year.
        where: File or source, for the message.
        gaps: Whether periods may be missing, as satellite days may.
        future: Whether periods may begin after today, as in projections.

    Returns:
        The cube with ``time`` (datetime64[ns]) and the coordinate ``time_bnds`` (time, bnds).

    Raises:
        InputError: If times are not dates, lie in the future, appear twice or out of order, or
            periods are missing.
    """
    times = times_of(cube, where)
    starts, ends = _periods(times, step)
    # Tomorrow has begun already east of Greenwich.
    late = starts[starts > pd.Timestamp.now("UTC").tz_localize(None) + pd.Timedelta("1D")]
    if len(late) and not future:
        raise InputError(
            where,
            "time",
            expected="dates that have been",
            found=f"{listed(late)} in the future",
            hint="Check the unit and the calendar of time",
        )
    _check_sequence(starts, ends, step, where, gaps)
    bounds = np.column_stack([starts, ends]).astype("datetime64[ns]")
    cube = cube.drop_vars("time_bnds", errors="ignore")
    cube = cube.assign_coords(time=bounds[:, 0], time_bnds=(("time", "bnds"), bounds))
    cube["time"].attrs = {"standard_name": "time", "axis": "T", "bounds": "time_bnds"}
    return cube


def times_of(cube: xr.Dataset, where: str | Path) -> pd.DatetimeIndex:
    """Return the timestamps of a cube.

    Raises:
        InputError: If they are not dates of the common calendar.
    """
    if "time" not in cube.coords or not np.issubdtype(cube["time"].dtype, np.datetime64):
        found = str(cube["time"].dtype) if "time" in cube.coords else "none"
        raise InputError(where, "time", expected="dates of the common calendar", found=found)
    times = pd.DatetimeIndex(np.atleast_1d(cube["time"].to_numpy()))
    if times.hasnans or not len(times):
        found = f"{int(times.isna().sum())} missing of {len(times)}"
        raise InputError(where, "time", expected="a date for each map", found=found)
    return times


def date_in_name(path: Path) -> pd.Timestamp | None:
    """Return the first date in a file name, for files without time; None if there is no date.

    Possible are a year and day of the year (``MOD13C2.A2010032``), a date (``20100201``) and a month
    (``2010-02``).
    """
    for pattern, code in _DATES_IN_NAMES:
        for found in re.finditer(pattern, Path(path).name):
            try:
                return pd.to_datetime("".join(found.groups()), format=code)
            except ValueError:
                continue
    return None


def step_among(times: Iterable[pd.DatetimeIndex], steps: tuple[Step, ...]) -> Step:
    """Return the step that equals the shortest interval between timestamps, else the first step.

    Composites of several days may be shorter at the end of a year: there the usual interval counts.
    A single timestamp is that of a month, unless its hour is one that monthly maps never have.
    """
    stamps = np.unique([stamp for index in times for stamp in index.to_numpy()])
    if len(stamps) > 1:
        # The shortest, not the usual interval, since days may be missing.
        least = pd.Timedelta(np.diff(stamps).min())
        for step in steps:
            if step in LENGTHS and least == LENGTHS[step]:
                return step
        usual = pd.Timedelta(np.median(np.diff(stamps)))
        for step in steps:
            if step in COMPOSITES and usual == LENGTHS[step]:
                return step
    elif len(stamps) and "hour" in steps and pd.Timestamp(stamps[0]).hour % 6:
        return "hour"
    return steps[0]


def step_of_product(names: Iterable[str], steps: tuple[Step, ...]) -> Step | None:
    """Return the step of an archive's product by the names of its files of one map each.

    Days a month apart are no months. None if any file has another name, or the source has no such
    step.
    """
    found = set()
    for name in names:
        found.add(next((step for code, step in _STEPS_OF_PRODUCTS if re.search(code, name)), None))
    step = found.pop() if len(found) == 1 else None
    return step if step in steps else None


def _periods(times: pd.DatetimeIndex, step: Step) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    if step == "month":
        starts = times.to_period("M").to_timestamp()
        return starts, starts + pd.offsets.MonthBegin(1)
    if step not in COMPOSITES:
        starts = times.normalize() if step == "day" else times
        return starts, starts + LENGTHS[step]
    starts = times.normalize()
    next_year = pd.to_datetime((starts.year + 1).astype(str) + "-01-01")
    ends = (starts + LENGTHS[step]).to_series().clip(upper=next_year.to_series().to_numpy())
    return starts, pd.DatetimeIndex(ends)


def _check_sequence(
    starts: pd.DatetimeIndex, ends: pd.DatetimeIndex, step: Step, where: str | Path, gaps: bool
) -> None:
    if not starts.is_unique:
        twice = starts[starts.duplicated()].unique()
        raise InputError(
            where, "time", expected="each period once", found=f"{listed(twice)} more than once"
        )
    if not starts.is_monotonic_increasing:
        late = starts[1:][np.diff(starts) < np.timedelta64(0)]
        raise InputError(
            where, "time", expected="times in order", found=f"{listed(late)} after a later time"
        )
    breaks = np.flatnonzero(starts[1:].to_numpy() != ends[:-1].to_numpy())
    if gaps or not breaks.size:
        return
    if step == "month":
        complete = pd.date_range(starts[0], starts[-1], freq="MS")
        found = f"{listed(complete.difference(starts))} missing"
    else:
        found = "; ".join(f"nothing from {ends[i]} to {starts[i + 1]}" for i in breaks[:5])
    raise InputError(
        where,
        "time",
        expected=f"a record without gaps from {starts[0]:%Y-%m-%d} to {ends[-1]:%Y-%m-%d}",
        found=found,
        hint="Download the missing periods",
    )


def require_times(
    found: pd.DatetimeIndex, wanted: pd.DatetimeIndex, where: str | Path, name: str, others: str
) -> None:
    """Check that a variable has all times of others.

    Args:
        found: Times of the variable.
        wanted: Times of the others.
        where: File or source, for the message.
        name: Name of the variable.
        others: The others, with a verb, for the message, such as ``Rainf has``.

    Raises:
        InputError: If times are missing.
    """
    missing = wanted.difference(found)
    if len(missing):
        expected = f"every time that {others}"
        raise InputError(where, name, expected=expected, found=f"{listed(missing)} missing")


def listed(times: pd.DatetimeIndex) -> str:
    """Write times as text: as months if all start a month, shortened if they are many."""
    pattern = "%Y-%m" if (times.day == 1).all() and (times.hour == 0).all() else "%Y-%m-%d"
    names = list(dict.fromkeys(times.strftime(pattern)))
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
