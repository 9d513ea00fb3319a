"""Predictors from a place's record: departure from the usual month, and earlier months.

Earlier months are found by the calendar, never by the row. A month that is missing, before the
start of the record or in a gap, gets the mean of that calendar month in other years. Arrays have
a dimension ``time`` (starts of months) and any others; lazy inputs give lazy results.
"""

from __future__ import annotations

import numpy as np

from uflux_kedro.lazy import pd, xr
from uflux_kedro.variables import History


def mean_year(values: xr.DataArray) -> xr.DataArray:
    """Return the mean of each calendar month over a place's record.

    Args:
        values: Along ``time``.

    Returns:
        Along ``month``, 1 to 12; NaN for a month without any value.
    """
    return values.groupby("time.month").mean().reindex(month=np.arange(1, 13))


def of_month(year: xr.DataArray, time: xr.DataArray) -> xr.DataArray:
    """Repeat a place's mean year, along ``month``, along ``time``."""
    return year.sel(month=time.dt.month).drop_vars("month")


def climatology(values: xr.DataArray) -> xr.DataArray:
    """Return the mean of the calendar month over the place's record, along ``time``."""
    return of_month(mean_year(values), values["time"])


def anomaly(values: xr.DataArray) -> xr.DataArray:
    """Return the departure from the mean of the calendar month; 0 in a record of one year."""
    return values - climatology(values)


def lagged(values: xr.DataArray, months: int) -> xr.DataArray:
    """Return the values of ``months`` calendar months before.

    Args:
        values: Along ``time``.
        months: Number of months.

    Returns:
        Along the same ``time``. Where the earlier month is missing, the mean of that calendar
        month; where that is unknown too, the month's own value.
    """
    earlier = values.indexes["time"] - pd.DateOffset(months=months)
    before = values.reindex(time=earlier)
    before = before.fillna(of_month(mean_year(values), before["time"]))
    return before.assign_coords(time=values["time"]).fillna(values)


def from_record(values: xr.DataArray, history: History) -> xr.DataArray:
    """Make a predictor from a variable's record, along the same ``time``.

    Args:
        values: Along ``time``.
        history: Which predictor, of :data:`uflux_kedro.variables.HISTORY`.
    """
    if not history.months:
        return anomaly(values)
    first, *others = (lagged(values, k) if k else values for k in history.months)
    return sum(others, first) / len(history.months)
