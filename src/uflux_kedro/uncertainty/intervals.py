"""Conformal quantiles for rows in groups: the tower, not the row, is the exchangeable unit.

With K calibration towers and one new tower that are exchangeable, the row of the new tower takes
any rank among them: hierarchical conformal prediction, Lee, Barber and Willett (2023),
arXiv 2306.06342; Dunn, Wasserman and Ramdas (2022), doi 10.1080/01621459.2022.2060112. Each tower
has the same weight, spread evenly over its rows, and the new tower's own weight, or that of one of
its rows, lies at infinity. With one row a tower this is split conformal prediction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uflux_kedro.uncertainty.parameters import Guarantee


def tower_weights(sites: ArrayLike) -> NDArray[np.float64]:
    """Return weights that sum to 1, the same for each tower and spread evenly over its rows.

    Args:
        sites: Tower of each row, shape (n,).
    """
    _, tower, rows = np.unique(np.asarray(sites), return_inverse=True, return_counts=True)
    return 1 / (rows[tower] * len(rows))


def weighted_quantile(values: ArrayLike, weights: ArrayLike, share: float) -> float:
    """Return the lowest value whose cumulative weight reaches ``share``; infinity if none does.

    Args:
        values: Shape (n,).
        weights: Shape (n,), not negative. Weight that is missing to 1 lies at infinity.
        share: Share of the weight, 0-1.
    """
    values = np.asarray(values, dtype=float)
    order = np.argsort(values, kind="stable")
    total = np.cumsum(np.asarray(weights, dtype=float)[order])
    # Sums of many weights miss round numbers by their last digits.
    place = int(np.searchsorted(total, share - 1e-9))
    return float(values[order[place]]) if place < len(values) else np.inf


def conformal_weights(sites: ArrayLike, guarantee: Guarantee) -> NDArray[np.float64]:
    """Return the weights of the rows of K calibration towers beside a new tower.

    ``at_least``: each tower weighs 1 / (K + 1), and the new tower lies at infinity as a whole, so
    that whatever its rows are, they are covered at the level or above: Lee, Barber and Willett
    (2023), arXiv 2306.06342.

    ``on_average``: of the new tower one row lies at infinity, the row to predict; its others, as
    many as a tower has, are taken to lie where the rows of the K towers do. The threshold is that
    of ``at_least`` at ``level * K / (K + 1)`` or above, so coverage cannot be below that; it is the
    level where rows of a tower differ, and nearer to that bound the more alike they are. With one
    row a tower both are the same.

    Args:
        sites: Tower of each row, shape (n,).
        guarantee: What is promised of coverage.

    Returns:
        Shape (n,), the same sum for each tower, together less than 1.
    """
    weights = tower_weights(sites)
    towers = len(np.unique(np.asarray(sites)))
    # The sum of squares is the mean over towers of 1 / rows, over the number of towers.
    beyond = 1.0 if guarantee == "at_least" else towers * float(weights @ weights)
    return weights * (1 - beyond / (towers + 1))


def group_quantile(
    scores: ArrayLike, sites: ArrayLike, level: float, guarantee: Guarantee = "at_least"
) -> float:
    """Compute the threshold of hierarchical conformal prediction.

    Args:
        scores: Score of each row of the calibration towers, shape (n,).
        sites: Tower of each row, shape (n,).
        level: Share of a new tower's rows with scores up to the threshold.
        guarantee: What is promised of coverage, as in :func:`conformal_weights`.

    Returns:
        The threshold; infinity if there are too few towers for the level, as there are below nine
        for at least 0.9.
    """
    return weighted_quantile(scores, conformal_weights(sites, guarantee), level)


def finite_quantile(
    scores: NDArray[np.float64],
    sites: ArrayLike,
    level: float,
    guarantee: Guarantee = "at_least",
) -> float:
    """Return :func:`group_quantile`, or the largest score where the towers are too few for it."""
    threshold = group_quantile(scores, sites, level, guarantee)
    return threshold if np.isfinite(threshold) else float(scores.max())


def jackknife_plus(
    predictions: ArrayLike, residuals: ArrayLike, sites: ArrayLike, level: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the intervals of the jackknife+ over towers, or of CV+ over folds of towers.

    The models that a row's tower was left out of predict the new rows, and the row's residual is
    added to and taken from their prediction: Barber, Candes, Ramdas and Tibshirani (2021),
    doi 10.1214/20-AOS1965, with the weights of towers of Lee, Barber and Willett (2023). The
    coverage is guaranteed to be at least ``2 * level - 1`` and is about ``level``.

    Args:
        predictions: For each calibration row, the new rows' prediction by the model without that
            row's tower, shape (n, new rows).
        residuals: Absolute residual of each calibration row by that model, shape (n,).
        sites: Tower of each calibration row, shape (n,).
        level: Nominal share of a new tower's values inside.

    Returns:
        Lower and upper bounds, shape (new rows,); infinite if there are too few towers.
    """
    predictions = np.asarray(predictions, dtype=float)
    residuals = np.asarray(residuals, dtype=float)[:, None]
    towers = len(np.unique(np.asarray(sites)))
    weights = tower_weights(sites) * towers / (towers + 1)
    upper = [weighted_quantile(v, weights, level) for v in (predictions + residuals).T]
    lower = [-weighted_quantile(v, weights, level) for v in (residuals - predictions).T]
    return np.array(lower), np.array(upper)


