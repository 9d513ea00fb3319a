"""One random forest or forest of extra-trees on binned columns, with out-of-bag predictions."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.models.trees.forest_kernels import QUAD, grow_tree
from uflux_kedro.models.trees.packed_trees import PackedTrees, in_blocks
from uflux_kedro.models.trees.walk_kernels import NARROW_COLUMNS, NARROW_DISTANCE, WIDE_COLUMNS

_PACKED_BITS = 24
"""Targets on fewer bits than a float32's fraction are summed as floats instead."""


@dataclass(frozen=True)
class Targets:
    """Targets and weights as the kernels take them.

    Attributes:
        words: (rows, 1) uint64 packed, or (rows, targets + 1) float64 bits.
        n_float: Number of targets held as floats, 0 for packed.
        shift: Bits below the count of a packed weight.
        origin: (targets,) float64, added to every leaf.
        scale: One step of a packed target.
    """

    words: np.ndarray
    n_float: int
    shift: int
    origin: np.ndarray
    scale: float

    @classmethod
    def of(cls, y: np.ndarray, weight: np.ndarray) -> Targets:
        """Encode (rows, targets) ``y`` and (rows,) ``weight``; packed where that is exact enough."""
        rows, targets = y.shape
        count_bits = rows.bit_length()
        target_bits = 64 - 2 * count_bits
        low = float(y.min())
        scale = (float(y.max()) - low) / (2**target_bits - 1) if target_bits > 0 else 0.0
        if (
            targets == 1
            and target_bits >= _PACKED_BITS
            and scale > 0
            and np.all(weight == weight[0])
        ):
            steps = np.rint((y[:, 0] - low) / scale).astype(np.uint64)
            shift = 64 - count_bits
            words = (np.uint64(1) << np.uint64(shift)) + steps
            return cls(words[:, None], 0, shift, np.array([low]), scale)
        # By a power of two, which rounds nothing: products of weights stay within range.
        weight = np.ldexp(weight, 1 - np.frexp(weight.max())[1])
        origin = np.average(y, axis=0, weights=weight)
        floats = np.column_stack([(y - origin) * weight[:, None], weight])
        return cls(np.ascontiguousarray(floats).view(np.uint64), targets, 0, origin, 1.0)

    def records(self, bins: np.ndarray) -> np.ndarray:
        """Rows for the kernels: the weight words, then the bytes of (rows, columns) ``bins``."""
        rows, columns = bins.shape
        payload = self.words.shape[1]
        width = QUAD * math.ceil((payload + columns / 8) / QUAD)
        records = np.zeros((rows, width), np.uint64)
        records[:, :payload] = self.words
        records.view(np.uint8)[:, 8 * payload : 8 * payload + columns] = bins
        return records


@dataclass(frozen=True)
class Growth:
    """How trees are grown; the attributes are those of ``CascadeForestRegressor``."""

    n_trees: int
    max_depth: int | None
    min_samples_split: int
    min_samples_leaf: int


