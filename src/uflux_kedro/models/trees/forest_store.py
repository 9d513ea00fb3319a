"""The forests of one layer, in memory or on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from uflux_kedro.models.trees.byte_forest import ByteForest
from uflux_kedro.models.trees.packed_trees import PackedTrees


class ForestStore:
    """Forests in order; those on disk are read when their turn comes and then let go.

    Args:
        forests: Forests to begin with.
        on_disk: Whether they stand in a temporary folder, which goes when the store goes.
    """

    def __init__(self, forests: Iterable[ByteForest] = (), *, on_disk: bool = False) -> None:
        self._folder = TemporaryDirectory(prefix="cascade-forest-") if on_disk else None
        self._items: list[ByteForest | Path] = []
        for forest in forests:
            self.append(forest)

    def append(self, forest: ByteForest) -> None:
        """Add a forest at the end."""
        if self._folder is None:
            self._items.append(forest)
            return
        path = Path(self._folder.name) / f"{len(self._items)}.npz"
        np.savez(path, allow_pickle=False, **forest_arrays(forest))
        self._items.append(path)
        self._columns = len(forest.importances)
        self._targets = forest.trees.leaves.shape[1]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[ByteForest]:
        for item in self._items:
            if isinstance(item, Path):
                with np.load(item, allow_pickle=False) as arrays:
                    yield read_forest(arrays, self._columns, self._targets)
            else:
                yield item

    def __reduce__(self):
        # A copy or a pickle must not share the folder of the original.
        return (_store, (list(self), self._folder is not None))


def _store(forests: list[ByteForest], on_disk: bool) -> ForestStore:
    return ForestStore(forests, on_disk=on_disk)


def forest_arrays(forest: ByteForest) -> dict[str, np.ndarray]:
    """A forest for storage.

    Only leaves have a value, and they are known by their distance of 0, so the values of inner
    nodes are left out.
    """
    trees = forest.trees
    return {
        "nodes": trees.nodes,
        "leaves": trees.leaves[_is_leaf(trees.nodes)],
        "roots": trees.roots,
        "importances": forest.importances,
    }


def read_forest(arrays: Mapping[str, np.ndarray], columns: int, targets: int) -> ByteForest:
    """Inverse of :func:`forest_arrays`.

    Raises:
        ValueError: If the arrays are not those of a forest on so many columns and targets.
    """
    nodes, values = arrays["nodes"], arrays["leaves"]
    leaves = np.zeros((len(nodes), targets), np.float32)
    leaves[_is_leaf(nodes)] = values
    trees = PackedTrees(nodes, leaves, arrays["roots"])
    trees.check(columns)
    return ByteForest(trees, arrays["importances"])


def _is_leaf(nodes: np.ndarray) -> np.ndarray:
    if nodes.dtype not in (np.uint32, np.uint64) or nodes.ndim != 1:
        raise ValueError(f"nodes of type {nodes.dtype}")
    distance_shift = nodes.dtype.type(16 if nodes.dtype == np.uint32 else 44)
    return nodes >> distance_shift == 0


def columns_and_targets(model: Any) -> dict[str, Any]:
    """What scikit-learn's estimators know of the data that they were fitted on, for JSON."""
    known = {"n_features_in_": model.n_features_in_, "n_outputs_": model.n_outputs_}
    if hasattr(model, "feature_names_in_"):
        known["feature_names_in_"] = list(model.feature_names_in_)
    return known


def take_columns_and_targets(model: Any, attributes: Mapping[str, Any]) -> None:
    """Give a model what :func:`columns_and_targets` knew of another.

    Raises:
        KeyError: If a number is missing.
    """
    model.n_features_in_ = int(attributes["n_features_in_"])
    model.n_outputs_ = int(attributes["n_outputs_"])
    if "feature_names_in_" in attributes:
        model.feature_names_in_ = np.array(attributes["feature_names_in_"], dtype=object)