@dataclass(frozen=True)
class Thresholds:
    """Thresholds of standardised errors, for all towers and by class.

    Attributes:
        pooled: Threshold of all towers, for classes without a tower.
        classes: Class -> threshold.
        towers: Class -> number of calibration towers.
        finite: Whether the towers sufficed for the level; if not, the largest score stands for
            the infinite threshold and coverage is not guaranteed.
    """

    pooled: float
    classes: dict[int, float]
    towers: dict[int, int]
    finite: bool

    def of(self, classes: ArrayLike) -> NDArray[np.float64]:
        """Return the threshold of each row from its class, shape (n,); NaN is no class."""
        codes = np.asarray(classes, dtype=float)
        out = np.full(codes.shape, self.pooled)
        for code, threshold in self.classes.items():
            out[codes == code] = threshold
        return out

    def to_json(self) -> dict[str, Any]:
        """Return the thresholds in types of JSON."""
        return {
            "pooled": self.pooled,
            "classes": {str(code): value for code, value in self.classes.items()},
            "towers": {str(code): value for code, value in self.towers.items()},
            "finite": self.finite,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Restore the result of :meth:`to_json`."""
        return cls(
            found["pooled"],
            {int(code): value for code, value in found["classes"].items()},
            {int(code): value for code, value in found["towers"].items()},
            found["finite"],
        )


def fit_thresholds(
    scores: ArrayLike,
    sites: ArrayLike,
    classes: ArrayLike,
    level: float,
    shrinkage: float,
    guarantee: Guarantee = "at_least",
) -> Thresholds:
    """Fit thresholds for all towers and by class.

    A class of k towers has the quantile of a mixture: its own towers with weight
    k / (k + shrinkage), all towers with the rest. Quantiles of the own towers alone depend on one
    or two of them.

    Args:
        scores: Score of each row, shape (n,).
        sites: Tower of each row, shape (n,).
        classes: Class of each row, shape (n,); NaN is no class.
        level: Share of a new tower's rows with scores up to the threshold.
        shrinkage: Towers of a class at which its own errors count as much as those of all.
        guarantee: What is promised of coverage, as in :func:`conformal_weights`.
    """
    scores, sites = np.asarray(scores, dtype=float), np.asarray(sites)
    codes = np.asarray(classes, dtype=float)
    weights = conformal_weights(sites, guarantee)
    pooled = weighted_quantile(scores, weights, level)
    finite = bool(np.isfinite(pooled))
    if not finite:
        pooled = float(scores.max())
    found, towers = {}, {}
    for code in np.unique(codes[~np.isnan(codes)]):
        own = codes == code
        k = len(np.unique(sites[own]))
        share = k / (k + shrinkage)
        mixed = (1 - share) * weights
        mixed[own] += share * tower_weights(sites[own]) * weights.sum()
        threshold = weighted_quantile(scores, mixed, level)
        found[int(code)] = threshold if np.isfinite(threshold) else float(scores.max())
        towers[int(code)] = k
    return Thresholds(pooled, found, towers, finite)
