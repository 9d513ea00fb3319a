"""Trees of the binned forest in the form that the library ``shap`` takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from uflux_kedro.models.trees.packed_trees import PackedTrees
from uflux_kedro.models.trees.walk_kernels import layout_of

_LEAF = -1


def unpacked_trees(trees: PackedTrees, rows: NDArray[np.uint8]) -> list[dict[str, Any]]:
    """Unpack trees of one target, each node with the number of given rows that pass it.

    A node that sends all its rows one way is left out: for these rows it decides nothing.

    Args:
        trees: The trees.
        rows: Binned rows, shape (n, columns), at least one.

    Returns:
        A table of nodes per tree, the root first; a row goes left if its value is not above the
        threshold.
    """
    layout, kind = layout_of(trees.nodes), trees.nodes.dtype.type
    threshold = (trees.nodes & kind(layout.threshold_mask)).astype(np.int64)
    column = (trees.nodes >> kind(layout.column_shift) & kind(layout.column_mask)).astype(np.int64)
    distance = (trees.nodes >> kind(layout.distance_shift)).astype(np.int64)
    ends = [*trees.roots[1:].astype(int), len(trees.nodes)]
    found = []
    for first, end in zip(trees.roots.astype(int), ends, strict=True):
        part = slice(first, end)
        left = np.where(distance[part] > 0, np.arange(end - first) + distance[part], _LEAF)
        cover = _cover(left, column[part], threshold[part], rows)
        nodes = (left, column[part], threshold[part], cover, trees.leaves[part, 0])
        found.append(_without_idle(*nodes))
    return found


def _cover(
    left: NDArray[np.int64], column: NDArray, threshold: NDArray, rows: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Return how many rows pass each node."""
    cover = np.zeros(len(left))
    at, moving = np.zeros(len(rows), np.int64), np.arange(len(rows))
    while moving.size:
        cover += np.bincount(at, minlength=len(left))
        inner = left[at] != _LEAF
        moving, at = moving[inner], at[inner]
        at = left[at] + (rows[moving, column[at]] > threshold[at])
    return cover


def _without_idle(
    left: NDArray[np.int64],
    column: NDArray,
    threshold: NDArray,
    cover: NDArray[np.float64],
    leaves: NDArray,
) -> dict[str, Any]:
    """Number anew the nodes that split rows, and the leaves that have some."""

    def first_to_split(node: int) -> int:
        while left[node] != _LEAF and cover[node] in (cover[left[node]], cover[left[node] + 1]):
            node = left[node] + (cover[left[node]] == 0)
        return int(node)

    kept = [first_to_split(0)]
    children: list[tuple[int, int]] = []
    for node in kept:  # grows as children are found
        if left[node] == _LEAF:
            children.append((_LEAF, _LEAF))
            continue
        children.append((len(kept), len(kept) + 1))
        kept += [first_to_split(left[node]), first_to_split(left[node] + 1)]
    pairs = np.array(children)
    inner = pairs[:, 0] != _LEAF
    return {
        "children_left": pairs[:, 0],
        "children_right": pairs[:, 1],
        "children_default": pairs[:, 0],
        "features": np.where(inner, column[kept], -2),
        "thresholds": np.where(inner, threshold[kept], -2).astype(float),
        "values": leaves[kept].astype(float)[:, None],
        "node_sample_weight": cover[kept],
    }
