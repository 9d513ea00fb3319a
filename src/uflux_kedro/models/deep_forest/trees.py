"""Conversion of the trees of the package deep-forest to those of the cascade forest."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from uflux_kedro.models.trees.binning import MAX_BINS
from uflux_kedro.models.trees.library_trees import LEAF, lay_out
from uflux_kedro.models.trees.packed_trees import PackedTrees


def cascade_arrays(
    exported: Mapping[str, np.ndarray], *, layers: int, forests: int, columns: int, targets: int
) -> dict[str, np.ndarray]:
    """Return the arrays of ``CascadeForestRegressor.from_arrays``.

    Args:
        exported: Arrays that the command ``export`` of ``worker`` wrote.
        layers: Number of layers.
        forests: Number of forests in a layer.
        columns: Number of columns of X.
        targets: Number of targets.
    """
    arrays: dict[str, np.ndarray] = {}
    for layer in range(layers):
        own = columns if layer == 0 else forests * targets
        thresholds = np.full((own, MAX_BINS), np.inf)
        for column in range(own):
            found = exported[f"binner{layer}.{column}"]
            thresholds[column, : len(found)] = found
        arrays[f"layer{layer}.binner.thresholds"] = thresholds
        seen = columns if layer == 0 else columns + forests * targets
        for place in range(forests):
            names = ("features", "thresholds", "children", "values", "inner")
            trees = _forest(*(exported[f"forest{layer}.{place}.{name}"] for name in names))
            name = f"layer{layer}.forest{place}"
            arrays[f"{name}.nodes"] = trees.nodes
            arrays[f"{name}.leaves"] = trees.leaves[trees.nodes == LEAF]
            arrays[f"{name}.roots"] = trees.roots
            arrays[f"{name}.importances"] = np.zeros(seen)
    return arrays


def _forest(
    features: np.ndarray,
    thresholds: np.ndarray,
    children: np.ndarray,
    values: np.ndarray,
    inner: np.ndarray,
) -> PackedTrees:
    """Convert the concatenated trees of a forest; a tree of n inner nodes has n + 1 leaves."""
    trees = []
    last = np.cumsum(inner)
    for tree, (n, end) in enumerate(zip(inner, last, strict=True)):
        nodes = slice(end - n, end)
        leaves = values[end - n + tree : end + tree + 1]
        none = np.full(n + 1, -1)
        # Leaf j becomes node n + j. The root is never a child, so 0 means the first leaf.
        child = np.where(children[nodes] > 0, children[nodes], n - children[nodes])
        packed, order, _ = lay_out(
            np.concatenate([child[:, 0], none]).astype(np.int64),
            np.concatenate([child[:, 1], none]).astype(np.int64),
            np.concatenate([features[nodes], none]).astype(np.int64),
            np.concatenate([thresholds[nodes], none * 0]).astype(np.uint32),
        )
        value = np.concatenate([np.zeros((n, leaves.shape[1])), leaves])
        trees.append((packed, value[order].astype(np.float32)))
    return PackedTrees.join(trees)
