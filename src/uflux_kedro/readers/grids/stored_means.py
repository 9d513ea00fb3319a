"""Means over time of stored maps: each chunk is unpacked once and added while it is in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import dask
import dask.array as da
import numpy as np

from uflux_kedro.readers.grids.accumulations import refuse_rising_days
from uflux_kedro.readers.grids.guards import allowed
from uflux_kedro.readers.grids.hdf5_chunks import UnreadableChunkError
from uflux_kedro.readers.grids.stored_array import VALUES_PER_CHUNK
from uflux_kedro.readers.grids.stored_record import Geometry, StoredRecord

_TIMES_PER_TASK = 384
"""Sixteen days of hours: a month is two tasks, and sums are few compared with maps."""

_VALUES_PER_TASK = 2**20
"""Most sums of several spans in one task: 8 MiB."""

_MOST_TIMES_UNPACKED = 2
"""Where chunks hold many times and spans are short, blocks that spans share are unpacked less often."""


@dataclass(frozen=True)
class Sums:
    """Weighted sums over spans of time, in the order of the files.

    Attributes:
        sums: Sums (spans, rows, columns) of the values that are not missing.
        missing: Weights of those that are; None if none is.
        weights: Sum of all weights (spans,).
    """

    sums: np.ndarray
    missing: np.ndarray | None
    weights: np.ndarray


def means(
    record: StoredRecord, spans: Sequence[slice], weights: Sequence[np.ndarray]
) -> da.Array | None:
    """Return weighted means over spans of time of the values that are not missing, lazily.

    Args:
        record: The maps.
        spans: Times of each span, in order.
        weights: Whole numbers (times of the span,), such as seconds, of which sums are exact.

    Returns:
        Means (spans, latitude, longitude) in single precision, NaN where no value is. None if chunks
        hold so many times that most would be unpacked more than twice. Computing them raises what
        computing the record raises.
    """
    groups = _groups(record, spans)
    if _times_unpacked(record, [[spans[i] for i in group] for group in groups]) > (
        _MOST_TIMES_UNPACKED
    ):
        return None
    source = dask.delayed(record, pure=False, traverse=False)
    sums, finish = dask.delayed(sums_over, pure=False), dask.delayed(mean_of, pure=False)
    at_once = dask.delayed(means_of_spans, pure=False)
    means = []
    for group in groups:
        first, last = spans[group[0]].start, spans[group[-1]].stop
        span = np.repeat(np.arange(len(group)), [spans[i].stop - spans[i].start for i in group])
        weight = np.concatenate([weights[i] for i in group]).astype(np.float64)
        n = len(group)
        parts = [
            (a, b, span[a - first : b - first], weight[a - first : b - first], n)
            for a, b in pairwise(_cuts(record, first, last) if n == 1 else [first, last])
        ]
        if len(parts) == 1:
            mean = at_once(source, *parts[0])
        else:
            mean = finish(record.geometry, [sums(source, *part) for part in parts])
        means.append(da.from_delayed(mean, (n, *record.shape[1:]), np.float32))
    return da.concatenate(means) if len(means) > 1 else means[0]


def _groups(record: StoredRecord, spans: Sequence[slice]) -> list[list[int]]:
    """Group short spans without gaps or overlaps between them, so that a task is worth its cost."""
    most = max(1, _VALUES_PER_TASK // int(np.prod(record.shape[1:])))
    groups: list[list[int]] = []
    for i, span in enumerate(spans):
        together = (
            groups
            and len(groups[-1]) < most
            and span.start == spans[groups[-1][-1]].stop
            and span.stop - spans[groups[-1][0]].start <= _TIMES_PER_TASK
        )
        if together:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def _chunk_starts(record: StoredRecord) -> np.ndarray:
    """Return the times at which chunks start, as numbers of the periods that are made of them."""
    starts = [
        start + np.arange(0, piece.chunks.shape[0], piece.chunks.sizes[0])
        for piece, start in zip(record.pieces, record.starts[:-1], strict=True)
    ]
    return np.concatenate(starts) - (record.rate is not None)


def _cuts(record: StoredRecord, first: int, last: int) -> list[int]:
    """Cut a long span where chunks start."""
    cuts = [first]
    for start in _chunk_starts(record):
        if start - cuts[-1] >= _TIMES_PER_TASK and start < last:
            cuts.append(int(start))
    return [*cuts, last]


def _times_unpacked(record: StoredRecord, groups: list[list[slice]]) -> float:
    """Return how often chunks are unpacked, on average."""
    starts = _chunk_starts(record)
    ends = [group[-1].stop for group in groups]
    begins = [group[0].start for group in groups]
    touched = np.searchsorted(starts, ends, "left") - np.searchsorted(starts, begins, "right") + 1
    used = np.searchsorted(starts, max(ends), "left") - np.searchsorted(
        starts, min(begins), "right"
    )
    return float(touched.sum() / (used + 1))


def sums_over(
    record: StoredRecord, first: int, last: int, spans: np.ndarray, weights: np.ndarray, n: int
) -> Sums:
    """Return weighted sums over spans of time.

    Args:
        record: The maps.
        first: First time.
        last: Time after the last.
        spans: Number of the span (last - first,) of each time.
        weights: Weight (last - first,) of each time.
        n: Number of spans.

    Raises:
        InputError: If a file is damaged, or values are not what they should be.
    """
    known = slice(0, len(spans))
    if record.rate is not None and last == len(record.times):
        known = slice(0, len(spans) - 1)  # the last hour has no rate
    totals = np.bincount(spans[known], weights[known], minlength=n)
    shape = (n, *record.pieces[0].chunks.shape[1:])
    into = np.zeros(shape), np.zeros(shape)
    try:
        sound = _add(record, first, spans[known], weights[known], *into)
    except UnreadableChunkError:
        sound = False
    if not sound:  # the slower way says what is wrong, or reads it nevertheless
        into = np.zeros(shape), np.zeros(shape)
        _add_slowly(record, first, spans[known], weights[known], *into)
    sums, missing = into
    return Sums(sums, missing if missing.any() else None, totals)


def _add(
    record: StoredRecord,
    first: int,
    spans: np.ndarray,
    weights: np.ndarray,
    sums: np.ndarray,
    missing: np.ndarray,
) -> bool:
    """Add maps of times from ``first``; return whether all values are within their bounds."""
    begin = first if record.rate is None else first + 1
    since = np.zeros(0, dtype=np.bool_)
    if record.rate == "day":
        # A sum since 00 UTC is counted from the one before, unless that is of the day before.
        since = record.hours[first : first + len(spans)] != 0
        if len(spans) and since[0]:
            begin = first
            since = np.concatenate([[False], since])
            spans, weights = np.concatenate([[-1], spans]), np.concatenate([[0.0], weights])
    one = record.pieces[0]
    previous = np.zeros(one.chunks.shape[1:] if since.size else (0, 0), np.float32)
    levels = np.zeros(len(spans) if record.rate == "hour" else 0)
    step = one.step if record.rate is None else "hour"
    limits = np.array(allowed(one.variable, step), dtype=np.float32)
    outside, done = 0, 0
    for piece, a, b in record.overlapping(begin, begin + len(spans)):
        now = slice(done, done + b - a)
        done += b - a
        plan = (spans[now], weights[now], since[now])
        outside += piece.add(a, plan, previous, limits, (sums, missing, levels[now]))
    if outside == 0 and levels.size:
        hours = record.hours[begin : begin + len(spans)]
        refuse_rising_days(levels, hours, one.variable, record.where)
    return outside == 0


def _add_slowly(
    record: StoredRecord,
    first: int,
    spans: np.ndarray,
    weights: np.ndarray,
    sums: np.ndarray,
    missing: np.ndarray,
) -> None:
    size = max(1, VALUES_PER_CHUNK // int(np.prod(record.shape[1:])))
    for start in range(0, len(spans), size):
        maps = record.values(first + start, first + min(start + size, len(spans)))
        for span, weight, values in zip(spans[start:], weights[start:], maps, strict=False):
            present = ~np.isnan(values)
            np.add(sums[span], weight * values.astype(np.float64), out=sums[span], where=present)
            missing[span] += weight * ~present


def means_of_spans(record: StoredRecord, *part: Any) -> np.ndarray:
    """Return the means of spans that are one task; the arguments are those of :func:`sums_over`."""
    return mean_of(record.geometry, [sums_over(record, *part)])


def mean_of(geometry: Geometry, parts: Sequence[Sums]) -> np.ndarray:
    """Return the means (spans, latitude, longitude) of sums, in single precision."""
    sums = _total([part.sums for part in parts])
    weights = _total([part.weights for part in parts])[:, None, None]
    missing = [part.missing for part in parts if part.missing is not None]
    weight = weights - _total(missing) if missing else weights
    found = np.empty(sums.shape, np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        np.divide(sums, weight, out=found, casting="same_kind")
    return geometry.arrange(found)


def _total(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return the sum of arrays, which stay as they are."""
    total = arrays[0]
    for i, array in enumerate(arrays[1:]):
        total = total + array if i == 0 else np.add(total, array, out=total)
    return total
