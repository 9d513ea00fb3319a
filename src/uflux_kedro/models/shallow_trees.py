"""Shallow trees on bytes, walked by sixty-four rows at once.

A boosted tree has six levels and few distinct thresholds a column: a histogram's. A row's value
then is its rank among them, one byte, and one instruction compares a whole vector of rows with a
threshold. Every tree is made complete; all of its nodes are compared, and from the bottom up each
picks the leaf that its left or its right child picked. That is ten times the comparisons of a walk,
and for the lack of any lookup it takes a third of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numba import int64, njit, types, uint64
from numba.extending import intrinsic

DEPTH = 6
INNER = (1 << DEPTH) - 1
"""Levels, and inner nodes, of a complete tree; node j has the children 2 j + 1 and 2 j + 2."""

MAX_CUTS = 255
"""Distinct thresholds of a column, so that a rank is a byte."""

NEVER_RIGHT = 255
"""Threshold that no rank exceeds."""

_HALF = 1 << 31
"""Taken off unsigned integers, so that signed comparisons, which vectors have, order them."""

_VECTOR = 64
_BLOCK = 256
"""Rows that go down one tree before the next tree: a multiple of the vector."""


@dataclass(frozen=True)
class ShallowTrees:
    """Complete trees of :data:`DEPTH` levels over the ranks of 32-bit values.

    Attributes:
        columns: (trees, INNER) uint16, column that a node looks at.
        thresholds: (trees, INNER) uint8; a row goes left if its rank is not above.
        leaves: (trees, INNER + 1, targets) float32 or float64.
        cuts: (columns, MAX_CUTS + 1) uint32, ascending; unused places, among them the last, hold
            the highest integer. A value's rank is the number of cuts below it.
    """

    columns: np.ndarray
    thresholds: np.ndarray
    leaves: np.ndarray
    cuts: np.ndarray

    def __len__(self) -> int:
        return len(self.leaves)

    @property
    def targets(self) -> int:
        """Number of targets."""
        return self.leaves.shape[2]

    def add(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Add the sum over trees of (n, columns) uint32 ``rows`` to (n, targets) ``out``."""
        _add_leaves(self.columns, self.thresholds, self.leaves, self.cuts, rows, out)


def _pick_leaves(typing_context, columns, thresholds, tree, bins, first, picked):
    """Code that writes the number of the leaf, 0 to INNER, of each of the rows of a vector.

    Arguments of the compiled function:

    - columns: (trees * INNER,) uint16.
    - thresholds: (trees * INNER,) uint8.
    - tree: uint64, which one.
    - bins: (columns * _BLOCK,) uint8, column after column of ranks.
    - first: uint64, first row of the vector.
    - picked: (_BLOCK,) uint8, written.
    """

    def generate(context, builder, signature, arguments):
        byte, short, word = (ir.IntType(n) for n in (8, 16, 64))
        vector = ir.VectorType(byte, _VECTOR)
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), _VECTOR), [0] * _VECTOR)
        _, _, tree, _, first, _ = arguments
        columns, thresholds, bins, picked = (
            context.make_array(signature.args[i])(context, builder, arguments[i]).data
            for i in (0, 1, 3, 5)
        )

        def load(pointer, index, kind, align):
            place = builder.bitcast(builder.gep(pointer, [index]), kind.as_pointer())
            return builder.load(place, align=align)

        def spread(scalar):
            one = builder.insert_element(
                ir.Constant(vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0)
            )
            return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), lanes)

        root = builder.mul(tree, ir.Constant(word, INNER))

        def pick(node):
            if node >= INNER:
                return ir.Constant(vector, [node - INNER] * _VECTOR)
            number = builder.add(root, ir.Constant(word, node))
            column = builder.zext(load(columns, number, short, 2), word)
            row = builder.add(builder.mul(column, ir.Constant(word, _BLOCK)), first)
            values = load(bins, row, vector, 1)
            threshold = spread(load(thresholds, number, byte, 1))
            right = builder.icmp_unsigned(">", values, threshold)
            return builder.select(right, pick(2 * node + 2), pick(2 * node + 1))

        target = builder.bitcast(builder.gep(picked, [first]), vector.as_pointer())
        builder.store(pick(0), target, align=1)
        return context.get_dummy_value()

    word = types.uint64
    return types.void(columns, thresholds, word, bins, word, picked), generate


_pick: Any = intrinsic(_pick_leaves)


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _rank(values, cuts, ranks):
    """Count the cuts below each value: all of them, four at a time, in vectors.

    A binary search has a tenth of the comparisons and takes ten times as long.
    """
    ranks[:] = 0
    for j in range(0, MAX_CUTS, 4):
        if cuts[j] == np.uint32(0xFFFFFFFF):
            break
        a, b = np.int32(int64(cuts[j]) - _HALF), np.int32(int64(cuts[j + 1]) - _HALF)
        c, d = np.int32(int64(cuts[j + 2]) - _HALF), np.int32(int64(cuts[j + 3]) - _HALF)
        for i in range(_BLOCK):
            value = values[i]
            ranks[i] += int64(a < value) + int64(b < value) + int64(c < value) + int64(d < value)


@njit(nogil=True, cache=True, error_model="numpy")
def _add_leaves(columns, thresholds, leaves, cuts, rows, out):
    """Add the leaf value of every tree to each row, tree by tree."""
    n = uint64(rows.shape[0])
    width = uint64(rows.shape[1])
    block = np.uint64(_BLOCK)
    bins = np.zeros(width * block, np.uint8)
    picked = np.empty(block, np.uint8)
    values = np.zeros(block, np.int32)
    ranks = np.empty(block, np.int32)
    flat_columns = columns.reshape(columns.size)
    flat_thresholds = thresholds.reshape(thresholds.size)
    for first in range(np.uint64(0), n, block):
        size = min(block, n - first)
        for c in range(width):
            for i in range(size):
                values[i] = int64(rows[first + i, c]) - _HALF
            _rank(values, cuts[c], ranks)
            for i in range(size):
                bins[c * block + i] = ranks[i]
        for tree in range(uint64(leaves.shape[0])):
            for i in range(np.uint64(0), size, np.uint64(_VECTOR)):
                _pick(flat_columns, flat_thresholds, tree, bins, i, picked)
            for i in range(size):
                for k in range(leaves.shape[2]):
                    out[first + i, k] += leaves[tree, picked[i], k]
