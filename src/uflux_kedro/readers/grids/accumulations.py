"""Sums that pile up to a timestamp, as ERA5 and ERA5-Land ship radiation and rain by the hour.

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
"""Share of the largest sum that packed integers may be off."""
_DAYS_TO_JUDGE_BY = 3
"""Hours of one day may rise by chance, as in a single cell at the end of which it rains."""


def rates(data: xr.DataArray, over: Literal["hour", "day"]) -> xr.DataArray:
    """Mean over the hour that each time starts.

    Args:
        data: Sums an hour (time, ...), already in the unit of a rate an hour, lazily or not; the
            times are hours without gaps.
        over: ``hour``: each value is the sum of the hour that ends at its time (ERA5). ``day``:
            each is the sum since 00 UTC, and that of 00 UTC the whole day before (ERA5-Land).

    Returns:
        Means (time, ...) of the same type; the last hour of the record is NaN, since its sum
        stands under the time at which the record would go on.
    """
    following = data.shift(time=-1)
    if over == "hour":
        return following
    # At 00 UTC the day begins from nothing: what stands there is the day before.
    begun = data.where(data["time"].dt.hour != 0, 0)
    return (following - begun).assign_attrs(data.attrs)


def refuse_sums_of_the_day(data: xr.DataArray, where: str) -> xr.DataArray:
    """Check sums of the hour as they are computed: that they do not pile up through the day.

    Radiation that piles up leaves its bounds. Rain stays within those of an hour.

    Args:
        data: Sums (time, ...) that are said to be of the hour, on dask; times are hours.
        where: Files, for the message.

    Returns:
        The same; computing it raises InputError where whole days of a block rise from 01 to 24 UTC
        and begin anew.
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
    begin = np.flatnonzero(hours.ravel() == 1)
    days = [level[i : i + 24] for i in begin if i + 24 <= level.size]
    slack = _PACKING * level.max(initial=0.0)
    rising = [day for day in days if day[-1] > day[0] + slack]
    # One day on which a sum falls, and no sums pile up.
    falling = any((np.diff(day) < -slack).any() for day in days)
    if len(rising) >= _DAYS_TO_JUDGE_BY and not falling:
        raise InputError(
            where,
            name,
            expected="sums of the hour before each time",
            found=f"sums that pile up from 01 to 24 UTC, on each of {len(rising)} days",
            hint="As ERA5-Land has them: read with the reader era5_land",
        )
    return values
