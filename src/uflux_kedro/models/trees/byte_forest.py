"""Random forests and forests of extra-trees on binned columns, with out-of-bag predictions."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.models.trees.bags import Bags
from uflux_kedro.models.trees.forest_kernels import QUAD, grow_tree
from uflux_kedro.models.trees.packed_trees import PackedTrees, in_blocks
from uflux_kedro.models.trees.walk_kernels import NARROW, WIDE

_PACKED_BITS = 24
"""Targets are packed if at least as many bits are left for them as in a float32's fraction."""


@dataclass(frozen=True)
class Targets:
    """Targets and weights, encoded for the kernels; see ``forest_kernels``.

    Attributes:
        words: (rows, 1) uint64 packed, or (rows, targets + 1) float64 bits.
        n_float: Number of targets stored as floats, 0 for packed.
        shift: First bit of the count in a packed word.
        origin: (targets,) float64, added to every leaf.
        scale: Size of one step of a packed target.
    """

    words: np.ndarray
    n_float: int
    shift: int
    origin: np.ndarray
    scale: float

    @classmethod
    def of(cls, y: np.ndarray, weight: np.ndarray, most: int | None = None) -> Targets:
        """Encode (rows, targets) ``y`` and (rows,) ``weight``; packed if that is exact enough.

        ``most`` is the number of rows that no bag exceeds; None for all.
        """
        targets = y.shape[1]
        count_bits = (len(y) if most is None else most).bit_length()
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
        # Scaled by a power of two, without rounding, so that products of weights cannot overflow.
        weight = np.ldexp(weight, 1 - np.frexp(weight.max())[1])
        origin = np.average(y, axis=0, weights=weight)
        floats = np.column_stack([(y - origin) * weight[:, None], weight])
        return cls(np.ascontiguousarray(floats).view(np.uint64), targets, 0, origin, 1.0)

    def records(self, bins: np.ndarray) -> np.ndarray:
        """Return the records of ``forest_kernels``: words, then the (rows, columns) ``bins``."""
        rows, columns = bins.shape
        payload = self.words.shape[1]
        width = QUAD * math.ceil((payload + columns / 8) / QUAD)
        records = np.zeros((rows, width), np.uint64)
        records[:, :payload] = self.words
        records.view(np.uint8)[:, 8 * payload : 8 * payload + columns] = bins
        return records


@dataclass(frozen=True)
class Growth:
    """Limits of trees; the attributes are parameters of ``CascadeForestRegressor``."""

    n_trees: int
    max_depth: int | None
    min_samples_split: int
    min_samples_leaf: int


@dataclass(frozen=True)
class ByteForest:
    """A forest on binned columns.

    Attributes:
        trees: The trees.
        importances: (columns,) share of the reduction of the squared error that is due to each
            column, mean over trees; sums to 1, or to 0 for trees without a split.
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
        table: (rows, columns) uint8 bins; the caller may change them between forests.
        targets: Targets of the rows.
        bags: How the bags are drawn.
        executor: Executor on which trees are grown.
        n_jobs: Threads of the out-of-bag prediction.
        on_tree: Function called after each tree.
    """

    table: np.ndarray
    targets: Targets
    bags: Bags
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
            columns: Number of columns of the table that the trees may use.
            growth: Limits of the trees.
            extra: Whether thresholds are drawn at random (extra-trees).
            seed: Seed of the forest; each tree has its own, so results do not depend on threads.
            max_features: Candidate columns at a node; None for the square root of their number.
            repeat: Whether a bag contains a row as often as it was drawn, or else once.

        Returns:
            The forest and the (rows, targets) float64 out-of-bag means, NaN for rows that are in
            every bag.

        Raises:
            ConfigurationError: If there are too many columns.
        """
        if columns > WIDE.columns:
            raise ConfigurationError(
                f"A forest takes at most {WIDE.columns} columns; found {columns}"
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
        """Return a function that grows a tree from its number and seed."""
        rows = len(self.table)
        narrow = columns <= NARROW.columns and self.bags.most <= NARROW.longest
        layout, like = (NARROW, np.uint32) if narrow else (WIDE, np.uint64)
        targets = self.targets
        records = targets.records(self.table[:, :columns])
        least = min(growth.min_samples_leaf, rows)
        inverse = np.full(rows + 1, -np.inf)
        inverse[least:] = 1 / np.arange(least, rows + 1)
        max_depth = rows if growth.max_depth is None else growth.max_depth
        bags = self.bags
        n_units = np.uint64(int(bags.units.max()) + 1)

        def grow(tree: int, seed: np.uint64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            grown = grow_tree(
                records,
                bags.units,
                n_units,
                np.uint64(bags.draws),
                bags.chances,
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
                np.empty(0, like),
                np.uint64(layout.column_shift),
                np.uint64(layout.distance_shift),
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
