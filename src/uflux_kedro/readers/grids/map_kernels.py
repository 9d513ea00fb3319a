"""Compiled kernels over the bytes of a chunk: unpack its maps, or add them to sums over time.

Both take one chunk (times, rows, columns) of which a part at the start of rows and columns is used,
since the last chunks of an axis reach beyond it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}


# Loops are functions of their own over rows and single numbers: the compiler makes vector
# instructions of them, which it does not where arrays are indexed by more than the loop.


@njit(**_OPTIONS)
def _unshuffle(lowest, second, third, highest, words):  # type: ignore[no-untyped-def]
    for x in range(words.size):
        words[x] = (
            np.uint32(lowest[x])
            | np.uint32(np.uint32(second[x]) << np.uint32(8))
            | np.uint32(np.uint32(third[x]) << np.uint32(16))
            | np.uint32(np.uint32(highest[x]) << np.uint32(24))
        )


@njit(**_OPTIONS)
def _gather(content, start, near, far, words):  # type: ignore[no-untyped-def]
    for x in range(words.size):
        word = np.uint64(0)
        for k in range(words.itemsize):
            byte = content[near * (start + x) + far * k]
            word |= np.uint64(byte) << np.uint64(8 * k)
        words[x] = word


@njit(**_OPTIONS)
def _convert(raw, scale, offset, factor, shift, values):  # type: ignore[no-untyped-def]
    for x in range(values.size):
        values[x] = (raw[x] * scale + offset) * factor + shift


@njit(**_OPTIONS)
def _unpack(content, shuffled, start, numbers, words, raw, fills, packing, values):  # type: ignore[no-untyped-def]
    """Unpack the numbers of a row, from ``start`` of a chunk of so many numbers, into ``values``.

    ``words`` and ``raw`` are the same memory, as integers without sign and as the stored type.
    """
    n, width = values.size, words.itemsize
    if shuffled and width == 4:
        _unshuffle(
            content[start : start + n],
            content[numbers + start : numbers + start + n],
            content[2 * numbers + start : 2 * numbers + start + n],
            content[3 * numbers + start : 3 * numbers + start + n],
            words,
        )
    elif shuffled:
        _gather(content, start, 1, numbers, words)
    else:
        _gather(content, start, width, 1, words)
    _convert(raw, packing[0], packing[1], packing[2], packing[3], values)
    for fill in fills:
        for x in range(n):
            if raw[x] == fill:
                values[x] = np.nan


@njit(**_OPTIONS)
def _beyond(row, lowest, highest):  # type: ignore[no-untyped-def]
    outside = np.int32(0)
    for x in range(row.size):
        outside += np.int32(row[x] < lowest) | np.int32(row[x] > highest)
    return outside


@njit(**_OPTIONS)
def _gaps(row):  # type: ignore[no-untyped-def]
    gaps = np.int32(0)
    for x in range(row.size):
        gaps += np.int32(row[x] != row[x])
    return gaps


@njit(**_OPTIONS)
def _add(row, weight, line):  # type: ignore[no-untyped-def]
    for x in range(row.size):
        line[x] += weight * row[x]


@njit(**_OPTIONS)
def _add_present(row, weight, line, missing):  # type: ignore[no-untyped-def]
    for x in range(row.size):
        present = row[x] == row[x]
        line[x] += weight * row[x] if present else 0.0
        missing[x] += 0.0 if present else weight


@njit(**_OPTIONS)
def _difference(row, previous, since):  # type: ignore[no-untyped-def]
    for x in range(row.size):
        now = row[x]
        if since:
            row[x] = now - previous[x]
        previous[x] = now


@njit(nogil=True, cache=True, fastmath={"reassoc"})
def _total(row):  # type: ignore[no-untyped-def]
    total = 0.0
    for x in range(row.size):
        total += row[x] if row[x] == row[x] else 0.0
    return total


@njit(**_OPTIONS)
def fill_maps(  # type: ignore[no-untyped-def]
    content, shuffled, sizes, first, words, raw, fills, packing, rows, corner, maps, times
):
    """Unpack so many times of a chunk into maps (n, rows, columns) in single precision.

    Args:
        content: Bytes of the chunk.
        shuffled: Whether its bytes are shuffled.
        sizes: Its times, rows and columns.
        first: First time.
        words: Space for the used columns of a row, as unsigned integers.
        raw: The same space, as the stored type.
        fills: Stored values that mean that a number is missing.
        packing: Scale and offset of the file, factor and shift of the unit; in the precision in
            which the numbers are unpacked.
        rows: First row of the chunk, and the row after the last.
        corner: Time, row and column of the first number in ``maps``.
        maps: Result.
        times: Number of times.
    """
    numbers = sizes[0] * sizes[1] * sizes[2]
    time, top, left = corner
    for t in range(times):
        for y in range(rows[0], rows[1]):
            start = ((first + t) * sizes[1] + y) * sizes[2]
            values = maps[time + t, top + y - rows[0], left : left + words.size]
            _unpack(content, shuffled, start, numbers, words, raw, fills, packing, values)


@njit(**_OPTIONS)
def add_maps(  # type: ignore[no-untyped-def]
    content, shuffled, sizes, first, words, raw, fills, packing,
    rows, corner, row, spans, weights, since, previous, limits, sums, missing, levels,
):  # fmt: skip
    """Add maps of a chunk, from time ``first``, to weighted sums over spans of time.

    Args:
        content: See :func:`fill_maps`, and so to ``packing``.
        shuffled: See there.
        sizes: See there.
        first: See there.
        words: See there.
        raw: See there.
        fills: See there.
        packing: See there.
        rows: Number of used rows of the chunk.
        corner: Row and column of its first number in the sums.
        row: Space for the used columns of a row in single precision.
        spans: Number (n,) of the span of each map; -1 for a map that is only what the next one is
            counted from.
        weights: Weight (n,) of each map.
        since: Whether (n,) the map before is subtracted; empty if none ever is.
        previous: Last map (rows, columns); used if ``since`` is not empty.
        limits: Lowest and highest allowed value.
        sums: Sums (spans, rows, columns); changed.
        missing: Weights (spans, rows, columns) of the missing values; changed.
        levels: Sum of each map (n,); changed. Empty if not wanted.

    Returns:
        Number of values outside the limits or infinite.
    """
    numbers = sizes[0] * sizes[1] * sizes[2]
    lowest, highest = limits[0], limits[1]
    top, left = corner
    right = left + row.size
    outside = 0
    for t in range(spans.size):
        span, weight = spans[t], weights[t]
        for y in range(rows):
            start = ((first + t) * sizes[1] + y) * sizes[2]
            _unpack(content, shuffled, start, numbers, words, raw, fills, packing, row)
            if since.size:
                _difference(row, previous[top + y, left:right], since[t])
            if span < 0:
                continue
            outside += _beyond(row, lowest, highest)
            line = sums[span, top + y, left:right]
            if _gaps(row):
                _add_present(row, weight, line, missing[span, top + y, left:right])
            else:
                _add(row, weight, line)
            if levels.size:
                levels[t] += _total(row)
    return outside
