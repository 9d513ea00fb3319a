"""Means over time: of months and days, or of given steps, each period weighted by its overlap.

All canonical units are rates or states, so a mean is the right aggregate for each of them.
"""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from uflux_kedro.errors import InputError
from uflux_kedro.lazy import pd, xr

logger = logging.getLogger(__name__)

Span = Literal["month", "day"]

_LONGEST = {"month": np.timedelta64(31, "D"), "day": np.timedelta64(1, "D")}
_LEAP_FEBRUARY = np.timedelta64(29, "D")
_FREQUENCIES = {"month": "MS", "day": "D"}


def monthly_means(cube: xr.Dataset, source: str, *, whole: bool = False) -> xr.Dataset:
    """Return the mean of each month; see :func:`means_over`."""
    return means_over(cube, source, "month", whole=whole)


def means_over(cube: xr.Dataset, source: str, span: Span, *, whole: bool = False) -> xr.Dataset:
    """Return the mean of each month or day over the values that are not missing.

    Months or days are averaged one after the other, so that memory does not grow with the record.

    Args:
        cube: With ``time`` and ``time_bnds``; a cube without time is returned as it is.
        source: Name of the source, for messages.
        span: ``month`` or ``day``, in UTC.
        whole: Whether to drop months or days that the record covers in part. By default they are
            the mean of the periods that exist, and NaN if there are none.

    Returns:
        The cube by months or days with ``time_bnds``, lazy where the cube is. Incomplete ones at
        the beginning and the end of the record are dropped.

    Raises:
        InputError: If no month or day is covered in full, or periods are longer than ``span``.
    """
    if "time" not in cube.dims:
        return cube
    # A lazy coordinate, as from Zarr, would have chunks of its own.
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
            logger.info("%s: dropped %s to %s, an incomplete %s", source, start, end, span)
    inside_all, overlaps, kept = [], [], []
    for first, last in pairwise(edges):
        inside = slice(np.searchsorted(ends, first, "right"), np.searchsorted(starts, last, "left"))
        overlap = np.minimum(ends[inside], last) - np.maximum(starts[inside], first)
        # A calendar without leap days covers a February of 29 days in full.
        spare = np.timedelta64(int(last - first == _LEAP_FEBRUARY), "D")
        if whole and overlap.sum() < last - first - spare:
            logger.warning("%s: dropped %s to %s: parts of it are missing", source, first, last)
            continue
        if not overlap.size:
            logger.warning("%s: no data from %s to %s: set to missing", source, first, last)
        kept.append((first, last))
        inside_all.append(inside)
        overlaps.append(overlap)
    if not kept:
        raise InputError(source, "time", expected=f"a {span} in full", found="only parts of them")
    bounds = np.array(kept)
    time = pd.DatetimeIndex(bounds[:, 0], name="time")
    fields = cube.drop_vars("time_bnds")
    stored = _means_of_stored(fields, inside_all, overlaps)
    others = fields.drop_vars(list(stored))
    spans = xr.Dataset(stored, fields.drop_dims("time").coords | {"time": time})
    if others.data_vars:
        lengths = bounds[:, 1] - bounds[:, 0]
        means = [
            _weighted_mean(others.isel(time=inside), overlap / length)
            for inside, overlap, length in zip(inside_all, overlaps, lengths, strict=True)
        ]
        spans = xr.concat(means, dim=time).assign(stored)[list(cube.data_vars)]
    spans["time"].attrs = dict(cube["time"].attrs)
    return spans.assign_coords(time_bnds=(("time", "bnds"), bounds)).assign_attrs(cube.attrs)


def _means_of_stored(
    fields: xr.Dataset, inside: list[slice], overlaps: list[np.ndarray]
) -> dict[str, Any]:
    """Return means of the variables that are read from files unchanged, made while unpacking them."""
    from uflux_kedro.readers.grids import stored_means
    from uflux_kedro.readers.grids.stored_record import record_of

    if not all(overlap.size for overlap in overlaps):
        return {}
    weights = [overlap.astype("timedelta64[s]").astype(np.int64) for overlap in overlaps]
    found = {}
    for name, data in fields.data_vars.items():
        record = record_of(data)
        means = None if record is None else stored_means.means(record, inside, weights)
        if means is not None:
            found[str(name)] = (data.dims, means, data.attrs)
    return found


