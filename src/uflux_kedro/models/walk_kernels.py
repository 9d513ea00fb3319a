"""Walking rows down packed trees: the compiled inner loop of every prediction.

A node is one integer. Of 32 bits: threshold 8, column 8, distance to the left child 16. Of 64
bits: threshold 32, column 12, distance 20. The right child stands one beyond the left. A row goes
left if its value is not above the threshold. A leaf has the highest threshold and distance 0, so
that a step from a leaf stays there: twelve rows step together, without a branch, until all stay.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types, uint64
from numba.extending import overload

NARROW_COLUMNS, NARROW_DISTANCE = 1 << 8, (1 << 16) - 1
WIDE_COLUMNS, WIDE_DISTANCE = 1 << 12, (1 << 20) - 1
"""Columns that a node of either kind can name, and the longest distance it can hold."""

_CHUNK = 1024
"""Rows that go down one tree before the next tree: their values stay in the first cache."""

_GROUP = 12

_compile = njit(nogil=True, cache=True, error_model="numpy")
_inline = njit(nogil=True, cache=True, error_model="numpy", forceinline=True)


def _child(nodes, at, values, row):
    """Next node of the row whose values start at ``row``."""
    raise NotImplementedError


@overload(_child, jit_options={"forceinline": True, "error_model": "numpy"})
def _overload_child(nodes, at, values, row):
    # The shifts are constants of the node's type: known to the compiler, they cost a quarter less.
    if nodes.dtype == types.uint32:
        threshold_mask, column_shift, column_mask, distance_shift = (
            np.uint64(n) for n in (0xFF, 8, 0xFF, 16)
        )
    else:
        threshold_mask, column_shift, column_mask, distance_shift = (
            np.uint64(n) for n in (0xFFFFFFFF, 32, 0xFFF, 44)
        )

    def child(nodes, at, values, row):
        node = uint64(nodes[at])
        value = uint64(values[row + ((node >> column_shift) & column_mask)])
        return at + (node >> distance_shift) + uint64(value > (node & threshold_mask))

    return child


@_inline
def _walk(nodes, root, values, width, rows, waiting, leaf):
    """Write the leaf of each of the first ``waiting`` of ``rows`` to ``leaf``."""
    one = np.uint64(1)
    group = np.uint64(_GROUP)
    # The last group is filled up with a row that is done anyway.
    for j in range(waiting, (waiting + group - one) // group * group):
        rows[j] = rows[waiting - one]
    for j in range(np.uint64(0), waiting, group):
        i0 = rows[j]
        i1 = rows[j + one]
        i2 = rows[j + np.uint64(2)]
        i3 = rows[j + np.uint64(3)]
        i4 = rows[j + np.uint64(4)]
        i5 = rows[j + np.uint64(5)]
        i6 = rows[j + np.uint64(6)]
        i7 = rows[j + np.uint64(7)]
        i8 = rows[j + np.uint64(8)]
        i9 = rows[j + np.uint64(9)]
        i10 = rows[j + np.uint64(10)]
        i11 = rows[j + np.uint64(11)]
        r0, r1, r2, r3 = i0 * width, i1 * width, i2 * width, i3 * width
        r4, r5, r6, r7 = i4 * width, i5 * width, i6 * width, i7 * width
        r8, r9, r10, r11 = i8 * width, i9 * width, i10 * width, i11 * width
        p0 = p1 = p2 = p3 = p4 = p5 = p6 = p7 = p8 = p9 = p10 = p11 = root
        # Nodes only ever lie further on, so the group stays where it is if its sum does. (Twelve
        # comparisons would be twelve branches.)
        before = np.uint64(0)
        total = one
        while total != before:
            before = total
            p0 = _child(nodes, p0, values, r0)
            p1 = _child(nodes, p1, values, r1)
            p2 = _child(nodes, p2, values, r2)
            p3 = _child(nodes, p3, values, r3)
            p4 = _child(nodes, p4, values, r4)
            p5 = _child(nodes, p5, values, r5)
            p6 = _child(nodes, p6, values, r6)
            p7 = _child(nodes, p7, values, r7)
            p8 = _child(nodes, p8, values, r8)
            p9 = _child(nodes, p9, values, r9)
            p10 = _child(nodes, p10, values, r10)
            p11 = _child(nodes, p11, values, r11)
            total = one + p0 + p1 + p2 + p3 + p4 + p5 + p6 + p7 + p8 + p9 + p10 + p11
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
def add_leaves(nodes, leaves, roots, rows, out, in_bag, first_in_bag, unseen):
    """Add the leaf value of every tree to each row, tree by tree.

    Args:
        nodes: (nodes,) uint32 or uint64, all trees one after the other.
        leaves: (nodes, targets) values, read at leaves.
        roots: (trees,) uint64, first node of each tree.
        rows: (n, columns) uint8 or uint32, row by row.
        out: (n, targets), added to; its type is that of the sum.
        in_bag: (trees, rows) uint8; rows of a tree's bag are left out. No columns: no row is.
        first_in_bag: Column of ``in_bag`` that belongs to the first row.
        unseen: (n,) uint32, added to: number of trees whose bag lacks the row.
    """
    n = uint64(rows.shape[0])
    width = uint64(rows.shape[1])
    first_in_bag = uint64(first_in_bag)
    chunk = np.uint64(_CHUNK)
    flat = rows.reshape(rows.size)
    waiting_rows = np.empty(_CHUNK + _GROUP, np.uint64)
    leaf = np.empty(_CHUNK, np.uint64)
    bags = in_bag.shape[1] > 0
    sink = np.empty(1, np.uint64)
    for tree in range(roots.size):
        end = roots[tree + 1] if tree + 1 < roots.size else uint64(nodes.size)
        _fetch(nodes, leaves, roots[tree], end, sink)
        for first in range(np.uint64(0), n, chunk):
            size = min(chunk, n - first)
            waiting = np.uint64(0)
            for i in range(size):
                waiting_rows[waiting] = i
                waiting += (
                    uint64(in_bag[tree, first_in_bag + first + i] == 0) if bags else np.uint64(1)
                )
            _walk(nodes, roots[tree], flat[first * width :], width, waiting_rows, waiting, leaf)
            for j in range(waiting):
                i = waiting_rows[j]
                for k in range(leaves.shape[1]):
                    out[first + i, k] += leaves[leaf[i], k]
                if bags:
                    unseen[first + i] += np.uint32(1)
