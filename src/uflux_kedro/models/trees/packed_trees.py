"""Forests as flat arrays of small nodes, and their exact prediction.

The cascade forest, scikit-learn's forests and XGBoost share this form; ``walk_kernels`` describes
a node. Rows of the cascade forest are bytes. scikit-learn and XGBoost compare float32 values,
which are mapped here to 32-bit integers in the same order; a missing value becomes the lowest or
the highest integer, depending on which way the node sends it. Forests of shallow trees take the
faster form of ``shallow_trees``.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from joblib import effective_n_jobs
from numba import njit

from uflux_kedro.errors import InputError
from uflux_kedro.models.trees.shallow_trees import ShallowTrees
from uflux_kedro.models.trees.walk_kernels import add_leaves, crowns_of, layout_of

BLOCK = 8192
"""Rows that one thread passes through all trees at a time."""

_NO_COUNT = np.zeros(0, np.uint32)


@dataclass(frozen=True)
class PackedTrees:
    """Concatenated trees.

    Attributes:
        nodes: (nodes,) uint32 or uint64.
        leaves: (nodes, targets) float32 or float64, 0 at inner nodes.
        roots: (trees,) uint64, first node of each tree.
    """

    nodes: np.ndarray
    leaves: np.ndarray
    roots: np.ndarray

    @classmethod
    def join(cls, trees: list[tuple[np.ndarray, np.ndarray]]) -> PackedTrees:
        """Concatenate trees, each a pair of nodes and leaves."""
        sizes = [len(nodes) for nodes, _ in trees]
        return cls(
            nodes=np.concatenate([nodes for nodes, _ in trees]),
            leaves=np.concatenate([leaves for _, leaves in trees]),
            roots=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.uint64),
        )

    def __len__(self) -> int:
        return len(self.roots)

    @property
    def targets(self) -> int:
        """Number of targets."""
        return self.leaves.shape[1]

    def check(self, columns: int) -> None:
        """Check that children are in their tree and columns below ``columns``.

        The kernels do not check, so trees from a file must be checked once.

        Raises:
            ValueError: If a child or column is out of range, or the arrays are not those of trees.
        """
        layout, kind = layout_of(self.nodes), self.nodes.dtype.type
        distance = (self.nodes >> kind(layout.distance_shift)).astype(np.int64)
        roots = self.roots.astype(np.int64)
        ends = np.append(roots[1:], len(self.nodes))
        if (
            self.leaves.ndim != 2
            or len(self.leaves) != len(self.nodes)
            or len(roots) == 0
            or roots[0] != 0
            or np.any(ends <= roots)
        ):
            raise ValueError("arrays of wrong shapes for trees")
        last = np.repeat(ends, ends - roots) - 1
        right = np.arange(len(self.nodes)) + distance + 1
        highest = kind(layout.threshold_mask)
        goes_on = (self.nodes & highest < highest) & (distance == 0)
        if np.any(self._column() >= columns) or np.any((right > last) & (distance > 0) | goes_on):
            raise ValueError("a tree with child or column numbers out of range")

    def renumber_columns(self, numbers: np.ndarray) -> PackedTrees:
        """Return the same trees with column ``numbers[c]`` in place of column c."""
        layout, kind = layout_of(self.nodes), self.nodes.dtype.type
        shift = kind(layout.column_shift)
        others = self.nodes & ~(kind(layout.column_mask) << shift)
        return replace(self, nodes=others | numbers.astype(kind)[self._column()] << shift)

    def _column(self) -> np.ndarray:
        layout, kind = layout_of(self.nodes), self.nodes.dtype.type
        return self.nodes >> kind(layout.column_shift) & kind(layout.column_mask)

    @cached_property
    def _crowns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return crowns_of(self.nodes, self.roots)

    def add(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Add the sum over trees of (n, columns) ``rows`` to (n, targets) ``out``."""
        self.add_unseen(rows, np.zeros((len(self), 0), np.uint8), 0, out, _NO_COUNT)

    def add_unseen(
        self,
        rows: np.ndarray,
        in_bag: np.ndarray,
        first: int,
        out: np.ndarray,
        unseen: np.ndarray,
    ) -> None:
        """Add the sum over the trees without a row in their bag, and count these trees.

        Args:
            rows: (n, columns).
            in_bag: (trees, all rows) uint8; of shape (trees, 0) if no row is in a bag.
            first: Number of the first of the n rows among all rows.
            out: (n, targets) float64; the sums are added to it.
            unseen: (n,) uint32; the numbers of trees are added to it.
        """
        columns, thresholds, starts = self._crowns
        crowns = columns, thresholds.astype(rows.dtype), starts
        add_leaves(self.nodes, self.leaves, self.roots, crowns, rows, out, in_bag, first, unseen)


