"""Forests as flat arrays of small nodes, and their exact prediction.

One form serves the cascade forest, scikit-learn's random forest and XGBoost: see
``walk_kernels`` for a node. The cascade's rows are bytes. The libraries compare float32 values, so
here a value and a threshold become 32-bit integers in the same order as the floats, and a missing
value becomes the lowest or the highest integer, whichever goes the way that the node sends it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import effective_n_jobs
from numba import njit, uint64

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.models.walk_kernels import WIDE_COLUMNS, WIDE_DISTANCE, add_leaves

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor
    from xgboost import XGBRegressor

    from uflux_kedro.models.blend import PackedBlend
    from uflux_kedro.models.cascade_forest import CascadeForestRegressor

BLOCK = 8192
"""Rows that one thread brings through all trees before it takes the next."""

_NO_COUNT = np.zeros(0, np.uint32)


@dataclass(frozen=True)
class PackedTrees:
    """Trees one after the other.

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
        """Put trees, each (nodes, leaves), together."""
        sizes = [len(nodes) for nodes, _ in trees]
        return cls(
            nodes=np.concatenate([nodes for nodes, _ in trees]),
            leaves=np.concatenate([leaves for _, leaves in trees]),
            roots=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.uint64),
        )

    def __len__(self) -> int:
        return len(self.roots)

    def check(self, columns: int) -> None:
        """Refuse trees that lead outside themselves or look at a column beyond ``columns``.

        The kernels do not look again; what comes from a file must be looked at once.

        Raises:
            ValueError: If there are any.
        """
        wide = self.nodes.dtype == np.uint64
        column_shift, column_mask, distance_shift = (32, 0xFFF, 44) if wide else (8, 0xFF, 16)
        kind = self.nodes.dtype.type
        column = self.nodes >> kind(column_shift) & kind(column_mask)
        distance = (self.nodes >> kind(distance_shift)).astype(np.int64)
        roots = self.roots.astype(np.int64)
        ends = np.append(roots[1:], len(self.nodes))
        if (
            self.nodes.dtype not in (np.uint32, np.uint64)
            or self.leaves.ndim != 2
            or len(self.leaves) != len(self.nodes)
            or len(roots) == 0
            or roots[0] != 0
            or np.any(ends <= roots)
        ):
            raise ValueError("arrays that are not those of trees")
        last = np.repeat(ends, ends - roots) - 1
        right = np.arange(len(self.nodes)) + distance + 1
        if np.any(column >= columns) or np.any((right > last) & (distance > 0)):
            raise ValueError("a tree whose nodes lead nowhere")

    def add(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Add the sum over trees of (n, columns) ``rows`` to (n, targets) ``out``."""
        bags = np.zeros((len(self), 0), np.uint8)
        add_leaves(self.nodes, self.leaves, self.roots, rows, out, bags, 0, _NO_COUNT)

    def add_unseen(
        self,
        rows: np.ndarray,
        in_bag: np.ndarray,
        first: int,
        out: np.ndarray,
        unseen: np.ndarray,
    ) -> None:
        """Add the sum over the trees whose bag lacks a row, and count these trees.

        Args:
            rows: (n, columns).
            in_bag: (trees, all rows) uint8.
            first: Number of the first of the n rows among all.
            out: (n, targets) float64, added to.
            unseen: (n,) uint32, added to.
        """
        add_leaves(self.nodes, self.leaves, self.roots, rows, out, in_bag, first, unseen)


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
        # The list makes an error of a thread surface here.
        list(pool.map(work, blocks))


@dataclass(frozen=True)
class PackedForest:
    """Exact predictor of a random forest or of XGBoost.

    It agrees with the library within 1e-6, missing values included, in a fraction of its time.

    Attributes:
        trees: The trees, over the columns that they use.
        columns: (used columns,) int64, column of X.
        missing_high: (used columns,) bool, whether a missing value goes right.
        base: Added to the sum of the leaves before it is divided.
        divisor: Trees whose mean is taken, 1 for a sum.
        n_features: Columns of X.
        float_type: Type of sum and result, that of the library.
    """

    trees: PackedTrees
    columns: np.ndarray
    missing_high: np.ndarray
    base: float
    divisor: float
    n_features: int
    float_type: type

    def predict(self, X: np.ndarray, n_jobs: int | None = None) -> np.ndarray:
        """Predict.

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
        shape = (len(X), self.trees.leaves.shape[1])
        out: np.ndarray = np.full(shape, self.base, self.float_type)

        def predict_block(block: slice) -> None:
            values = X[block].astype(np.float32)
            rows = np.empty((len(values), len(self.columns)), np.uint32)
            _write_keys(values, self.columns, self.missing_high, rows)
            self.trees.add(rows, out[block])

        in_blocks(predict_block, len(X), n_jobs)
        if self.divisor != 1:
            out /= self.divisor
        return out[:, 0] if out.shape[1] == 1 else out


@dataclass(frozen=True)
class PackedCascade:
    """A fitted cascade forest, whose trees are packed already, on a number of threads per call.

    Attributes:
        model: The CascadeForestRegressor.
    """

    model: CascadeForestRegressor

    def predict(self, X: np.ndarray, n_jobs: int | None = None) -> np.ndarray:
        """Predict (n,) or (n, targets) from (n, columns), finite, on ``n_jobs`` threads."""
        return self.model.predict_on(np.asarray(X, dtype=np.float64), n_jobs)


def pack(model: Any) -> PackedForest | PackedCascade | PackedBlend:
    """The fastest exact predictor of a fitted model.

    Raises:
        ConfigurationError: If there is none for the model's type.
    """
    name = type(model).__name__
    if name == "CascadeForestRegressor":
        return PackedCascade(model)
    if name == "RandomForestRegressor":
        return pack_random_forest(model)
    if name == "XGBRegressor":
        return pack_xgboost(model)
    if name == "BlendRegressor":
        from uflux_kedro.models.blend import PackedBlend

        return PackedBlend.of(model)
    raise ConfigurationError(
        f"No packed form of {name}: expected CascadeForestRegressor, RandomForestRegressor, "
        "XGBRegressor or BlendRegressor"
    )


def pack_random_forest(model: RandomForestRegressor) -> PackedForest:
    """Pack a fitted ``RandomForestRegressor`` (or ``ExtraTreesRegressor``)."""
    trees = []
    for estimator in model.estimators_:
        tree = estimator.tree_
        # X is float32 and the threshold float64: x <= t just if x <= the float32 at or below t.
        thresholds = tree.threshold.astype(np.float32)
        above = thresholds.astype(np.float64) > tree.threshold
        thresholds[above] = np.nextafter(thresholds[above], np.float32(-np.inf))
        trees.append(
            _Tree(
                left=tree.children_left,
                right=tree.children_right,
                column=tree.feature,
                highest_left=_keys(thresholds),
                missing_high=~tree.missing_go_to_left.astype(bool),
                leaf=tree.value[:, :, 0],
            )
        )
    packed, columns, missing_high = _pack(trees, model.n_features_in_)
    return PackedForest(
        packed, columns, missing_high, 0.0, len(trees), model.n_features_in_, np.float64
    )


def pack_xgboost(model: XGBRegressor) -> PackedForest:
    """Pack a fitted ``XGBRegressor`` of one target, grown trees and numeric columns.

    Raises:
        ConfigurationError: If the booster is of another kind.
    """
    booster = model.get_booster()
    learner = json.loads(booster.save_raw("json"))["learner"]
    kind = learner["gradient_booster"]["name"]
    objective = learner["objective"]["name"]
    if kind != "gbtree" or objective != "reg:squarederror":
        raise ConfigurationError(
            f"No packed form of an XGBoost {kind} with {objective}: expected gbtree with "
            "reg:squarederror"
        )
    n_features = int(learner["learner_model_param"]["num_feature"])
    trees = []
    # After early stopping the model predicts with the trees up to the best round.
    best_round = booster.attr("best_iteration")
    rounds = None if best_round is None else int(best_round) + 1
    for tree in learner["gradient_booster"]["model"]["trees"][:rounds]:
        if tree["categories"] or int(tree["tree_param"]["size_leaf_vector"]) > 1:
            raise ConfigurationError(
                "No packed form of an XGBoost of categories or several targets"
            )
        condition = np.array(tree["split_conditions"], dtype=np.float32)
        left = np.array(tree["left_children"])
        leaf = np.where(left < 0, condition, np.float32(0)).astype(np.float32)
        trees.append(
            _Tree(
                left=left,
                right=np.array(tree["right_children"]),
                column=np.array(tree["split_indices"]),
                # XGBoost goes left if x < t: the highest key that does so is one lower.
                highest_left=_keys(condition) - np.uint32(1),
                missing_high=~np.array(tree["default_left"], dtype=bool),
                leaf=leaf[:, None],
            )
        )
    base = float(np.float32(learner["learner_model_param"]["base_score"].strip("[]")))
    packed, columns, missing_high = _pack(trees, n_features)
    return PackedForest(packed, columns, missing_high, base, 1, n_features, np.float32)


@dataclass(frozen=True)
class _Tree:
    """A library's tree, node by node.

    Attributes:
        left: (nodes,) left child, negative at leaves.
        right: (nodes,) right child.
        column: (nodes,) column of X.
        highest_left: (nodes,) uint32, highest key that goes left.
        missing_high: (nodes,) bool, whether a missing value goes right.
        leaf: (nodes, targets).
    """

    left: np.ndarray
    right: np.ndarray
    column: np.ndarray
    highest_left: np.ndarray
    missing_high: np.ndarray
    leaf: np.ndarray


def _pack(trees: list[_Tree], n_features: int) -> tuple[PackedTrees, np.ndarray, np.ndarray]:
    """Trees over the columns in use: a column twice if missing values go either way."""
    used = np.zeros(2 * n_features, bool)
    for tree in trees:
        inner = tree.left >= 0
        used[tree.column[inner] + n_features * tree.missing_high[inner]] = True
    kept = np.flatnonzero(used)
    if len(kept) == 0:
        kept = np.array([0])  # A forest of lone leaves still needs a column to look at.
    if len(kept) > WIDE_COLUMNS:
        raise ConfigurationError(
            f"A packed forest uses at most {WIDE_COLUMNS} columns; found {len(kept)}"
        )
    place = np.zeros(2 * n_features, np.int64)
    place[kept] = np.arange(len(kept))
    packed = []
    for tree in trees:
        column = place[np.maximum(tree.column, 0) + n_features * tree.missing_high]
        nodes, order, longest = _lay_out(
            tree.left.astype(np.int64), tree.right.astype(np.int64), column, tree.highest_left
        )
        if longest > WIDE_DISTANCE:
            raise ConfigurationError(
                f"A packed tree holds about {2 * WIDE_DISTANCE} nodes; found {len(nodes)}"
            )
        packed.append((nodes, tree.leaf[order] * (tree.left[order] < 0)[:, None]))
    return PackedTrees.join(packed), kept % n_features, kept >= n_features


@njit(cache=True)
def _lay_out(left, right, column, highest_left):
    """Nodes with children side by side, the smaller subtree first so that distances stay short.

    Returns:
        Nodes (nodes,) uint64, the old number of each node, the longest distance to a left child.
    """
    total = len(left)
    size = np.ones(total, np.int64)
    # Parents first, in any order: a stack; sizes are then summed from the end.
    parents = np.empty(total, np.int64)
    stack = np.empty(total + 1, np.int64)
    stack[0] = 0
    waiting, seen = 1, 0
    while waiting > 0:
        waiting -= 1
        node = stack[waiting]
        parents[seen] = node
        seen += 1
        if left[node] >= 0:
            stack[waiting] = left[node]
            stack[waiting + 1] = right[node]
            waiting += 2
    for i in range(seen - 1, -1, -1):
        node = parents[i]
        if left[node] >= 0:
            size[node] = size[left[node]] + size[right[node]] + 1

    nodes = np.empty(seen, np.uint64)
    order = np.empty(seen, np.int64)
    order[0] = 0
    stack[0] = 0
    waiting, count, longest = 1, 1, 0
    while waiting > 0:
        waiting -= 1
        place = stack[waiting]
        node = order[place]
        if left[node] < 0:
            nodes[place] = np.uint64(0xFFFFFFFF)
            continue
        distance = count - place
        longest = max(longest, distance)
        nodes[place] = (
            uint64(highest_left[node])
            | (uint64(column[node]) << np.uint64(32))
            | (uint64(distance) << np.uint64(44))
        )
        order[count] = left[node]
        order[count + 1] = right[node]
        small_left = size[left[node]] <= size[right[node]]
        stack[waiting] = count + 1 if small_left else count
        stack[waiting + 1] = count if small_left else count + 1
        waiting += 2
        count += 2
    return nodes, order, longest


def _keys(values: np.ndarray) -> np.ndarray:
    """Integers in the order of float32 values."""
    # Adding 0 makes -0 and 0, which compare equal, the same bits.
    bits = (values.astype(np.float32) + np.float32(0)).view(np.uint32)
    negative = bits >> np.uint32(31) == 1
    return np.where(negative, ~bits, bits | np.uint32(0x80000000))


@njit(nogil=True, cache=True)
def _write_keys(X, columns, missing_high, rows):
    """``_keys`` of the used columns; a missing value is the lowest or the highest integer."""
    bits = (X + np.float32(0)).view(np.uint32)
    for i in range(X.shape[0]):
        for j in range(len(columns)):
            if np.isnan(X[i, columns[j]]):
                rows[i, j] = 0xFFFFFFFF if missing_high[j] else 0
            else:
                b = bits[i, columns[j]]
                rows[i, j] = ~b if b >> np.uint32(31) else b | np.uint32(0x80000000)
