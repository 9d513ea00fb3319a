"""Predictors from a place's record: departure from the usual month, and earlier months.

Earlier months are found by the calendar, never by the row. A month that is missing, before the
start of the record or in a gap, gets the mean of that calendar month in other years. Arrays have
a dimension ``time`` (starts of months) and any others; lazy inputs give lazy results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from uflux_kedro.lazy import pd, xr


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


def running_mean(values: xr.DataArray, months: int) -> xr.DataArray:
    """Return the mean of ``months`` months: this one and those before, by :func:`lagged`."""
    return sum((lagged(values, k) for k in range(1, months)), values) / months


HISTORIES: Mapping[str, Callable[[xr.DataArray], xr.DataArray]] = {
    "ANOM": anomaly,
    "LAG1": lambda values: lagged(values, 1),
    "RUN3": lambda values: running_mean(values, 3),
}
"""Ending of a predictor's name -> function of the place's record."""
