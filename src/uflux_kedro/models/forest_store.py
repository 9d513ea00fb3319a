"""The forests of one layer, in memory or on disk."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from uflux_kedro.models.byte_forest import ByteForest
from uflux_kedro.models.packed_trees import PackedTrees


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
        path.write_bytes(forest_bytes(forest))
        self._items.append(path)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[ByteForest]:
        for item in self._items:
            yield read_forest(item.read_bytes()) if isinstance(item, Path) else item

    def __reduce__(self):
        # A copy or a pickle must not share the folder of the original.
        return (_store, (list(self), self._folder is not None))


def _store(forests: list[ByteForest], on_disk: bool) -> ForestStore:
    return ForestStore(forests, on_disk=on_disk)


def forest_bytes(forest: ByteForest) -> bytes:
    """A forest as npz: the same forest gives the same bytes.

    Only leaves have a value, and they are known by their distance of 0, so the values of inner
    nodes are left out.
    """
    trees = forest.trees
    buffer = io.BytesIO()
    np.savez(
        buffer,
        allow_pickle=False,
        nodes=trees.nodes,
        leaves=trees.leaves[_is_leaf(trees.nodes)],
        roots=trees.roots,
        importances=forest.importances,
    )
    return buffer.getvalue()


def read_forest(payload: bytes) -> ByteForest:
    """Inverse of :func:`forest_bytes`."""
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        nodes, values = arrays["nodes"], arrays["leaves"]
        leaves = np.zeros((len(nodes), values.shape[1]), values.dtype)
        leaves[_is_leaf(nodes)] = values
        trees = PackedTrees(nodes, leaves, arrays["roots"])
        return ByteForest(trees, arrays["importances"])


def _is_leaf(nodes: np.ndarray) -> np.ndarray:
    distance_shift = nodes.dtype.type(16 if nodes.dtype == np.uint32 else 44)
    return nodes >> distance_shift == 0
