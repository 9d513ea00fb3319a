"""Convert accumulations, the hourly radiation and rain of ERA5 and ERA5-Land, to means.

Source: ECMWF, "Conversion table for accumulated variables (total precipitation/fluxes)",
confluence.ecmwf.int/pages/viewpage.action?pageId=197702790.
"""

from __future__ import annotations

from typing import Literal

import dask.array as da
import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError

_PACKING = 1e-3
"""Rounding error of packed integers, as a share of the largest sum."""
_DAYS_TO_JUDGE_BY = 3
"""On one day sums may increase by chance, as in a single cell with rain in the evening."""


def rates(data: xr.DataArray, over: Literal["hour", "day"]) -> xr.DataArray:
    """Convert sums to means over the hour that starts at each time.

    Args:
        data: Hourly sums (time, ...) in the unit of a rate per hour; numpy or dask. The times are
            hours without gaps.
        over: ``hour``: each value is the sum over the hour that ends at its time (ERA5). ``day``:
            each is the sum since 00 UTC, at 00 UTC that of the day before (ERA5-Land).

    Returns:
        Means (time, ...) of the same type; the last hour is NaN, since its sum would be stored
        at the next time.
    """
    following = data.shift(time=-1)
    if over == "hour":
        return following
    # The value at 00 UTC is the sum of the day before; the new day starts at 0.
    begun = data.where(data["time"].dt.hour != 0, 0)
    return (following - begun).assign_attrs(data.attrs)


def refuse_sums_of_the_day(data: xr.DataArray, where: str) -> xr.DataArray:
    """Check, when sums are computed, that they are of each hour and not since the start of the day.

    Radiation accumulated over a day exceeds its bounds, but rain does not.

    Args:
        data: Sums (time, ...) that should be of each hour, on dask; times are hours.
        where: Files, for the message.

    Returns:
        The same sums; computing them raises InputError if on whole days of a block they increase
        from 01 to 24 UTC and then start again.
    """
    hours = da.from_array(data["time"].dt.hour.to_numpy(), chunks=(data.data.chunks[0],))
    others = (None,) * (data.ndim - 1)
    checked = da.map_blocks(
        _refuse, data.data, hours[(slice(None), *others)], str(data.name), where,
        dtype=data.dtype, meta=data.data._meta,
    )  # fmt: skip
    return data.copy(data=checked)


def _refuse(values: np.ndarray, hours: np.ndarray, name: str, where: str) -> np.ndarray:
    level = np.nansum(values.astype("float64"), axis=tuple(range(1, values.ndim)))
    refuse_rising_days(level, hours.ravel(), name, where)
    return values


def refuse_rising_days(level: np.ndarray, hours: np.ndarray, name: str, where: str) -> None:
    """Check that sums do not rise from 01 to 24 UTC on whole days.

    Args:
        level: Sum (n,) of each map.
        hours: Hour (n,) of each map, UTC.
        name: Canonical name, for the message.
        where: Files, for the message.

    Raises:
        InputError: If they rise on three days or more and fall on none.
    """
    begin = np.flatnonzero(hours == 1)
    days = [level[i : i + 24] for i in begin if i + 24 <= level.size]
    slack = _PACKING * level.max(initial=0.0)
    rising = [day for day in days if day[-1] > day[0] + slack]
    # If a sum decreases within any day, they are not accumulated over the day.
    falling = any((np.diff(day) < -slack).any() for day in days)
    if len(rising) >= _DAYS_TO_JUDGE_BY and not falling:
        raise InputError(
            where,
            name,
            expected="sums over the hour before each time",
            found=f"sums that pile up from 01 to 24 UTC, on each of {len(rising)} days",
            hint="ERA5-Land has such sums: use the reader era5_land",
        )
