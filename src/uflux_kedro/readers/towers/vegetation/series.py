"""Vegetation indices of one place, by day, their mean year, and means over periods without gaps."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.readers.towers.aggregation import period_starts
from uflux_kedro.readers.towers.tables import Resolution
from uflux_kedro.readers.towers.vegetation.products import BANDS, BY_NAME, READY

_NEEDS: Mapping[str, tuple[str, ...]] = {
    "NDVI": ("NIR", "RED"),
    "EVI": ("NIR", "RED", "BLUE"),
    "EVI2": ("NIR", "RED"),
    "NIRv": ("NIR", "RED"),
    "LSWI": ("NIR", "SWIR"),
}
"""Index -> the bands that its formula takes."""
INDICES = tuple(_NEEDS)

LEAST_DAYS: Mapping[Resolution, int] = {"MM": 3, "WW": 2, "DD": 1}
"""Clear days that a period needs; the mean year stands for one with fewer."""
LEAST_CLEAR = 10
"""Clear days that a place needs for a mean year."""
_HALF_WINDOW = 15
"""Days before and after over which the mean year is averaged: a month in all."""
_LEAST_IN_WINDOW = 3
_YEAR = 366


def indices_from(bands: Collection[str]) -> set[str]:
    """Return the indices that follow from these bands, or are among them."""
    made = {name for name, needs in _NEEDS.items() if {*needs} <= {*bands}}
    return made | ({*READY} & {*bands})


def good_reflectance(table: pd.DataFrame, product: str, keep_snow: bool = True) -> pd.DataFrame:
    """Mask a product's values by its quality, and compute vegetation indices.

    Args:
        table: Of one product: ``time``, variables as shares, and words of quality, as of
            :func:`uflux_kedro.readers.towers.vegetation.forms.parse`.
        product: Name of the product.
        keep_snow: Whether to keep days with snow on the ground.

    Returns:
        ``time``, the bands that the table has (0-1) and the indices that follow from them; NaN where
        the quality is not good. Indices of the product itself stand where bands are missing.
    """
    # Imported here because the formulas import xarray, which is slow.
    from uflux_kedro.biophysics import vegetation_indices

    good = BY_NAME[product].good(table, keep_snow)
    names = [name for name in (*BANDS, *READY) if name in table]
    values = {name: table[name].where(good[name]).to_numpy() for name in names}
    made = {
        name: getattr(vegetation_indices, name.lower())(**{band: values[band] for band in needs})
        for name, needs in _NEEDS.items()
        if {*needs} <= values.keys()
    }
    return pd.DataFrame({"time": table["time"].to_numpy()} | values | made)


def by_day(record: pd.DataFrame, days: NDArray[np.datetime64], length: int) -> pd.DataFrame:
    """Return the values that hold on each day.

    Args:
        record: ``time``, sorted, each once, and values.
        days: Days, sorted.
        length: Days that a value stands for, from its date on, at most until the next.

    Returns:
        The values by day, NaN where none holds.
    """
    times = record["time"].to_numpy()
    place = np.searchsorted(times, days, side="right") - 1
    holds = (place >= 0) & (days - times[place] < np.timedelta64(length, "D"))
    values = record.drop(columns="time").take(np.where(holds, place, 0)).reset_index(drop=True)
    return values.where(pd.Series(holds))


def usual_year(values: NDArray[np.float64], day_of_year: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean of each day of the year over a place's record.

    Args:
        values: By day, NaN where there is none.
        day_of_year: 1 to 366 of each day.

    Returns:
        366 values, each the mean over the clear days within 15 days of that date in all years; where
        they are fewer than 3, as in polar night, a line between the dates around. NaN throughout in a
        record of fewer than :data:`LEAST_CLEAR` clear days.
    """
    seen = np.isfinite(values)
    if seen.sum() < LEAST_CLEAR:
        return np.full(_YEAR, np.nan)
    place = day_of_year[seen] - 1
    total = _around(np.bincount(place, values[seen], _YEAR).astype(np.float64))
    count = _around(np.bincount(place, minlength=_YEAR).astype(np.float64))
    known = count >= min(_LEAST_IN_WINDOW, count.max())
    dates = np.arange(_YEAR)
    return np.interp(dates, dates[known], total[known] / count[known], period=_YEAR)


def _around(of_day: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the days around each, across the turn of the year."""
    wrapped = np.concatenate([of_day[-_HALF_WINDOW:], of_day, of_day[:_HALF_WINDOW]])
    return np.convolve(wrapped, np.ones(2 * _HALF_WINDOW + 1), mode="valid")


def over_periods(
    record: pd.DataFrame, length: int, periods: pd.Series, resolution: Resolution
) -> pd.DataFrame:
    """Average a place's indices over periods, and fill gaps by the place's mean year.

    Args:
        record: ``time`` and values, as of :func:`good_reflectance`, sorted, each day once.
        length: Days that a value stands for.
        periods: Starts of the periods, sorted.
        resolution: Their length.

    Returns:
        The indices in each period: the mean over clear days, or over the mean year where there are
        fewer than :data:`LEAST_DAYS`. ``QC`` is the share of the period's days that NDVI was seen on,
        0 where the mean year stands.
    """
    names = [name for name in INDICES if name in record]
    known = pd.DatetimeIndex(record["time"])
    end = periods.iloc[-1] + pd.Timedelta(days=31)
    span = pd.date_range(min(known[0], periods.iloc[0]), max(known[-1], end), freq="D")
    daily = by_day(record[["time", *names]], span.to_numpy(), length)
    starts = period_starts(pd.Series(span), resolution).to_numpy()
    first = np.flatnonzero(np.r_[True, starts[1:] != starts[:-1]])
    days = np.diff(np.r_[first, len(span)])
    wanted = np.searchsorted(starts[first], periods.to_numpy())
    day_of_year = span.day_of_year.to_numpy().astype(np.int64)
    made: dict[str, NDArray[np.float64]] = {}
    for name in names:
        values = daily[name].to_numpy()
        seen = np.isfinite(values)
        count = np.add.reduceat(seen.astype(np.float64), first)
        clear = np.add.reduceat(np.where(seen, values, 0.0), first) / np.maximum(count, 1)
        usual = np.add.reduceat(usual_year(values, day_of_year)[day_of_year - 1], first) / days
        enough = count >= LEAST_DAYS[resolution]
        made[name] = np.where(enough, clear, usual)[wanted]
        if name == "NDVI":
            made["QC"] = np.where(enough, count / days, 0.0)[wanted]
    return pd.DataFrame(made)
