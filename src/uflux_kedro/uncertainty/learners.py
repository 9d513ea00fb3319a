"""Trees that learn the size of errors, each by a loss of its own.

All take rows as ``features`` (n, columns), ``size``, their absolute errors (n,), and ``weights``
(n,) of mean 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from uflux_kedro.uncertainty.parameters import IntervalParameters

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor
    from xgboost import XGBRegressor

_SHARE = 0.4
"""Share of the rows, or of the towers, from which a boosted tree is grown."""

_LEAF = 0.05
"""Least share of the weight in a leaf of the forest: with less, single towers are learnt by heart."""

Objective = Callable[..., tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Takes target, prediction and ``sample_weight``; returns first and second derivative of a loss."""

_SIZES = np.linspace(0.05, 1, 20)
"""Probabilities of the errors at which the forest knows the distribution."""


def boost_roots(
    features: NDArray[np.float32],
    size: NDArray[np.floating],
    weights: NDArray[np.float64],
    parameters: IntervalParameters,
    seed: int,
) -> XGBRegressor:
    """Boost trees of the square root of the absolute error, by least squares."""
    model = _boosted(parameters, seed, subsample=_SHARE)
    return model.fit(features, np.sqrt(size), sample_weight=weights)


def boost_crps(
    features: NDArray[np.float32],
    size: NDArray[np.floating],
    weights: NDArray[np.float64],
    parameters: IntervalParameters,
    seed: int,
) -> XGBRegressor:
    """Boost trees of the logarithm of the standard deviation of errors, by their CRPS.

    The score of a normal distribution of mean 0 and standard deviation s at the error e, with
    z = e / s, is s (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)): Gneiting et al. (2005),
    doi 10.1175/MWR2904.1. Its derivative by log s is s (2 phi(z) - 1 / sqrt(pi)). In place of the
    second derivative, which can be negative, stands its expectation s / (2 sqrt(pi)), as in natural
    gradient boosting: Duan et al. (2020), arXiv 1910.03225.
    """
    mean = float(weights @ size) / len(size)
    model = _boosted(parameters, seed, subsample=_SHARE, base_score=float(np.log(mean)))
    return _fit(model, crps_objective(mean), features, size, weights)


def boost_by_tower(
    features: NDArray[np.float32],
    size: NDArray[np.floating],
    weights: NDArray[np.float64],
    sites: NDArray,
    parameters: IntervalParameters,
    seed: int,
    signs: Sequence[int],
) -> tuple[XGBRegressor, XGBRegressor]:
    """Boost what :func:`boost_roots` and :func:`boost_crps` do, by trees that are less alike.

    Each tree is grown from a random share of the towers. A random share of the rows, as is usual in
    stochastic gradient boosting, has some of every tower, whose errors are much the same from month
    to month; the mean over trees then keeps what is particular to the tower.

    Args:
        features: Shape (n, features).
        size: Absolute errors, shape (n,).
        weights: Shape (n,), of mean 1.
        sites: Tower of each row, shape (n,).
        parameters: Size of the trees.
        seed: Seed of the trees.
        signs: For each feature, whether the prediction rises with it (1), falls (-1) or is free (0).

    Returns:
        Trees of the square root of the absolute error, and of the logarithm of its standard deviation.
    """
    mean, roots = float(weights @ size) / len(size), np.sqrt(size)
    targets = (
        (squares_objective, roots, float(weights @ roots) / len(size)),
        (crps_objective(mean), size, float(np.log(mean))),
    )
    first, second = (
        _fit(
            _boosted(parameters, seed, base_score=start, monotone_constraints=tuple(signs)),
            some_towers(objective, sites, seed + number),
            features,
            target,
            weights,
        )
        for number, (objective, target, start) in enumerate(targets)
    )
    return first, second


