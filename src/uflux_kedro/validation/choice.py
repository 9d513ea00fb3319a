"""Choice of the predictors that help on towers that the model never saw.

A group of predictors that helps one flux can harm another: a predictor that identifies sites lets
trees memorise them. And the set that is best for one flux is not the best for another. Groups and
sets are chosen by site-wise cross-validation among the train sites of each fold, so that no choice
sees the sites on which it is scored (Ambroise and McLachlan, 2002, doi 10.1073/pnas.102102699).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from uflux_kedro.errors import InputError
from uflux_kedro.validation.folds import Fold
from uflux_kedro.validation.search import SiteSearchRegressor

BUNDLES = 5
"""Maximum number of choices in a validation; with more folds, folds are bundled and share one."""

_INNER_FOLDS = 5
_LEAST_GAIN = 0.02
"""Relative reduction of the error for which a group is left out; seeds alone change it as much."""


class ColumnsRegressor(RegressorMixin, BaseEstimator):
    """A model that uses some of the columns.

    Args:
        estimator: Unfitted model.
        columns: Positions of its columns, in its order.

    Attributes:
        estimator_: The fitted model.
    """

    def __init__(self, estimator: Any, columns: Sequence[int]) -> None:
        self.estimator = estimator
        self.columns = columns

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit on the columns of X, shape (n, predictors); ``groups`` is passed on if given."""
        extra = {} if groups is None else {"groups": groups}
        self.estimator_ = clone(self.estimator).fit(self._select(X), y, **extra)
        return self

    def predict(self, X: ArrayLike) -> NDArray:
        """Predict (n,) from (n, predictors)."""
        check_is_fitted(self)
        return self.estimator_.predict(self._select(X))

    def _select(self, X: ArrayLike) -> NDArray:
        return np.asarray(X)[:, list(self.columns)]


class Candidates(NamedTuple):
    """Columns that are always used, and groups of columns that may be left out.

    Attributes:
        columns: Names of all columns, in the order of X.
        optional: Name of a group -> names of its columns. Columns in no group are always used.
    """

    columns: tuple[str, ...]
    optional: Mapping[str, tuple[str, ...]]

    def with_groups(self, groups: Sequence[str]) -> tuple[str, ...]:
        """Return the columns that are used with a choice of groups, in the order of X."""
        left_out = {c for name, cs in self.optional.items() if name not in groups for c in cs}
        kept = {c for name in groups for c in self.optional[name]}
        return tuple(c for c in self.columns if c in kept or c not in left_out)


class Alternatives(NamedTuple):
    """Sets of columns of which one is used.

    Attributes:
        columns: Names of all columns, in the order of X.
        sets: Name of a set -> names of its columns, in the order of the model.
    """

    columns: tuple[str, ...]
    sets: Mapping[str, tuple[str, ...]]


class Choice(NamedTuple):
    """The chosen groups or the chosen set, and the scores of all choices tried.

    Attributes:
        chosen: Names of the chosen groups, or of the chosen set alone.
        columns: Names of all used columns, in the order of the model.
        results: One row for each choice in the order tried: ``groups`` or ``set``, ``NSE`` and
            ``RMSE`` over the held-out rows of the inner folds.
    """

    chosen: tuple[str, ...]
    columns: tuple[str, ...]
    results: pd.DataFrame


def choose_groups(
    candidates: Candidates, judge: Any, X: NDArray, y: NDArray, sites: ArrayLike, *, seed: int
) -> Choice:
    """Leave out groups one by one while that reduces the error of ``judge`` on held-out sites.

    Each round leaves out the group without which the error is least, if the error falls by 2 % or
    more. Groups are kept unless they harm, because they were offered for a physical reason and a
    few inner folds are too noisy to prove that each helps.

    Args:
        candidates: The groups to choose from.
        judge: Unfitted model with a seed; each choice tried costs five fits of it.
        X: Predictors, shape (n, columns).
        y: Flux, shape (n,).
        sites: Site of each row, shape (n,).
        seed: Seed of the inner folds.

    Returns:
        The choice.

    Raises:
        InputError: If there are fewer than two sites.
    """
    _require_sites(sites, "with the flux and all predictors")
    chosen = tuple(candidates.optional)
    results = [_try([chosen], candidates, judge, X, y, sites, seed)]
    error = results[0]["RMSE"].min()
    while chosen:
        choices = [tuple(c for c in chosen if c != name) for name in chosen]
        results.append(_try(choices, candidates, judge, X, y, sites, seed))
        least = results[-1]["RMSE"].min()
        if not least < (1 - _LEAST_GAIN) * error:
            break
        error, chosen = least, choices[int(results[-1]["RMSE"].argmin())]
    return Choice(chosen, candidates.with_groups(chosen), pd.concat(results, ignore_index=True))


