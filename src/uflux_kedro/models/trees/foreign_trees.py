"""Checks of trees that scikit-learn, XGBoost and LightGBM read from files.

These libraries follow the child and column numbers of a file without a check: a crafted file makes
them read foreign memory, or walk in a circle. Each function below raises ValueError for such a file.
Checks of XGBoost and LightGBM come before the library reads the file, since even reading can crash.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from uflux_kedro.models.trees.ubjson import read_ubjson

_LEAF = -1
_TREE_ARRAYS = (
    "left_children",
    "right_children",
    "parents",
    "split_indices",
    "split_conditions",
    "default_left",
    "split_type",
    "base_weights",
    "loss_changes",
    "sum_hessian",
)
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


def check_children(left: np.ndarray, right: np.ndarray, nodes: int) -> None:
    """Check that the links of inner nodes lead from the root, node 0, down to each node once.

    Where no node has two parents and the root has none, there is no way round in a circle.

    Args:
        left: (inner nodes,) left children.
        right: (inner nodes,) right children.
        nodes: Number of nodes.

    Raises:
        ValueError: If they do not.
    """
    children = np.concatenate([left, right]).astype(np.int64)
    if np.any((children <= 0) | (children >= nodes)):
        raise ValueError("a tree with child numbers out of range")
    if len(np.unique(children)) < len(children):
        raise ValueError("a tree that comes back to a node")


def _check_columns(column: np.ndarray, columns: int) -> None:
    if np.any((column < 0) | (column >= columns)):
        raise ValueError("a tree with column numbers out of range")


def check_scikit_learn(tree: Any, columns: int) -> None:
    """Check a fitted ``tree_`` of scikit-learn that splits ``columns`` columns."""
    # Nodes beyond node_count are walked, but the arrays do not show them.
    if tree.node_count != tree.capacity or tree.node_count < 1:
        raise ValueError("a tree with a wrong number of nodes")
    left, right = tree.children_left, tree.children_right
    inner = left != _LEAF
    if not np.array_equal(inner, right != _LEAF):
        raise ValueError("a tree with child numbers out of range")
    check_children(left[inner], right[inner], tree.node_count)
    _check_columns(tree.feature[inner], columns)


def check_xgboost(payload: bytes) -> None:
    """Check a model of XGBoost in UBJSON: boosted trees of numeric columns."""
    learner = read_ubjson(payload)["learner"]
    booster = learner["gradient_booster"]
    if booster["name"] != "gbtree":
        raise ValueError(f"an XGBoost model of kind {booster['name']!r}, not gbtree")
    sizes = learner["learner_model_param"]
    columns = int(sizes["num_feature"])
    outputs = max(1, int(sizes["num_class"])) * max(1, int(sizes["num_target"]))
    model = booster["model"]
    trees, groups = model["trees"], np.asarray(model["tree_info"])
    rounds = np.asarray(model["iteration_indptr"])
    if (
        len(trees) != int(model["gbtree_model_param"]["num_trees"])
        or groups.shape != (len(trees),)
        or np.any((groups < 0) | (groups >= outputs))
    ):
        raise ValueError("an XGBoost model with a wrong number of trees")
    if rounds.size and (rounds[0] != 0 or rounds[-1] != len(trees) or np.any(np.diff(rounds) < 0)):
        raise ValueError("an XGBoost model with rounds out of range")
    if any(len(part) for part in model.get("cats", {}).values()):
        raise ValueError("an XGBoost model of categories")
    for tree in trees:
        _check_xgboost_tree(tree, columns)


def _check_xgboost_tree(tree: Mapping[str, Any], columns: int) -> None:
    sizes = {name: int(value) for name, value in tree["tree_param"].items()}
    nodes = sizes["num_nodes"]
    arrays = {name: np.asarray(tree[name]) for name in _TREE_ARRAYS}
    if nodes < 1 or any(array.shape != (nodes,) for array in arrays.values()):
        raise ValueError("a tree with a wrong number of nodes")
    if sizes["num_feature"] != columns or sizes["size_leaf_vector"] > 1:
        raise ValueError("a tree for another number of columns or targets")
    if any(len(tree[name]) for name in _CATEGORIES) or np.any(arrays["split_type"] != 0):
        raise ValueError("an XGBoost model of categories")
    left, right = arrays["left_children"], arrays["right_children"]
    inner = left != _LEAF
    if not np.array_equal(inner, right != _LEAF):
        raise ValueError("a tree with child numbers out of range")
    check_children(left[inner], right[inner], nodes)
    _check_columns(arrays["split_indices"][inner], columns)
    # XGBoost looks up the parent of every node but the root, of pruned ones too.
    parents = arrays["parents"][1:].astype(np.int64)
    if np.any((parents < 0) | (parents >= nodes)):
        raise ValueError("a tree with parent numbers out of range")


_TREE_SIZES = re.compile(r"^tree_sizes=.*\n", re.MULTILINE)


def checked_lightgbm(text: str, columns: int) -> str:
    """Check a model of LightGBM, boosted trees of numeric columns with one target.

    Args:
        text: The model in LightGBM's own format.
        columns: Number of columns that its trees may split.

    Returns:
        The text for LightGBM to read. The places of trees in the text are left out: LightGBM would
        jump to them unchecked, and without them it reads the trees one after the other.
    """
    head, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
    settings = _lines(head)
    if int(settings["num_class"]) != 1 or int(settings["num_tree_per_iteration"]) != 1:
        raise ValueError("a LightGBM model of several targets")
    if int(settings["max_feature_idx"]) != columns - 1:
        raise ValueError("a LightGBM model of another number of columns")
    for block in blocks:
        _check_lightgbm_tree(_lines(block), columns)
    return _TREE_SIZES.sub("", text)


def _lines(block: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, equals, value in (line.partition("=") for line in block.splitlines()):
        if equals and name in found:
            raise ValueError(f"a LightGBM model with {name} twice")
        found[name] = value
    return found


def _check_lightgbm_tree(tree: Mapping[str, str], columns: int) -> None:
    leaves = int(tree["num_leaves"])
    if leaves < 1 or int(tree["num_cat"]) or int(tree.get("is_linear", 0)):
        raise ValueError("a LightGBM model of categories or of linear leaves")
    if len(tree["leaf_value"].split()) != leaves:
        raise ValueError("a tree with a wrong number of leaves")
    if leaves == 1:
        return
    names = ("left_child", "right_child", "split_feature", "threshold", "decision_type")
    arrays = {name: np.array(tree[name].split(), dtype=np.float64) for name in names}
    if any(len(array) != leaves - 1 for array in arrays.values()):
        raise ValueError("a tree with a wrong number of nodes")
    # Leaf k is the child -k-1; it becomes the node after the inner ones, and the root stays 0.
    left, right = (np.where(arrays[n] < 0, leaves - 2 - arrays[n], arrays[n]) for n in names[:2])
    check_children(left, right, 2 * leaves - 1)
    _check_columns(arrays["split_feature"], columns)
    if np.any(arrays["decision_type"].astype(np.int64) & 1):
        raise ValueError("a LightGBM model of categories")