def in_blocks(work: Callable[[slice], None], n: int, n_jobs: int | None) -> None:
    """Call ``work`` on slices that cover ``n`` rows, on ``n_jobs`` threads."""
    threads = effective_n_jobs(n_jobs)
    size = max(1, min(BLOCK, -(-n // threads)))
    blocks = [slice(first, min(first + size, n)) for first in range(0, n, size)]
    if threads == 1 or len(blocks) == 1:
        for block in blocks:
            work(block)
        return
    with ThreadPoolExecutor(threads) as pool:
        # The list raises errors of the threads.
        list(pool.map(work, blocks))


@dataclass(frozen=True)
class PackedForest:
    """Exact predictor of a forest of scikit-learn or XGBoost.

    It agrees with the library within 1e-6, missing values included, in a fraction of the time.

    Attributes:
        trees: The trees, over the columns that they use.
        columns: (used columns,) int64, number of each in X.
        missing_high: (used columns,) bool, whether a missing value goes right.
        base: Constant, added to the sum of the leaves before the division.
        divisor: Number of trees for a mean over trees, 1 for a sum.
        n_features: Number of columns of X.
        float_type: Type of the sum and the result, as in the library.
    """

    trees: PackedTrees | ShallowTrees
    columns: np.ndarray
    missing_high: np.ndarray
    base: float
    divisor: float
    n_features: int
    float_type: type

    @cached_property
    def _of_complete_rows(self) -> PackedForest:
        """The same forest for rows without missing values, with each column of X once.

        Columns that are there twice, for missing values that go left and right, would make rows
        too large for the first-level cache.
        """
        columns, numbers = np.unique(self.columns, return_inverse=True)
        if len(columns) == len(self.columns) or isinstance(self.trees, ShallowTrees):
            return self
        trees = self.trees.renumber_columns(numbers)
        return replace(
            self, trees=trees, columns=columns, missing_high=np.zeros(len(columns), bool)
        )

    def predict(self, X: np.ndarray, n_jobs: int | None = None) -> np.ndarray:
        """Predict the targets of rows.

        Args:
            X: (n, n_features); compared as float32, as both libraries do. NaN is missing.
            n_jobs: Threads; None is one, -1 all.

        Returns:
            (n,), or (n, targets) for several targets.
        """
        X = np.asarray(X)
        if X.ndim != 2 or X.shape[1] != self.n_features:
            raise InputError(
                "X",
                None,
                expected=f"an array of {self.n_features} columns, as in training",
                found=f"an array of shape {X.shape}",
            )
        shape = (len(X), self.trees.targets)
        out: np.ndarray = np.full(shape, self.base, self.float_type)

        def predict_block(block: slice) -> None:
            values = X[block].astype(np.float32)
            form = self if np.isnan(values).any() else self._of_complete_rows
            rows = np.empty((len(values), len(form.columns)), np.uint32)
            _write_keys(values, form.columns, form.missing_high, rows)
            form.trees.add(rows, out[block])

        in_blocks(predict_block, len(X), n_jobs)
        if self.divisor != 1:
            out /= self.divisor
        return out[:, 0] if out.shape[1] == 1 else out


def keys_of(values: np.ndarray) -> np.ndarray:
    """Map float32 values to uint32 in the same order."""
    # Adding 0 turns -0 into 0, which compares equal and so needs the same bits.
    bits = (values.astype(np.float32) + np.float32(0)).view(np.uint32)
    negative = bits >> np.uint32(31) == 1
    return np.where(negative, ~bits, bits | np.uint32(0x80000000))


@njit(nogil=True, cache=True)
def _write_keys(X, columns, missing_high, rows):
    """Write ``keys_of`` the used columns; a missing value is the lowest or the highest integer."""
    bits = (X + np.float32(0)).view(np.uint32)
    for i in range(X.shape[0]):
        for j in range(len(columns)):
            if np.isnan(X[i, columns[j]]):
                rows[i, j] = 0xFFFFFFFF if missing_high[j] else 0
            else:
                b = bits[i, columns[j]]
                rows[i, j] = ~b if b >> np.uint32(31) else b | np.uint32(0x80000000)