def _try(
    choices: Sequence[tuple[str, ...]],
    candidates: Candidates,
    judge: Any,
    X: NDArray,
    y: NDArray,
    sites: ArrayLike,
    seed: int,
) -> pd.DataFrame:
    """Score choices on held-out sites; one row for each: ``groups``, ``NSE`` and ``RMSE``."""
    columns = [candidates.with_groups(groups) for groups in choices]
    results = _scores(columns, candidates.columns, judge, X, y, sites, seed)
    results.insert(0, "groups", [" ".join(groups) for groups in choices])
    return results


def choose_set(
    alternatives: Alternatives, judge: Any, X: NDArray, y: NDArray, sites: ArrayLike, *, seed: int
) -> Choice:
    """Choose the set with which the error of ``judge`` on held-out sites is least.

    All sets are judged on the same rows, those that are complete in every set: a set that lacks
    the difficult months would win by that alone.

    Args:
        alternatives: The sets to choose from.
        judge: Unfitted model with a seed; each set costs five fits of it.
        X: Predictors, shape (n, columns); NaN where missing.
        y: Flux, shape (n,).
        sites: Site of each row, shape (n,).
        seed: Seed of the inner folds.

    Returns:
        The choice; of equal sets, the first.

    Raises:
        InputError: If fewer than two sites have rows that are complete in every set.
    """
    common = np.isfinite(X).all(axis=1)
    sites = np.asarray(sites)[common]
    _require_sites(sites, f"with the predictors of {', '.join(alternatives.sets)}")
    columns = list(alternatives.sets.values())
    results = _scores(columns, alternatives.columns, judge, X[common], y[common], sites, seed)
    results.insert(0, "set", list(alternatives.sets))
    best = results["set"][int(results["RMSE"].argmin())]
    return Choice((best,), alternatives.sets[best], results)


def _require_sites(sites: ArrayLike, which: str) -> None:
    found = len(np.unique(np.asarray(sites)))
    if found < 2:
        raise InputError(
            "training rows",
            "site_id",
            expected=f"two or more sites {which}, to choose predictors",
            found=("none", "one")[found],
            hint="Use fewer folds, or leave out members that choose their predictors",
        )


def _scores(
    choices: Sequence[tuple[str, ...]],
    names: Sequence[str],
    judge: Any,
    X: NDArray,
    y: NDArray,
    sites: ArrayLike,
    seed: int,
) -> pd.DataFrame:
    """Return ``NSE`` and ``RMSE`` on held-out sites, one row for each choice of columns."""
    position = {name: i for i, name in enumerate(names)}
    columns = [tuple(position[name] for name in chosen) for chosen in choices]
    model = ColumnsRegressor(judge, columns[0])
    splits = min(_INNER_FOLDS, len(np.unique(np.asarray(sites))))
    search = SiteSearchRegressor(model, {"columns": columns}, n_splits=splits, seed=seed)
    search.search(X, y, sites)
    return search.search_results_.drop(columns="columns")


def choose_predictors(
    candidates: Candidates | Alternatives,
    judge: Any,
    X: NDArray,
    y: NDArray,
    sites: ArrayLike,
    *,
    seed: int,
) -> Choice:
    """Choose groups by :func:`choose_groups`, or a set by :func:`choose_set`."""
    if isinstance(candidates, Alternatives):
        return choose_set(candidates, judge, X, y, sites, seed=seed)
    return choose_groups(candidates, judge, X, y, sites, seed=seed)


def choose_in_folds(
    candidates: Candidates | Alternatives,
    judge: Any,
    X: NDArray,
    y: NDArray,
    sites: ArrayLike,
    folds: Sequence[Fold],
    *,
    seed: int,
    n_jobs: int = 1,
) -> list[Choice]:
    """Choose groups or a set for each fold, among its train sites.

    One site more or less hardly changes a choice. With more than five folds, as in leave-one-out,
    folds are therefore bundled: the folds of a bundle share one choice, made without the test
    sites of any of them.

    Args:
        candidates: The groups, or the sets, to choose from.
        judge: As for :func:`choose_groups`.
        X: Predictors, shape (n, columns).
        y: Flux, shape (n,).
        sites: Site of each row, shape (n,).
        folds: Splits of the rows.
        seed: Seed of the inner folds.
        n_jobs: Choices made in parallel; -1 uses all cores. It changes no result.

    Returns:
        The choice of each fold, in their order.
    """
    sites = np.asarray(sites)
    bundles = [folds[first::BUNDLES] for first in range(min(BUNDLES, len(folds)))]

    def choose(bundle: Sequence[Fold]) -> Choice:
        rows = reduce(np.intersect1d, [fold.train for fold in bundle])
        return choose_predictors(candidates, judge, X[rows], y[rows], sites[rows], seed=seed)

    choices = Parallel(n_jobs=n_jobs, backend="threading")(delayed(choose)(b) for b in bundles)
    return [choices[number % BUNDLES] for number in range(len(folds))]
