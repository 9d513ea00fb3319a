"""Weights, folds and quantiles in which the tower counts, not the row."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray


def tower_weights(sites: ArrayLike) -> NDArray[np.float64]:
    """Return the weight of each row: one over the number of its tower's rows, shape (n,)."""
    _, place, count = np.unique(np.asarray(sites), return_inverse=True, return_counts=True)
    return 1.0 / count[place]


def tower_folds(sites: ArrayLike, n_splits: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Yield the test rows of each fold of whole towers, drawn at random.

    Args:
        sites: Site of each row, shape (n,).
        n_splits: Number of folds; that of the towers if there are fewer.
        seed: Seed of the draw.
    """
    names, place = np.unique(np.asarray(sites), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    for fold in range(min(n_splits, len(names))):
        yield order[place] % min(n_splits, len(names)) == fold


def tower_quantile(scores: ArrayLike, sites: ArrayLike, level: float) -> float:
    """Return the quantile that a further tower's score stays below with a probability.

    Each of K towers weighs 1 / (K + 1), shared among its rows, and the tower to come has the rest
    at infinity: hierarchical conformal prediction (Lee, Barber and Willett 2023, arXiv 2306.06342).

    Args:
        scores: Score of each row, shape (n,); finite.
        sites: Site of each row, shape (n,).
        level: Probability.

    Returns:
        The quantile; with too few towers to exclude that a further one exceeds all, the highest
        score.
    """
    scores = np.asarray(scores, dtype=float)
    weights = tower_weights(sites)
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weights[order]) / (weights.sum() + 1)
    place = min(int(np.searchsorted(reached, level - 1e-12)), len(order) - 1)
    return float(scores[order[place]])
