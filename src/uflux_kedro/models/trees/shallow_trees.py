"""Shallow trees on bytes, walked by sixty-four rows at a time.

A boosted tree has six levels, and its columns have few distinct thresholds, the edges of a
histogram. A value is replaced by its rank among them, a byte, so that one instruction compares a
vector of rows with a threshold; see ``lanes``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import int64, njit, uint64

from uflux_kedro.models.trees.lanes import LANES, ROWS, STRIDE, picker, side_by_side

DEPTH = 6
INNER = (1 << DEPTH) - 1
"""Levels and inner nodes of a complete tree; node j has the children 2 j + 1 and 2 j + 2."""

MAX_CUTS = 255
"""Maximum number of distinct thresholds of a column, so that a rank is a byte."""

NEVER_RIGHT = 255
"""Threshold that no rank exceeds."""

_HALF = 1 << 31
"""Subtracted from unsigned integers, so that signed comparisons, which vectors have, order them."""

_pick = picker(DEPTH)


@dataclass(frozen=True)
class ShallowTrees:
    """Complete trees of :data:`DEPTH` levels over the ranks of 32-bit values.

    Attributes:
        columns: (trees, INNER) uint16, column of each node.
        thresholds: (trees, INNER) uint8; a row goes left if its rank is not above.
        leaves: (trees, INNER + 1, targets) float32 or float64.
        cuts: (columns, MAX_CUTS + 1) uint32, ascending; unused entries, the last always, are the
            highest integer. The rank of a value is the number of cuts below it.
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


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _rank(values, cuts, ranks):
    """Count the cuts below each value, four cuts at a time and vectors of values.

    A binary search makes a tenth of the comparisons and takes ten times as long.
    """
    ranks[:] = 0
    for j in range(0, MAX_CUTS, 4):
        if cuts[j] == np.uint32(0xFFFFFFFF):
            break
        a, b = np.int32(int64(cuts[j]) - _HALF), np.int32(int64(cuts[j + 1]) - _HALF)
        c, d = np.int32(int64(cuts[j + 2]) - _HALF), np.int32(int64(cuts[j + 3]) - _HALF)
        for i in range(STRIDE):
            value = values[i]
            ranks[i] += int64(a < value) + int64(b < value) + int64(c < value) + int64(d < value)


@njit(nogil=True, cache=True, error_model="numpy")
def _add_leaves(columns, thresholds, leaves, cuts, rows, out):
    """Add the leaf value of every tree to each row, tree by tree."""
    n = uint64(rows.shape[0])
    width = rows.shape[1]
    pieces = side_by_side(rows)
    bins = np.empty(width * STRIDE, np.uint8)
    picked = np.empty(STRIDE, np.uint8)
    values = np.empty(STRIDE, np.int32)
    ranks = np.empty(STRIDE, np.int32)
    columns, thresholds = columns.reshape(columns.size), thresholds.reshape(thresholds.size)
    for piece in range(uint64(pieces.shape[0])):
        first = piece * uint64(ROWS)
        size = min(uint64(ROWS), n - first)
        for c in range(width):
            for i in range(STRIDE):
                values[i] = int64(pieces[piece, c, i]) - _HALF
            _rank(values, cuts[c], ranks)
            for i in range(STRIDE):
                bins[c * STRIDE + i] = ranks[i]
        for tree in range(uint64(leaves.shape[0])):
            for i in range(np.uint64(0), size, np.uint64(LANES)):
                _pick(columns, thresholds, tree, bins, i, picked)
            for i in range(size):
                for k in range(leaves.shape[2]):
                    out[first + i, k] += leaves[tree, picked[i], k]
