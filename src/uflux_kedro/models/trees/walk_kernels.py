"""Walking rows down packed trees: the compiled inner loop of every prediction.

A node is one integer. Of 32 bits: threshold 8, column 8, distance to the left child 16. Of 64
bits: threshold 32, column 12, distance 20. The right child stands one beyond the left. A row goes
left if its value is not above the threshold. A leaf has the highest threshold and distance 0, so
that a step from a leaf stays there.

The first levels of a tree, its crown, are walked by vectors of rows (see ``lanes``). From there
on twelve rows step together, without a branch, until all stay.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types, uint64
from numba.extending import overload

from uflux_kedro.models.trees.lanes import LANES, ROWS, STRIDE, picker, side_by_side

NARROW_COLUMNS, NARROW_DISTANCE = 1 << 8, (1 << 16) - 1
WIDE_COLUMNS, WIDE_DISTANCE = 1 << 12, (1 << 20) - 1
"""Columns that a node of either kind can name, and the longest distance it can hold."""

CROWN = 5
"""Levels of a crown: with each more, twice the comparisons."""

_INNER = (1 << CROWN) - 1
_GROUP = 12

_pick = picker(CROWN)
_compile = njit(nogil=True, cache=True, error_model="numpy")
_inline = njit(nogil=True, cache=True, error_model="numpy", forceinline=True)


def _parts(node):
    """Threshold, column and distance of a node."""
    raise NotImplementedError


@overload(_parts, jit_options={"forceinline": True, "error_model": "numpy"})
def _overload_parts(node):
    # The shifts are constants of the node's type: known to the compiler, they cost a quarter less.
    if node == types.uint32:
        threshold_mask, column_shift, column_mask, distance_shift = (
            np.uint64(n) for n in (0xFF, 8, 0xFF, 16)
        )
    else:
        threshold_mask, column_shift, column_mask, distance_shift = (
            np.uint64(n) for n in (0xFFFFFFFF, 32, 0xFFF, 44)
        )

    def parts(node):
        bits = uint64(node)
        column = (bits >> column_shift) & column_mask
        return bits & threshold_mask, column, bits >> distance_shift

    return parts


@_inline
def _child(nodes, at, values, row):
    """Next node of the row that stands at place ``row`` of each column."""
    threshold, column, distance = _parts(nodes[at])
    value = uint64(values[column * uint64(STRIDE) + row])
    return at + distance + uint64(value > threshold)


@_compile
def crowns_of(nodes, roots):
    """First levels of each tree, made complete: below a leaf stands the leaf again.

    Args:
        nodes: (nodes,) uint32 or uint64, all trees one after the other.
        roots: (trees,) uint64, first node of each tree.

    Returns:
        Columns (trees, 2^CROWN - 1) uint16 and thresholds uint32; nodes (trees, 2^CROWN) uint32,
        where a row that picked a leaf of the crown goes on.
    """
    columns = np.zeros((roots.size, _INNER), np.uint16)
    thresholds = np.zeros((roots.size, _INNER), np.uint32)
    starts = np.empty((roots.size, _INNER + 1), np.uint32)
    at = np.empty(2 * _INNER + 1, np.uint64)
    for tree in range(roots.size):
        at[0] = roots[tree]
        for place in range(_INNER):
            threshold, column, distance = _parts(nodes[at[place]])
            columns[tree, place] = column
            thresholds[tree, place] = threshold
            at[2 * place + 1] = at[place] + distance
            at[2 * place + 2] = at[place] + distance + uint64(distance > 0)
        for place in range(_INNER + 1):
            starts[tree, place] = at[_INNER + place]
    return columns, thresholds, starts


def _row(rows, place):
    """The row at a place of a list; without a list, the place."""
    raise NotImplementedError


@overload(_row, jit_options={"forceinline": True, "error_model": "numpy"})
def _overload_row(rows, place):
    if isinstance(rows, types.Array):
        return lambda rows, place: rows[place]
    return lambda rows, place: place


@_inline
def _walk(nodes, starts, picked, values, rows, waiting, leaf):
    """Write the leaf of each row to ``leaf``.

    Of the first ``waiting`` of the list ``rows``, which has room for a group more, or without a
    list of the first ``waiting`` rows: then rows need no registers, of which there are sixteen.
    """
    for j in range(np.uint64(0), waiting, np.uint64(_GROUP)):
        i0 = _row(rows, j)
        i1 = _row(rows, j + np.uint64(1))
        i2 = _row(rows, j + np.uint64(2))
        i3 = _row(rows, j + np.uint64(3))
        i4 = _row(rows, j + np.uint64(4))
        i5 = _row(rows, j + np.uint64(5))
        i6 = _row(rows, j + np.uint64(6))
        i7 = _row(rows, j + np.uint64(7))
        i8 = _row(rows, j + np.uint64(8))
        i9 = _row(rows, j + np.uint64(9))
        i10 = _row(rows, j + np.uint64(10))
        i11 = _row(rows, j + np.uint64(11))
        p0 = uint64(starts[picked[i0]])
        p1 = uint64(starts[picked[i1]])
        p2 = uint64(starts[picked[i2]])
        p3 = uint64(starts[picked[i3]])
        p4 = uint64(starts[picked[i4]])
        p5 = uint64(starts[picked[i5]])
        p6 = uint64(starts[picked[i6]])
        p7 = uint64(starts[picked[i7]])
        p8 = uint64(starts[picked[i8]])
        p9 = uint64(starts[picked[i9]])
        p10 = uint64(starts[picked[i10]])
        p11 = uint64(starts[picked[i11]])
        # Nodes only ever lie further on, so the group stays where it is if its sum does. (Twelve
        # comparisons would be twelve branches.)
        before = np.uint64(0)
        total = np.uint64(1)
        while total != before:
            before = total
            p0 = _child(nodes, p0, values, i0)
            p1 = _child(nodes, p1, values, i1)
            p2 = _child(nodes, p2, values, i2)
            p3 = _child(nodes, p3, values, i3)
            p4 = _child(nodes, p4, values, i4)
            p5 = _child(nodes, p5, values, i5)
            p6 = _child(nodes, p6, values, i6)
            p7 = _child(nodes, p7, values, i7)
            p8 = _child(nodes, p8, values, i8)
            p9 = _child(nodes, p9, values, i9)
            p10 = _child(nodes, p10, values, i10)
            p11 = _child(nodes, p11, values, i11)
            total = np.uint64(1) + p0 + p1 + p2 + p3 + p4 + p5 + p6 + p7 + p8 + p9 + p10 + p11
        leaf[i0], leaf[i1], leaf[i2], leaf[i3] = p0, p1, p2, p3
        leaf[i4], leaf[i5], leaf[i6], leaf[i7] = p4, p5, p6, p7
        leaf[i8], leaf[i9], leaf[i10], leaf[i11] = p8, p9, p10, p11


@_inline
def _fetch(nodes, leaves, first, end, sink):
    """Read a tree once in order: a walk that met each part for the first time would wait for it."""
    line = np.uint64(16)
    nothing = np.uint64(0)
    zero = leaves[first, 0] * 0
    for node in range(first, end, line):
        nothing |= uint64(nodes[node])
        zero += leaves[node, 0]
    sink[0] = nothing + uint64(zero > 0)


@_compile
def add_leaves(nodes, leaves, roots, crowns, rows, out, in_bag, first_in_bag, unseen):
    """Add the leaf value of every tree to each row, tree by tree.

    Args:
        nodes: (nodes,) uint32 or uint64, all trees one after the other.
        leaves: (nodes, targets) values, read at leaves.
        roots: (trees,) uint64, first node of each tree.
        crowns: As :func:`crowns_of` gives them, thresholds in the type of ``rows``.
        rows: (n, columns) uint8 or uint32, row by row.
        out: (n, targets), added to; its type is that of the sum.
        in_bag: (trees, rows) uint8; rows of a tree's bag are left out. No columns: no row is.
        first_in_bag: Column of ``in_bag`` that belongs to the first row.
        unseen: (n,) uint32, added to: number of trees whose bag lacks the row.
    """
    columns, thresholds, starts = crowns
    columns, thresholds = columns.reshape(columns.size), thresholds.reshape(thresholds.size)
    n = uint64(rows.shape[0])
    group = np.uint64(_GROUP)
    pieces = side_by_side(rows)
    waiting_rows = np.empty(STRIDE, np.uint64)
    picked = np.empty(STRIDE, np.uint8)
    leaf = np.empty(STRIDE, np.uint64)
    bags = in_bag.shape[1] > 0
    sink = np.empty(1, np.uint64)
    for tree in range(uint64(roots.size)):
        end = roots[tree + 1] if tree + 1 < roots.size else uint64(nodes.size)
        _fetch(nodes, leaves, roots[tree], end, sink)
        for piece in range(uint64(pieces.shape[0])):
            first = piece * uint64(ROWS)
            size = min(uint64(ROWS), n - first)
            values = pieces[piece].reshape(pieces[piece].size)
            for i in range(np.uint64(0), size, np.uint64(LANES)):
                _pick(columns, thresholds, tree, values, i, picked)
            if bags:
                waiting = np.uint64(0)
                for i in range(size):
                    waiting_rows[waiting] = i
                    waiting += uint64(in_bag[tree, uint64(first_in_bag) + first + i] == 0)
                # The last group is filled up with a row that is done anyway.
                for j in range(waiting, (waiting + group - np.uint64(1)) // group * group):
                    waiting_rows[j] = waiting_rows[np.uint64(0)]
                _walk(nodes, starts[tree], picked, values, waiting_rows, waiting, leaf)
                for k in range(leaves.shape[1]):
                    for j in range(waiting):
                        i = waiting_rows[j]
                        out[first + i, k] += leaves[leaf[i], k]
                for j in range(waiting):
                    unseen[first + waiting_rows[j]] += np.uint32(1)
            else:
                _walk(nodes, starts[tree], picked, values, None, size, leaf)
                for k in range(leaves.shape[1]):
                    for i in range(size):
                        out[first + i, k] += leaves[leaf[i], k]
