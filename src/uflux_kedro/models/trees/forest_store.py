"""Storage of forests: those of one layer in memory or on disk, and one as named arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from uflux_kedro.models.trees.byte_forest import ByteForest
from uflux_kedro.models.trees.packed_trees import PackedTrees
from uflux_kedro.models.trees.walk_kernels import layout_of


class ForestStore:
    """A list of forests; from disk only one is read at a time.

    Args:
        forests: The first forests.
        on_disk: Whether to keep forests in a temporary folder, which is removed with the store.
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
        # A copy or pickle must not share the folder of the original.
        return (_store, (list(self), self._folder is not None))


def _store(forests: list[ByteForest], on_disk: bool) -> ForestStore:
    return ForestStore(forests, on_disk=on_disk)


def forest_arrays(forest: ByteForest) -> dict[str, np.ndarray]:
    """Return the arrays of a forest for storage, with values only for leaves."""
    trees = forest.trees
    return {
        "nodes": trees.nodes,
        "leaves": trees.leaves[_is_leaf(trees.nodes)],
        "roots": trees.roots,
        "importances": forest.importances,
    }


def read_forest(arrays: Mapping[str, np.ndarray], columns: int, targets: int) -> ByteForest:
    """Make a forest from the arrays that :func:`forest_arrays` returned.

    Raises:
        ValueError: If the arrays are not those of a forest of ``columns`` and ``targets``.
    """
    nodes, values = arrays["nodes"], arrays["leaves"]
    leaves = np.zeros((len(nodes), targets), np.float32)
    leaves[_is_leaf(nodes)] = values
    trees = PackedTrees(nodes, leaves, arrays["roots"])
    trees.check(columns)
    return ByteForest(trees, arrays["importances"])


def _is_leaf(nodes: np.ndarray) -> np.ndarray:
    return nodes >> nodes.dtype.type(layout_of(nodes).distance_shift) == 0


def columns_and_targets(model: Any) -> dict[str, Any]:
    """Return a fitted estimator's numbers of columns and targets, and names of columns if any."""
    attributes = {"n_features_in_": model.n_features_in_, "n_outputs_": model.n_outputs_}
    if hasattr(model, "feature_names_in_"):
        attributes["feature_names_in_"] = list(model.feature_names_in_)
    return attributes


def take_columns_and_targets(model: Any, attributes: Mapping[str, Any]) -> None:
    """Set the attributes of an estimator that :func:`columns_and_targets` returned.

    Raises:
        KeyError: If a number is missing.
    """
    model.n_features_in_ = int(attributes["n_features_in_"])
    model.n_outputs_ = int(attributes["n_outputs_"])
    if "feature_names_in_" in attributes:
        model.feature_names_in_ = np.array(attributes["feature_names_in_"], dtype=object)