@dataclass(frozen=True)
class ByteForest:
    """A forest on bytes.

    Attributes:
        trees: Its trees.
        importances: (columns,) share of the squared error that each column's cuts save, mean
            over trees; sums to 1, or 0 for trees without a cut.
    """

    trees: PackedTrees
    importances: np.ndarray

    def predict_into(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Write the mean over trees of (n, columns) uint8 ``rows`` to (n, targets) ``out``."""
        out[:] = 0
        self.trees.add(rows, out)
        out /= len(self.trees)


@dataclass(frozen=True)
class ForestGrower:
    """Grows forests on one set of training rows.

    Attributes:
        table: (rows, columns) uint8, row by row; read anew for each forest.
        targets: Targets of the rows.
        bags: (rows,) uint32, number of the bag unit (a row, or a site) of each row, from 0 on.
        executor: Runs the trees.
        n_jobs: Threads of the out-of-bag prediction.
        on_tree: Called after each tree.
    """

    table: np.ndarray
    targets: Targets
    bags: np.ndarray
    executor: Executor
    n_jobs: int
    on_tree: Callable[[], object]

    def grow(
        self,
        columns: int,
        growth: Growth,
        *,
        extra: bool,
        seed: int,
        max_features: int | None = None,
        repeat: bool = False,
    ) -> tuple[ByteForest, np.ndarray]:
        """Grow a forest and predict its training rows out of bag.

        Args:
            columns: Columns of the table that the trees may use, from the first on.
            growth: Limits of the trees.
            extra: Whether thresholds are drawn at random (extra-trees).
            seed: Seed of the forest; each tree has its own, so threads change nothing.
            max_features: Candidate columns a node; None for the root of their number.
            repeat: Whether a bag holds a row as often as it was drawn, else once.

        Returns:
            The forest and (rows, targets) float64 out-of-bag means, NaN where every bag holds the
            row.
        """
        if columns > WIDE_COLUMNS:
            raise ConfigurationError(
                f"A forest takes at most {WIDE_COLUMNS} columns; found {columns}"
            )
        rows = len(self.table)
        in_bag = np.empty((growth.n_trees, rows), np.uint8)
        candidates = max(1, math.isqrt(columns)) if max_features is None else max_features
        grow_one = self._tree_function(columns, growth, extra, in_bag, candidates, repeat)
        seeds = np.random.SeedSequence(seed).generate_state(growth.n_trees, np.uint64)
        grown = list(self.executor.map(grow_one, range(growth.n_trees), seeds))
        trees = PackedTrees.join([(nodes, leaves) for nodes, leaves, _ in grown])
        saved = np.array([importance for _, _, importance in grown])
        total = saved.sum(axis=1, keepdims=True)
        shares = np.divide(saved, total, out=np.zeros_like(saved), where=total > 0)
        return ByteForest(trees, shares.mean(axis=0)), self._out_of_bag(trees, in_bag)

    def _tree_function(
        self,
        columns: int,
        growth: Growth,
        extra: bool,
        in_bag: np.ndarray,
        candidates: int,
        repeat: bool,
    ) -> Callable[[int, np.uint64], tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """A function of the tree's number and seed that grows it."""
        rows = len(self.table)
        narrow = columns <= NARROW_COLUMNS and rows <= NARROW_DISTANCE
        like, column_shift, distance_shift = (
            (np.empty(0, np.uint32), 8, 16) if narrow else (np.empty(0, np.uint64), 32, 44)
        )
        targets = self.targets
        records = targets.records(self.table[:, :columns])
        least = min(growth.min_samples_leaf, rows)
        inverse = np.full(rows + 1, -np.inf)
        inverse[least:] = 1 / np.arange(least, rows + 1)
        max_depth = rows if growth.max_depth is None else growth.max_depth
        n_bags = np.uint64(self.bags.max() + 1)

        def grow(tree: int, seed: np.uint64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            grown = grow_tree(
                records,
                self.bags,
                n_bags,
                repeat,
                seed,
                extra,
                np.uint64(columns),
                np.uint64(targets.n_float),
                np.uint64(targets.shift),
                targets.origin,
                targets.scale,
                inverse,
                np.uint64(candidates),
                np.uint64(max_depth),
                np.uint64(growth.min_samples_split),
                np.uint64(least),
                in_bag[tree],
                like,
                np.uint64(column_shift),
                np.uint64(distance_shift),
            )
            self.on_tree()
            return grown

        return grow

    def _out_of_bag(self, trees: PackedTrees, in_bag: np.ndarray) -> np.ndarray:
        rows = len(self.table)
        out = np.zeros((rows, trees.leaves.shape[1]))
        unseen = np.zeros(rows, np.uint32)

        def predict_block(block: slice) -> None:
            trees.add_unseen(self.table[block], in_bag, block.start, out[block], unseen[block])

        in_blocks(predict_block, rows, self.n_jobs)
        with np.errstate(invalid="ignore"):
            out /= unseen[:, None]
        return out
