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

_LONGEST = {"month": np.timedelta64(31, "D"), "day": np.timedelta64(1, "D")}
_LEAP_FEBRUARY = np.timedelta64(29, "D")
_FREQUENCIES = {"month": "MS", "day": "D"}


def monthly_means(cube: xr.Dataset, source: str, *, whole: bool = False) -> xr.Dataset:
    """Mean of each month; see :func:`means_over`."""
    return means_over(cube, source, "month", whole=whole)


def means_over(cube: xr.Dataset, source: str, span: Span, *, whole: bool = False) -> xr.Dataset:
    """Mean of each month or day, of the values that are there.

    Blocks of the record are summed up one by one, so that memory does not grow with it.

    Args:
        cube: With ``time`` and ``time_bnds``; without time it is returned as it is.
        source: Name, for the message.
        span: ``month`` or ``day``, in UTC.
        whole: Whether to leave out those of which a part of the record is missing; else they are
            the mean of what there is, and one of which there is nothing is missing.

    Returns:
        The cube by months or days with ``time_bnds``, lazy where the cube is. Those that the
        record covers in part, at its beginning and end, are left out.

    Raises:
        InputError: If none is covered in full, or periods are longer than what is asked for.
    """
    if "time" not in cube.dims:
        return cube
    # A coordinate that waits on dask, as from Zarr, has chunks of its own.
    cube = cube.assign_coords(time_bnds=cube["time_bnds"].compute())
    starts, ends = (cube["time_bnds"].isel(bnds=i).to_numpy() for i in (0, 1))
    longest = pd.Timedelta((ends - starts).max())
    if longest > _LONGEST[span]:
        expected = f"periods of a {span} at most"
        raise InputError(source, "time", expected=expected, found=str(longest))
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
    means, kept = [], []
    for first, last in pairwise(edges):
        inside = slice(np.searchsorted(ends, first, "right"), np.searchsorted(starts, last, "left"))
        overlap = np.minimum(ends[inside], last) - np.maximum(starts[inside], first)
        # A calendar without leap days has all of a February of 29.
        spare = np.timedelta64(int(last - first == _LEAP_FEBRUARY), "D")
        if whole and overlap.sum() < last - first - spare:
            logger.warning("%s: parts of %s to %s are missing: left out", source, first, last)
            continue
        if not overlap.size:
            logger.warning("%s: nothing from %s to %s: missing", source, first, last)
        kept.append((first, last))
        means.append(_weighted_mean(cube.isel(time=inside), overlap / (last - first)))
    if not kept:
        raise InputError(source, "time", expected=f"a {span} in full", found="parts of them")
    bounds = np.array(kept)
    spans = xr.concat(means, dim=pd.DatetimeIndex(bounds[:, 0], name="time"))
    spans["time"].attrs = dict(cube["time"].attrs)
    return spans.assign_coords(time_bnds=(("time", "bnds"), bounds)).assign_attrs(cube.attrs)


def _weighted_mean(cube: xr.Dataset, weights: np.ndarray) -> xr.Dataset:
    """Mean over time by weight, of the values that are there; NaN where there are none."""
    weighted = cube.drop_vars("time_bnds").weighted(xr.DataArray(weights, dims="time"))
    return weighted.mean("time", keep_attrs=True).astype("float32", keep_attrs=True)