def some_towers(objective: Objective, sites: NDArray, seed: int) -> Objective:
    """Return an objective that at each call, which is once a tree, counts only some of the towers.

    Args:
        objective: Derivatives of the loss of all rows.
        sites: Tower of each row, shape (n,).
        seed: Seed of the draws.
    """
    names, tower = np.unique(sites, return_inverse=True)
    count = int(np.ceil(_SHARE * len(names)))
    random = np.random.default_rng(seed)

    def drawn(
        target: NDArray, prediction: NDArray, sample_weight: NDArray
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        counts = np.zeros(len(names))
        counts[random.permutation(len(names))[:count]] = 1
        gradient, curvature = objective(target, prediction, sample_weight)
        return gradient * counts[tower], curvature * counts[tower]

    return drawn


def squares_objective(
    target: NDArray, prediction: NDArray, sample_weight: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return first and second derivative of half the squared error."""
    weight = sample_weight.astype(float)
    return (prediction - target) * weight, weight


def crps_objective(unit: float) -> Objective:
    """Return first and expected second derivative of the CRPS by log s, both times 2 sqrt(pi).

    Args:
        unit: Mean absolute error, by which errors are divided: limits on the weight of a leaf then
            do not depend on the unit of the flux.
    """

    def objective(
        size: NDArray, log_s: NDArray, sample_weight: NDArray
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        s = np.exp(log_s.astype(float))
        weight = sample_weight * s / unit
        return weight * (2 * np.sqrt(2) * np.exp(-((size / s) ** 2) / 2) - 2), weight

    return objective


def _boosted(parameters: IntervalParameters, seed: int, **settings: Any) -> XGBRegressor:
    from xgboost import XGBRegressor

    return XGBRegressor(
        n_estimators=parameters.trees,
        max_depth=parameters.depth,
        learning_rate=parameters.learning_rate,
        colsample_bytree=0.4,
        min_child_weight=20,
        max_bin=64,
        tree_method="hist",
        random_state=seed,
        n_jobs=1,
        **settings,
    )


def _fit(
    model: XGBRegressor,
    objective: Objective,
    features: NDArray[np.float32],
    target: NDArray[np.floating],
    weights: NDArray[np.float64],
) -> XGBRegressor:
    model.set_params(objective=objective).fit(features, target, sample_weight=weights)
    # Prediction needs no loss, and a function cannot be stored.
    return model.set_params(objective=None)


def grow_distribution(
    features: NDArray[np.float32],
    size: NDArray[np.floating],
    weights: NDArray[np.float64],
    parameters: IntervalParameters,
    seed: int,
) -> tuple[RandomForestRegressor, NDArray[np.float64]]:
    """Grow a forest of the distribution of absolute errors.

    Its targets are whether the error is within each of 20 sizes. The mean over trees of the shares
    in leaves is the distribution of a quantile regression forest at these sizes (Meinshausen 2006,
    J. Mach. Learn. Res. 7, 983-999), and splits, which minimise the squared error of all targets,
    minimise the continuous ranked probability score.

    Returns:
        The forest, and the sizes, ascending: quantiles of the errors, the last their largest.
    """
    from sklearn.ensemble import RandomForestRegressor

    order = np.argsort(size, kind="stable")
    total = np.cumsum(weights[order]) / weights.sum()
    sizes = size[order][np.minimum(np.searchsorted(total, _SIZES - 1e-9), len(size) - 1)]
    forest = RandomForestRegressor(
        parameters.trees,
        min_weight_fraction_leaf=_LEAF,
        max_features=0.4,
        max_samples=0.5,
        random_state=seed,
        n_jobs=1,
    )
    within = (size[:, None] <= sizes).astype(float)
    return forest.fit(features, within, sample_weight=weights), sizes.astype(float)


def quantiles_of(
    probabilities: NDArray[np.floating], sizes: NDArray[np.float64], level: float
) -> NDArray[np.float64]:
    """Return the quantile of each row's distribution, linear between sizes and from 0 on.

    Args:
        probabilities: Probability that the error is within each size, (n, sizes), the last 1.
        sizes: Ascending, not negative.
        level: Level of the quantile.
    """
    rows = np.arange(len(probabilities))
    below = np.sum(probabilities[:, :-1] < level, axis=1)
    size = np.concatenate([[0.0], sizes])
    before = np.where(below > 0, probabilities[rows, np.maximum(below - 1, 0)], 0.0)
    step = probabilities[rows, below] - before
    return size[below] + (size[below + 1] - size[below]) * np.clip((level - before) / step, 0, 1)