def means_of_steps(
    cube: xr.Dataset, edges: pd.DatetimeIndex, source: str, maps: int = 1
) -> xr.Dataset:
    """Return the mean of a cube over each of the given steps.

    A step within one longer period takes that period's values.

    Args:
        cube: With ``time`` and ``time_bnds``.
        edges: Edges (n + 1,) of the steps, in order.
        source: Name of the source, for the message.
        maps: Periods of the cube that are in memory at a time, where each step lies in one.

    Returns:
        The cube on the steps (n), with their ``time_bnds``, lazily.

    Raises:
        InputError: If the cube does not cover the steps.
    """
    starts, ends = cube["time_bnds"].compute().transpose("time", ...).to_numpy().T
    low, high = edges[:-1].to_numpy(), edges[1:].to_numpy()
    first = np.searchsorted(ends, low, "right")
    last = np.searchsorted(starts, high, "left")
    if starts[0] > low[0] or ends[-1] < high[-1] or (first >= last).any():
        raise InputError(
            source,
            "time",
            expected=f"periods from {low[0]:.10} to {high[-1]:.10}".replace("T", " "),
            found=f"{pd.Timestamp(starts[0]):%Y-%m-%d} to {pd.Timestamp(ends[-1]):%Y-%m-%d}",
        )
    # Fields grow on a finer grid: one period at a time is in memory.
    fields = cube.drop_vars("time_bnds")
    if (last - first == 1).all():
        stepped = fields.isel(time=first).chunk(time=maps)
    else:
        fields = fields.chunk(time=1)
        means = []
        for i, j, (begin, end) in zip(first, last, pairwise(edges.to_numpy()), strict=True):
            overlap = np.minimum(ends[i:j], end) - np.maximum(starts[i:j], begin)
            means.append(_weighted_mean(fields.isel(time=slice(i, j)), overlap / (end - begin)))
        stepped = xr.concat(means, "time")
    stepped = stepped.assign_coords(time=("time", low, dict(cube["time"].attrs)))
    bounds = ("time", "bnds"), np.column_stack([low, high])
    return stepped.assign_coords(time_bnds=bounds).assign_attrs(cube.attrs)


def on_periods(cube: xr.Dataset, other: xr.Dataset) -> xr.Dataset:
    """Return a cube on the periods of another: its own there, or the means of those in each.

    Args:
        cube: With ``time``; with ``time_bnds`` where its periods are shorter than the other's.
        other: With ``time`` and ``time_bnds``, without gaps where its periods are longer.

    Raises:
        InputError: If the cube does not cover the periods.
    """
    bounds = other["time_bnds"].transpose("time", ...).to_numpy()
    if "time_bnds" in cube:
        own = cube["time_bnds"].compute().transpose("time", ...).to_numpy()
        place = np.searchsorted(own[:, 0], bounds[:, 0]).clip(max=len(own) - 1)
        if not np.array_equal(own[place], bounds):
            edges = pd.DatetimeIndex([*bounds[:, 0], bounds[-1, 1]])
            timed = cube[[str(n) for n, v in cube.data_vars.items() if "time" in v.dims]]
            timed = timed.drop_vars("time_bnds", errors="ignore")
            return means_of_steps(timed.assign_coords(time_bnds=cube["time_bnds"]), edges, "cube")
    return cube.sel(time=other["time"])


def _weighted_mean(fields: xr.Dataset, weights: np.ndarray) -> xr.Dataset:
    """Return the weighted mean over time of the values that are not missing; NaN without any."""
    weighted = fields.weighted(xr.DataArray(weights, dims="time"))
    return weighted.mean("time", keep_attrs=True).astype("float32", keep_attrs=True)
