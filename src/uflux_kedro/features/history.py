"""What a place's record says beside the month itself: its usual month, and the months before.

By the calendar, never by the row: a month that the record lacks, before its start or in a gap,
is taken to have been as that calendar month is there in other years. Arrays have a dimension
``time`` of starts of months and any others; what is lazy stays lazy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from uflux_kedro.lazy import pd, xr


def mean_year(values: xr.DataArray) -> xr.DataArray:
    """Mean of each calendar month over a place's record.

    Args:
        values: Along ``time``.

    Returns:
        Along ``month``, 1 to 12; NaN where a month was never seen.
    """
    return values.groupby("time.month").mean().reindex(month=np.arange(1, 13))


def of_month(year: xr.DataArray, time: xr.DataArray) -> xr.DataArray:
    """A place's year laid along ``time``."""
    return year.sel(month=time.dt.month).drop_vars("month")


def climatology(values: xr.DataArray) -> xr.DataArray:
    """Mean of the calendar month over the place's record, along ``time``."""
    return of_month(mean_year(values), values["time"])


def anomaly(values: xr.DataArray) -> xr.DataArray:
    """Departure from the mean of the calendar month; 0 in a record of one year."""
    return values - climatology(values)


def lagged(values: xr.DataArray, months: int) -> xr.DataArray:
    """Values of ``months`` calendar months before.

    Args:
        values: Along ``time``.
        months: How many.

    Returns:
        Along the same ``time``. Where the record lacks the month before, the mean of that
        calendar month; where it never saw that one either, the month's own value.
    """
    earlier = values.indexes["time"] - pd.DateOffset(months=months)
    before = values.reindex(time=earlier)
    before = before.fillna(of_month(mean_year(values), before["time"]))
    return before.assign_coords(time=values["time"]).fillna(values)


def running_mean(values: xr.DataArray, months: int) -> xr.DataArray:
    """Mean of the month and of those before, ``months`` in all, as :func:`lagged` gives them."""
    return sum((lagged(values, k) for k in range(1, months)), values) / months


HISTORIES: Mapping[str, Callable[[xr.DataArray], xr.DataArray]] = {
    "ANOM": anomaly,
    "LAG1": lambda values: lagged(values, 1),
    "RUN3": lambda values: running_mean(values, 3),
}
"""Ending of a predictor's name -> what it takes from the record."""
