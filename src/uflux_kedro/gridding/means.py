"""Means of months and days, every period weighted by its share in them.

All canonical units are rates or states, so that a mean is right for each of them.
"""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import Literal

import numpy as np

from uflux_kedro.errors import InputError
from uflux_kedro.lazy import pd, xr

logger = logging.getLogger(__name__)

Span = Literal["month", "day"]

_FREQUENCIES = {"month": "MS", "day": "D"}


def monthly_means(cube: xr.Dataset, source: str) -> xr.Dataset:
    """Mean of each month; see :func:`means_over`."""
    return means_over(cube, source, "month")


def means_over(cube: xr.Dataset, source: str, span: Span) -> xr.Dataset:
    """Mean of each month or day, of the values that are there.

    Blocks of the record are summed up one by one, so that memory does not grow with it.

    Args:
        cube: With ``time`` and ``time_bnds``; without time it is returned as it is.
        source: Name, for the message.
        span: ``month`` or ``day``, in UTC.

    Returns:
        The cube by months or days with ``time_bnds``, lazy where the cube is. Those that the
        record covers in part, at its beginning and end, are left out.

    Raises:
        InputError: If none is covered in full or one not at all, or the periods are longer than a day where days
            are asked for.
    """
    if "time" not in cube.dims:
        return cube
    # A coordinate that waits on dask, as from Zarr, has chunks of its own.
    cube = cube.assign_coords(time_bnds=cube["time_bnds"].compute())
    starts, ends = (cube["time_bnds"].isel(bnds=i).to_numpy() for i in (0, 1))
    if span == "day" and (ends - starts > np.timedelta64(1, "D")).any():
        longest = pd.Timedelta((ends - starts).max())
        raise InputError(source, "time", expected="periods of a day at most", found=str(longest))
    firsts = pd.date_range(starts[0], ends[-1], freq=_FREQUENCIES[span], normalize=True)
    edges = firsts[(firsts >= starts[0]) & (firsts <= ends[-1])].to_numpy()
    if np.array_equal(starts, edges[:-1]) and np.array_equal(ends, edges[1:]):
        return cube
    if len(edges) < 2:
        raise InputError(
            source, "time", expected=f"a {span} in full", found=f"{starts[0]} to {ends[-1]}"
        )
    for start, end in ((starts[0], edges[0]), (edges[-1], ends[-1])):
        if start < end:
            logger.info("%s: from %s to %s is no whole %s: left out", source, start, end, span)
    means = []
    for first, last in pairwise(edges):
        inside = slice(np.searchsorted(ends, first, "right"), np.searchsorted(starts, last, "left"))
        if inside.stop <= inside.start:
            raise InputError(
                source,
                "time",
                expected=f"something of every {span} from {starts[0]} to {ends[-1]}",
                found=f"nothing from {first} to {last}",
                hint="Fetch what is missing",
            )
        overlap = np.minimum(ends[inside], last) - np.maximum(starts[inside], first)
        means.append(_weighted_mean(cube.isel(time=inside), overlap / (last - first)))
    spans = xr.concat(means, dim=pd.DatetimeIndex(edges[:-1], name="time"))
    spans["time"].attrs = dict(cube["time"].attrs)
    bounds = np.column_stack([edges[:-1], edges[1:]])
    return spans.assign_coords(time_bnds=(("time", "bnds"), bounds)).assign_attrs(cube.attrs)


def _weighted_mean(cube: xr.Dataset, weights: np.ndarray) -> xr.Dataset:
    """Mean over time by weight, of the values that are there; NaN where there are none."""
    weighted = cube.drop_vars("time_bnds").weighted(xr.DataArray(weights, dims="time"))
    return weighted.mean("time", keep_attrs=True).astype("float32", keep_attrs=True)
