"""Parse and check tower tables: missing values, timestamps, order, bounds."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.variables import bounds_beside, flux_beside, variable_of

logger = logging.getLogger(__name__)

MISSING = -9999
NOTHING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null")
"""Further missing values, as written by R, spreadsheets and data bases."""

_DIGITS_OF_A_YEAR = 4
HIGHEST_WATER = 1.0
"""Soil water that never exceeds this is a fraction, not percent: no soil is all water, and a desert's
sensor in percent shows more after rain."""
HIGHEST_HUMIDITY = 1.5
"""The same for relative humidity, whose sensors go beyond saturation."""

Resolution = Literal["MM", "WW", "DD"]
"""FLUXNET's names of months, weeks and days."""

Step = Literal["MM", "WW", "DD", "HR", "HH"]
"""Steps of tower files: months, weeks, days, hours, half-hours."""

Outside = Literal["raise", "mask", "keep"]
"""Values out of physical bounds raise an error, are made missing with a warning, or are kept for a
later check."""


class OutOfBoundsError(InputError):
    """Values out of physical bounds, where ``outside`` is ``raise``."""


def as_names(column: pd.Series, where: str | Path) -> pd.Series:
    """Convert names of sites to text; whole numbers of a binary table have no decimal point.

    Raises:
        InputError: If a name is missing.
    """
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    names = column.astype("str").str.strip()
    if missing := int((column.isna() | (names == "")).sum()):
        raise InputError(
            where,
            str(column.name),
            expected="a name for each site",
            found=f"none in {missing} rows",
        )
    return names


def to_numbers(column: pd.Series, where: str | Path) -> pd.Series:
    """Convert a column to float64, with NaN for missing and infinite values.

    Raises:
        InputError: If it contains text.
    """
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    text = column[numbers.isna() & column.notna()]
    text = text[~text.astype(str).str.strip().isin(NOTHING)]
    if len(text):
        raise InputError(
            where,
            str(column.name),
            expected="numbers",
            found=f"{text.iloc[0]!r} in {len(text)} rows",
        )
    infinite = np.isinf(numbers)
    if infinite.any():
        logger.warning(
            "%s: %s: %d values are infinite; made missing",
            where, column.name, int(infinite.sum()),
        )  # fmt: skip
    return numbers.mask(infinite | (numbers == MISSING))


def in_percent(water: pd.Series, where: str | Path, highest: float) -> pd.Series:
    """Return soil water or humidity in percent; a column that never exceeds ``highest`` is a fraction."""
    if water.quantile(0.99) <= highest:
        logger.warning(
            "%s: %s: expected percent, found a fraction; multiplied by 100", where, water.name
        )
        return water * 100
    return water


def parse_times(column: pd.Series, step: Step, where: str | Path) -> pd.Series:
    """Parse ``YYYYMM``, ``YYYYMMDD``, ``YYYYMMDDHHMM`` or ISO dates to the start of each period.

    Times stay in local standard time: days and months start at midnight of the tower.

    Raises:
        InputError: If a timestamp is none of these.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_localize(None)  # days start at midnight of the local clock
    text = column.astype(str).str.strip()
    length = int(text.str.len().fillna(0).max()) if len(text) else 0
    pattern = {6: "%Y%m", 8: "%Y%m%d"}.get(length, "ISO8601")
    try:
        if length == _DIGITS_OF_A_YEAR:
            raise ValueError(f"years only, such as {text.iloc[0]}")
        if length == 12:
            # Separately, since pandas parses each distinct day and each distinct time once.
            clock = pd.to_datetime(text.str[8:], format="%H%M") - pd.Timestamp("1900-01-01")
            times = pd.to_datetime(text.str[:8], format="%Y%m%d") + clock
        else:
            times = pd.to_datetime(text, format=pattern)
            if isinstance(times.dtype, pd.DatetimeTZDtype):
                times = times.dt.tz_localize(None)
        times = times.astype("datetime64[ns]")
        if times.isna().any():
            raise ValueError(f"no timestamp in {int(times.isna().sum())} rows")
    except (TypeError, ValueError) as error:
        raise InputError(
            where,
            str(column.name),
            expected="timestamps YYYYMM, YYYYMMDD, YYYYMMDDHHMM or ISO dates",
            found=str(error).splitlines()[0].partition(" You might want")[0],
        ) from error
    if step in ("HH", "HR"):
        return times
    if step == "MM":
        return times.dt.to_period("M").dt.to_timestamp().astype("datetime64[ns]")
    return times.dt.normalize()


def check_order(towers: pd.DataFrame, where: str | Path) -> None:
    """Check that the periods of each site appear once and in order.

    Args:
        towers: With the columns ``site_id`` and ``time``, in the order of the file.
        where: File, for the message.

    Raises:
        InputError: If periods appear twice or out of order.
    """
    keys = towers[["site_id", "time"]]
    duplicate = keys[keys.duplicated()]
    if len(duplicate):
        raise InputError(
            where,
            "time",
            expected="each period once",
            found=_rows(duplicate, "twice"),
            hint="Check for two files of the same tower and time, and for daylight saving time",
        )
    step = keys.groupby("site_id", sort=False)["time"].diff()
    unordered = keys[step < pd.Timedelta(0)]
    if len(unordered):
        raise InputError(
            where,
            "time",
            expected="periods in order",
            found=_rows(unordered, "after a later period"),
            hint="Check whether rows were sorted as text; other columns may be shifted too",
        )


def _rows(keys: pd.DataFrame, fault: str) -> str:
    shown = ", ".join(f"{t:%Y-%m-%d}" for t in keys["time"].iloc[:5])
    return f"{keys['site_id'].iloc[0]} {shown} {fault} ({len(keys)} rows)"


def bounds(name: str) -> tuple[float, float, str]:
    """Return the lowest and highest possible value of a variable, predictor or QC, and the unit.

    ``name`` may also be that of a column beside a flux, such as ``GPP_RANDUNC``.
    """
    if name.endswith("_QC"):
        return 0.0, 1.0, "(fraction)"
    variable = variable_of(flux_beside(name) or name)
    if flux_beside(name):
        return *bounds_beside(name, variable.lower, variable.upper), variable.unit
    return variable.lower, variable.upper, variable.unit


def within_bounds(
    column: pd.Series, keys: pd.DataFrame, where: str | Path, outside: Outside
) -> pd.Series:
    """Check the bounds of a column.

    Args:
        column: Values in the canonical unit, named as for :func:`bounds`.
        keys: ``site_id`` and ``time`` of each row, for the message.
        where: File, for the message.
        outside: ``raise``; ``mask`` to make values out of bounds NaN with a warning; ``keep``.

    Raises:
        OutOfBoundsError: If ``outside`` is ``raise`` and values are out of bounds.
    """
    name = str(column.name)
    lower, upper, unit = bounds(name)
    wrong = (column < lower) | (column > upper)
    if outside == "keep" or not wrong.any():
        return column
    examples = ", ".join(
        f"{column[i]:g} at {keys['site_id'][i]} in {keys['time'][i]:%Y-%m-%d}"
        for i in column.index[wrong][:3]
    )
    found = f"{int(wrong.sum())} values outside, such as {examples}"
    if outside == "raise":
        raise OutOfBoundsError(where, name, expected=f"{lower:g} to {upper:g} {unit}", found=found)
    logger.warning("%s: %s: %s; made missing", where, name, found)
    return column.mask(wrong)
