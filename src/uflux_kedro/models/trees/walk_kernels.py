"""Compiled code that walks rows down packed trees, the inner loop of every prediction.

A node is an integer of 32 bits (threshold 8, column 8, distance to the left child 16) or of 64
bits (threshold 32, column 12, distance 20). The right child follows the left. A row goes left if
its value is not above the threshold. A leaf has the highest threshold and distance 0, so a step
from a leaf stays there.

The first levels of a tree, its crown, are walked by vectors of rows; see ``lanes``. From there
twelve rows step together, without a branch, until all of them are at leaves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, types, uint64
from numba.extending import overload

from uflux_kedro.models.trees.lanes import LANES, ROWS, STRIDE, picker, side_by_side


class NodeLayout(NamedTuple):
    """Bits of a node: the threshold lowest, then the column, then the distance.

    Attributes:
        threshold_mask: Bits of the threshold, so also the highest threshold, which marks a leaf.
        column_shift: First bit of the column.
        column_mask: Bits of the column after the shift.
        distance_shift: First bit of the distance.
        longest: Longest distance that fits.
    """

    threshold_mask: int
    column_shift: int
    column_mask: int
    distance_shift: int
    longest: int

    @property
    def columns(self) -> int:
        """Number of columns that a node can tell apart."""
        return self.column_mask + 1


NARROW = NodeLayout(0xFF, 8, 0xFF, 16, (1 << 16) - 1)
WIDE = NodeLayout(0xFFFFFFFF, 32, 0xFFF, 44, (1 << 20) - 1)


def layout_of(nodes: np.ndarray) -> NodeLayout:
    """Return the layout of (nodes,) uint32 or uint64.

    Raises:
        ValueError: If ``nodes`` has another type or shape.
    """
    if nodes.dtype not in (np.uint32, np.uint64) or nodes.ndim != 1:
        raise ValueError(
            "expected nodes (n,) of type uint32 or uint64, "
            f"found {nodes.dtype} of shape {nodes.shape}"
        )
    return NARROW if nodes.dtype == np.uint32 else WIDE


CROWN = 5
"""Levels of a crown; each additional level doubles the comparisons."""

_INNER = (1 << CROWN) - 1
_GROUP = 12

_pick = picker(CROWN)
_compile = njit(nogil=True, cache=True, error_model="numpy")
_inline = njit(nogil=True, cache=True, error_model="numpy", forceinline=True)


def _parts(node):
    """Return threshold, column and distance of a node."""
    raise NotImplementedError


@overload(_parts, jit_options={"forceinline": True, "error_model": "numpy"})
def _overload_parts(node):
    # Shifts that the compiler knows from the node's type save a quarter of the time.
    layout = NARROW if node == types.uint32 else WIDE
    threshold_mask, column_shift, column_mask, distance_shift = (np.uint64(n) for n in layout[:4])

    def parts(node):
        bits = uint64(node)
        column = (bits >> column_shift) & column_mask
        return bits & threshold_mask, column, bits >> distance_shift

    return parts


@_inline
def _child(nodes, at, values, row):
    """Return the next node of a row."""
    threshold, column, distance = _parts(nodes[at])
    value = uint64(values[column * uint64(STRIDE) + row])
    return at + distance + uint64(value > threshold)


@_compile
def crowns_of(nodes, roots):
    """Return the first levels of each tree as a complete tree; children of a leaf are the leaf.

    Args:
        nodes: (nodes,) uint32 or uint64, concatenated trees.
        roots: (trees,) uint64, first node of each tree.

    Returns:
        Columns (trees, 2^CROWN - 1) uint16, thresholds of that shape uint32, and for each leaf of
        the crown the node (trees, 2^CROWN) uint32 from which a row continues.
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
    """Return the row at a position of a list, or the position if there is no list."""
    raise NotImplementedError


@overload(_row, jit_options={"forceinline": True, "error_model": "numpy"})
def _overload_row(rows, place):
    if isinstance(rows, types.Array):
        return lambda rows, place: rows[place]
    return lambda rows, place: place


@_inline
def _walk(nodes, starts, picked, values, rows, waiting, leaf):
    """Write the leaf of each row to ``leaf``.

    Rows are the first ``waiting`` of the list ``rows``, which has room for one more group, or the
    first ``waiting`` rows if there is no list. Without a list their numbers need no registers, of
    which there are only sixteen.
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
        # Nodes only ever increase, so no row moved if their sum is the same. (Twelve comparisons
        # would be twelve branches.)
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
    """Read a tree once in order, to load it into the cache before rows walk it in any order."""
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
        nodes: (nodes,) uint32 or uint64, concatenated trees.
        leaves: (nodes, targets), values at leaves.
        roots: (trees,) uint64, first node of each tree.
        crowns: Result of :func:`crowns_of`, with thresholds in the type of ``rows``.
        rows: (n, columns) uint8 or uint32.
        out: (n, targets); the sums are added to it, in its type.
        in_bag: (trees, rows) uint8; rows in a tree's bag are skipped. (trees, 0) skips none.
        first_in_bag: Column of ``in_bag`` of the first row.
        unseen: (n,) uint32; the number of trees without the row in their bag is added to it.
    """
    columns, thresholds, starts = crowns
    columns, thresholds = columns.reshape(columns.size), thresholds.reshape(thresholds.size)
    n = uint64(rows.shape[0])
    group = np.uint64(_GROUP)
    pieces = side_by_side(rows)
    waiting_rows = np.empty(STRIDE, np.uint64)
    # Groups of twelve may go beyond the last vector of rows, and there must walk from a start too.
    picked = np.zeros(STRIDE, np.uint8)
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
                # The last group is filled with a row of the list, which is then walked twice.
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
