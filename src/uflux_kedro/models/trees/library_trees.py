"""Conversion of the trees of scikit-learn's forests and of XGBoost to packed form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit, uint64

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.models.trees.packed_trees import PackedForest, PackedTrees, keys_of
from uflux_kedro.models.trees.shallow_trees import DEPTH, INNER, MAX_CUTS, NEVER_RIGHT, ShallowTrees
from uflux_kedro.models.trees.walk_kernels import WIDE

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor
    from xgboost import XGBRegressor


def pack_random_forest(model: RandomForestRegressor) -> PackedForest:
    """Pack a fitted ``RandomForestRegressor`` (or ``ExtraTreesRegressor``)."""
    trees = []
    for estimator in model.estimators_:
        tree = estimator.tree_
        # X is float32 and the threshold float64: x <= t if and only if x <= the largest float32
        # that is not above t.
        thresholds = tree.threshold.astype(np.float32)
        above = thresholds.astype(np.float64) > tree.threshold
        thresholds[above] = np.nextafter(thresholds[above], np.float32(-np.inf))
        trees.append(
            _Tree(
                left=tree.children_left,
                right=tree.children_right,
                column=tree.feature,
                highest_left=keys_of(thresholds),
                missing_high=~tree.missing_go_to_left.astype(bool),
                leaf=tree.value[:, :, 0],
            )
        )
    packed, columns, missing_high = _pack(trees, model.n_features_in_)
    return PackedForest(
        packed, columns, missing_high, 0.0, len(trees), model.n_features_in_, np.float64
    )


def pack_xgboost(model: XGBRegressor) -> PackedForest:
    """Pack a fitted ``XGBRegressor`` of trees, with one target and numeric columns.

    Raises:
        ConfigurationError: If the model is of another kind.
    """
    booster = model.get_booster()
    learner = json.loads(booster.save_raw("json"))["learner"]
    kind = learner["gradient_booster"]["name"]
    objective = learner["objective"]["name"]
    if kind != "gbtree" or objective != "reg:squarederror":
        raise ConfigurationError(
            f"No packed form of an XGBoost model {kind} with {objective}: expected gbtree with "
            "reg:squarederror"
        )
    if model.missing is not None and not np.isnan(model.missing):
        raise ConfigurationError(
            f"No packed form of an XGBoost model with missing={model.missing!r}: expected NaN"
        )
    if int(learner["learner_model_param"]["num_target"]) > 1:
        raise ConfigurationError("No packed form of an XGBoost model of several targets")
    n_features = int(learner["learner_model_param"]["num_feature"])
    trees = []
    # After early stopping the model predicts with the trees up to the best round.
    best_round = booster.attr("best_iteration")
    grown = learner["gradient_booster"]["model"]
    a_round = int(grown["gbtree_model_param"]["num_parallel_tree"])
    used = None if best_round is None else (int(best_round) + 1) * a_round
    for tree in grown["trees"][:used]:
        if tree["categories"]:
            raise ConfigurationError("No packed form of an XGBoost model of categories")
        condition = np.array(tree["split_conditions"], dtype=np.float32)
        left = np.array(tree["left_children"])
        leaf = np.where(left < 0, condition, np.float32(0)).astype(np.float32)
        trees.append(
            _Tree(
                left=left,
                right=np.array(tree["right_children"]),
                column=np.array(tree["split_indices"]),
                # XGBoost goes left if x < t, so the highest key that goes left is one lower.
                highest_left=keys_of(condition) - np.uint32(1),
                missing_high=~np.array(tree["default_left"], dtype=bool),
                leaf=leaf[:, None],
            )
        )
    base = float(np.float32(learner["learner_model_param"]["base_score"].strip("[]")))
    packed, columns, missing_high = _pack(trees, n_features)
    return PackedForest(packed, columns, missing_high, base, 1, n_features, np.float32)


@dataclass(frozen=True)
class _Tree:
    """A tree of scikit-learn or XGBoost.

    Attributes:
        left: (nodes,) left child, negative at leaves.
        right: (nodes,) right child.
        column: (nodes,) column of X.
        highest_left: (nodes,) uint32, highest key (see ``keys_of``) that goes left.
        missing_high: (nodes,) bool, whether a missing value goes right.
        leaf: (nodes, targets) value at leaves.
    """

    left: np.ndarray
    right: np.ndarray
    column: np.ndarray
    highest_left: np.ndarray
    missing_high: np.ndarray
    leaf: np.ndarray


def _pack(
    trees: list[_Tree], n_features: int
) -> tuple[PackedTrees | ShallowTrees, np.ndarray, np.ndarray]:
    """Pack trees over the columns that they use, twice if missing values go left and right.

    Returns:
        The packed trees and, of each column that they use, its number in X and whether a missing
        value goes right.
    """
    used = np.zeros(2 * n_features, bool)
    for tree in trees:
        inner = tree.left >= 0
        used[tree.column[inner] + n_features * tree.missing_high[inner]] = True
    kept = np.flatnonzero(used)
    if len(kept) == 0:
        kept = np.array([0])  # a forest of single leaves still needs a column
    if len(kept) > WIDE.columns:
        raise ConfigurationError(
            f"A packed forest uses at most {WIDE.columns} columns; found {len(kept)}"
        )
    place = np.zeros(2 * n_features, np.int64)
    place[kept] = np.arange(len(kept))
    seen = [place[np.maximum(t.column, 0) + n_features * t.missing_high] for t in trees]
    shallow = _shallow(trees, seen, len(kept))
    if shallow is not None:
        return shallow, kept % n_features, kept >= n_features
    packed = []
    for tree, column in zip(trees, seen, strict=True):
        nodes, order, longest = lay_out(
            tree.left.astype(np.int64), tree.right.astype(np.int64), column, tree.highest_left
        )
        if longest > WIDE.longest:
            raise ConfigurationError(
                f"A packed tree has at most about {2 * WIDE.longest} nodes; found {len(nodes)}"
            )
        packed.append((nodes, tree.leaf[order] * (tree.left[order] < 0)[:, None]))
    return PackedTrees.join(packed), kept % n_features, kept >= n_features


def _shallow(trees: list[_Tree], seen: list[np.ndarray], columns: int) -> ShallowTrees | None:
    """Complete trees on ranks; None if a tree is too deep or a column has too many thresholds.

    Args:
        trees: The trees.
        seen: For each tree, the position of each node's column among the used columns.
        columns: Number of used columns.
    """
    inner = [tree.left >= 0 for tree in trees]
    column = np.concatenate([c[i] for c, i in zip(seen, inner, strict=True)])
    highest_left = np.concatenate([t.highest_left[i] for t, i in zip(trees, inner, strict=True)])
    cuts = np.full((columns, MAX_CUTS + 1), 0xFFFFFFFF, np.uint32)
    for number in range(columns):
        distinct = np.unique(highest_left[column == number])
        if len(distinct) > MAX_CUTS:
            return None
        cuts[number, : len(distinct)] = distinct
    columns_of = np.zeros((len(trees), INNER), np.uint16)
    thresholds = np.full((len(trees), INNER), NEVER_RIGHT, np.uint8)
    leaves = []
    for number, tree in enumerate(trees):
        at = np.zeros(1, np.int64)
        for _ in range(DEPTH):
            goes_on = inner[number][at]
            places = np.flatnonzero(goes_on) + len(at) - 1
            nodes = at[goes_on]
            own = seen[number][nodes]
            columns_of[number, places] = own
            thresholds[number, places] = (cuts[own] < tree.highest_left[nodes, None]).sum(axis=1)
            # The children of a leaf are the leaf itself.
            left, right = (np.where(goes_on, c[at], at) for c in (tree.left, tree.right))
            at = np.stack([left, right], axis=1).ravel()
        if np.any(inner[number][at]):
            return None
        leaves.append(tree.leaf[at])
    return ShallowTrees(columns_of, thresholds, np.stack(leaves), cuts)


LEAF = np.uint64(WIDE.threshold_mask)
"""A leaf of :func:`lay_out`."""

_COLUMN_SHIFT, _DISTANCE_SHIFT = np.uint64(WIDE.column_shift), np.uint64(WIDE.distance_shift)


@njit(cache=True)
def lay_out(left, right, column, highest_left):
    """Order nodes with children adjacent and the smaller subtree first, to keep distances short.

    Returns:
        Nodes (nodes,) uint64, the old number of each node, the longest distance to a left child.
    """
    total = len(left)
    size = np.ones(total, np.int64)
    # Parents come before their children, so that sizes can be summed from the end.
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
            nodes[place] = LEAF
            continue
        distance = count - place
        longest = max(longest, distance)
        nodes[place] = (
            uint64(highest_left[node])
            | (uint64(column[node]) << _COLUMN_SHIFT)
            | (uint64(distance) << _DISTANCE_SHIFT)
        )
        order[count] = left[node]
        order[count + 1] = right[node]
        small_left = size[left[node]] <= size[right[node]]
        stack[waiting] = count + 1 if small_left else count
        stack[waiting + 1] = count if small_left else count + 1
        waiting += 2
        count += 2
    return nodes, order, longest
