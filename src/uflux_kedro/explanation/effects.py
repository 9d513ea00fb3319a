"""Accumulated local effects: what a predictor does to the prediction where data are.

A partial dependence asks the model for winters with the sun of July. Here a value is changed only
within its bin, for the rows of that bin, and the small differences are added up, so that predictors
that vary together are told apart (Apley and Zhu, 2020, doi 10.1111/rssb.12377).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from uflux_kedro.errors import InputError
from uflux_kedro.validation.bootstrap import site_draws

Predict = Callable[[NDArray[np.float32]], NDArray]
"""Function of (n, predictors) that returns (n,)."""


class _Local(NamedTuple):
    """Local differences of one predictor.

    Attributes:
        places: (steps + 1,) values of the predictor between which the prediction is compared.
        step: Number of the step of each difference.
        difference: Change of the prediction over the step.
        site: Number of the site of each difference.
        at: (rows,) place of each row among ``places``, or between two of them, for the mean.
    """

    places: NDArray
    step: NDArray[np.intp]
    difference: NDArray[np.float64]
    site: NDArray[np.intp]
    at: NDArray


def accumulated_effects(
    predict: Predict,
    X: NDArray[np.float32],
    predictors: Sequence[str],
    sites: ArrayLike,
    *,
    categories: Collection[str] = (),
    n_bins: int = 20,
    n_resamples: int = 500,
    level: float = 0.9,
    seed: int = 0,
) -> pd.DataFrame:
    """Compute the first-order effect of every predictor on the prediction.

    The classes of a category are put in order by their likeness in the other predictors, as Apley
    and Zhu do, and compared with their neighbours in it.

    Args:
        predict: The model.
        X: Rows, shape (n, predictors), no missing values.
        predictors: Names of the columns.
        sites: Site of each row, shape (n,).
        categories: Names of predictors that are classes.
        n_bins: Bins of equal numbers of rows; fewer where values repeat.
        n_resamples: Number of resamples of sites for the interval.
        level: Probability inside the interval.
        seed: Seed of the resampling.

    Returns:
        ``predictor``, ``value`` (edge of a bin, or class), ``effect`` (change of the prediction
        against its mean over the rows, in its unit), ``low`` and ``high`` (NaN for one site),
        ``n`` (rows of the bin that ends there, or of the class). A predictor with one value has one
        row, of effect 0.

    Raises:
        InputError: If shapes do not match, a value is missing, or there is no row.
    """
    X = np.asarray(X, dtype=np.float32)
    codes, names = pd.factorize(np.asarray(sites).astype(str), sort=True)
    if X.ndim != 2 or X.shape != (len(codes), len(predictors)) or not len(X):
        raise InputError(
            "rows to explain",
            None,
            expected=f"shape (n, {len(predictors)}) with a site for each row",
            found=f"shape {X.shape} with {len(codes)} sites",
        )
    if not np.isfinite(X).all():
        column = int(np.flatnonzero(~np.isfinite(X).all(axis=0))[0])
        found = f"{int((~np.isfinite(X[:, column])).sum())} missing"
        raise InputError(
            "rows to explain", predictors[column], expected="no missing value", found=found
        )
    draws = site_draws(len(names), n_resamples, seed)
    tables = []
    for column, name in enumerate(predictors):
        if name in categories:
            local = _between_classes(predict, X, column, codes)
        else:
            local = _within_bins(predict, X, column, codes, n_bins)
        table = _accumulate(local, codes, len(names), draws, level)
        if name in categories:
            table = table.sort_values("value")
        tables.append(table.assign(predictor=name))
    whole = pd.concat(tables, ignore_index=True)
    return whole[["predictor", "value", "effect", "low", "high", "n"]]


def _within_bins(
    predict: Predict, X: NDArray[np.float32], column: int, sites: NDArray, n_bins: int
) -> _Local:
    x = X[:, column]
    edges = np.unique(np.quantile(x, np.linspace(0, 1, n_bins + 1), method="inverted_cdf"))
    if len(edges) == 1:
        nothing = np.zeros(0)
        return _Local(edges, np.zeros(0, int), nothing, np.zeros(0, int), np.zeros(len(x)))
    step = np.clip(np.searchsorted(edges, x) - 1, 0, len(edges) - 2)
    below, above = X.copy(), X.copy()
    below[:, column], above[:, column] = edges[step], edges[step + 1]
    difference = _predicted(predict, above) - _predicted(predict, below)
    return _Local(edges, step, difference, sites, step + 0.5)


def _between_classes(
    predict: Predict, X: NDArray[np.float32], column: int, sites: NDArray
) -> _Local:
    classes = _in_order_of_likeness(X, column)
    at = np.argmax(X[:, column, None] == classes, axis=1)
    now = _predicted(predict, X)
    steps, differences, towers = [], [], []
    for direction, rows in ((1, at < len(classes) - 1), (-1, at > 0)):
        moved = X[rows].copy()
        moved[:, column] = classes[at[rows] + direction]
        change = _predicted(predict, moved) - now[rows] if rows.any() else np.zeros(0)
        steps.append(at[rows] - (direction < 0))
        differences.append(direction * change)
        towers.append(sites[rows])
    step, difference, tower = (np.concatenate(p) for p in (steps, differences, towers))
    return _Local(classes, step, difference, tower, at + 0.0)


def _in_order_of_likeness(X: NDArray[np.float32], column: int) -> NDArray[np.float32]:
    """Return the classes of a column, neighbours most alike in the other columns.

    The distance of two classes is the sum over columns of the largest difference between their
    cumulative distributions; its first principal coordinate is the order.
    """
    classes = np.unique(X[:, column])
    distance = np.zeros((len(classes), len(classes)))
    for other in [c for c in range(X.shape[1]) if c != column]:
        places = np.unique(np.quantile(X[:, other], np.linspace(0, 1, 65)))
        below = np.array(
            [
                np.searchsorted(np.sort(X[X[:, column] == one, other]), places, "right")
                / (X[:, column] == one).sum()
                for one in classes
            ]
        )
        distance += np.abs(below[:, None] - below[None]).max(axis=2)
    centred = np.eye(len(classes)) - 1 / len(classes)
    _, axes = np.linalg.eigh(-0.5 * centred @ distance**2 @ centred)
    return classes[np.argsort(axes[:, -1], kind="stable")]


def _predicted(predict: Predict, X: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(predict(X), dtype=float).ravel()


def _accumulate(
    local: _Local, sites: NDArray, n_sites: int, draws: NDArray[np.float64], level: float
) -> pd.DataFrame:
    """Add the mean differences of the steps, centred on the mean over the rows."""
    steps = len(local.places) - 1
    shape = (n_sites, max(steps, 1))
    place = np.ravel_multi_index((local.site, local.step), shape)
    size = shape[0] * shape[1]
    sums = np.bincount(place, local.difference, size).reshape(shape)[:, :steps]
    counts = np.bincount(place, minlength=size).reshape(shape)[:, :steps]
    # Rows of each site by the place that their own effect has: at a class, or amid a bin.
    half = np.rint(2 * local.at).astype(int)
    weights = np.zeros((n_sites, 2 * steps + 1))
    np.add.at(weights, (sites, half), 1.0)

    whole = np.divide(sums.sum(0), counts.sum(0), out=np.zeros(steps), where=counts.sum(0) > 0)

    def effects(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        number = drawn @ counts
        # A bin that no drawn site has keeps the slope of all sites.
        mean = np.where(number > 0, (drawn @ sums) / np.where(number > 0, number, 1), whole)
        curve = np.concatenate([np.zeros((len(drawn), 1)), np.cumsum(mean, axis=1)], axis=1)
        fine = np.repeat(curve, 2, axis=1)[:, :-1]
        fine[:, 1::2] = (curve[:, :-1] + curve[:, 1:]) / 2
        rows = drawn @ weights
        return curve - (fine * rows).sum(1, keepdims=True) / rows.sum(1, keepdims=True)

    resampled = effects(draws) if len(draws) else np.full((1, steps + 1), np.nan)
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2], axis=0)
    by_half = weights.sum(0)
    n = by_half[::2] + np.concatenate([[0.0], by_half[1::2]])
    return pd.DataFrame(
        {
            "value": local.places.astype(float),
            "effect": effects(np.ones((1, n_sites)))[0],
            "low": low,
            "high": high,
            "n": n.astype(int),
        }
    )
