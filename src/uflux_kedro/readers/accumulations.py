"""Sums that pile up to a timestamp, as ERA5 and ERA5-Land ship radiation and rain by the hour.

Source: ECMWF, "Conversion table for accumulated variables (total precipitation/fluxes)",
confluence.ecmwf.int/pages/viewpage.action?pageId=197702790.
"""

from __future__ import annotations

from typing import Literal

import xarray as xr


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
