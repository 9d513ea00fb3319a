"""SHAP values of trees: the share of each predictor in each prediction, exactly.

Lundberg et al. (2020), doi 10.1038/s42256-019-0138-9: the Shapley value of a predictor, where a
predictor that is not known is averaged over by the rows that the trees were grown on. With the mean
they add up to the prediction. The binned forest does not keep how many rows each node had: there the
rows to explain are averaged over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.explanation.binned_trees import unpacked_trees
from uflux_kedro.validation.bootstrap import percentile_interval, site_draws


class Contributions(NamedTuple):
    """SHAP values.

    Attributes:
        effects: (n, predictors), in the unit of the prediction.
        mean: Prediction of which nothing is known; with the sum of a row it is its prediction.
    """

    effects: NDArray[np.float64]
    mean: float


def contributions(model: Any, X: NDArray[np.float32], n_jobs: int | None = None) -> Contributions:
    """Split predictions into the contributions of the predictors.

    Args:
        model: Fitted model whose trees allow it: ``XGBRegressor``, or a random forest of this
            project or of scikit-learn, for which the library ``shap`` (extra ``explain``) is needed.
        X: Rows, shape (n, predictors), no missing values.
        n_jobs: Threads of XGBoost; None is one, -1 all.

    Raises:
        ConfigurationError: If SHAP values of this kind of model are not exact, or ``shap`` is not
            installed.
        InputError: If a binned forest is to be explained by no row.
    """
    kind = type(model).__name__
    if kind not in EXACT:
        raise ConfigurationError(
            f"SHAP values of {kind} are not exact: expected one of {', '.join(EXACT)}. "
            "Permutation importance (uflux_kedro.validation.importance_by_site) and accumulated "
            "effects (uflux_kedro.explanation.accumulated_effects) explain any model"
        )
    return EXACT[kind](model, np.asarray(X, dtype=np.float32), n_jobs)


def _of_xgboost(model: Any, X: NDArray[np.float32], n_jobs: int | None) -> Contributions:
    import xgboost

    threads = 1 if n_jobs is None else max(n_jobs, 0)  # XGBoost's 0 is all
    booster = model.get_booster()
    # A row beside the given ones tells the mean where there are none.
    rows = np.vstack([X, np.zeros((1, model.n_features_in_), np.float32)])
    values = booster.predict(
        xgboost.DMatrix(rows, nthread=threads), pred_contribs=True, validate_features=False
    )
    return Contributions(values[:-1, :-1].astype(float), float(values[-1, -1]))


def _of_random_forest(model: Any, X: NDArray[np.float32], _: int | None) -> Contributions:
    return _by_library(model, X)


def _of_binned_forest(model: Any, X: NDArray[np.float32], _: int | None) -> Contributions:
    if not len(X):
        raise InputError("rows to explain", None, expected="at least one row", found="none")
    rows = np.empty(X.shape, np.uint8)
    model.binner_.transform(X, rows)
    trees = unpacked_trees(model.forest_.trees, rows)
    for tree in trees:
        tree["values"] = tree["values"] / len(trees)
    kinds = {"internal_dtype": np.float64, "input_dtype": np.float64}
    return _by_library({"trees": trees, **kinds}, rows.astype(float))


def _by_library(model: Any, X: NDArray) -> Contributions:
    try:
        from shap import TreeExplainer
    except ImportError as error:
        raise ConfigurationError(
            "SHAP values of a random forest need the library shap: "
            "pip install 'uflux_kedro[explain]'"
        ) from error
    explainer = TreeExplainer(model, feature_perturbation="tree_path_dependent")
    effects = np.asarray(explainer.shap_values(X, check_additivity=False), dtype=float)
    return Contributions(effects, float(np.ravel(explainer.expected_value)[0]))


EXACT: Mapping[str, Callable[[Any, NDArray[np.float32], int | None], Contributions]] = {
    "XGBRegressor": _of_xgboost,
    "BinnedForestRegressor": _of_binned_forest,
    "RandomForestRegressor": _of_random_forest,
}
"""Type of a model whose SHAP values are exact -> function that computes them."""


def mean_contributions(
    values: NDArray[np.float64],
    predictors: Sequence[str],
    sites: ArrayLike,
    *,
    n_resamples: int = 500,
    level: float = 0.9,
    seed: int = 0,
) -> pd.DataFrame:
    """Average the size of contributions over rows, with an interval over sites.

    Args:
        values: (n, predictors) contributions.
        predictors: Names of the columns.
        sites: Site of each row, shape (n,).
        n_resamples: Number of resamples of sites.
        level: Probability inside the interval.
        seed: Seed of the resampling.

    Returns:
        Indexed by ``predictor``, the largest first: ``importance`` (mean absolute contribution,
        each site with equal weight), ``low`` and ``high``, NaN for one site.
    """
    by_site = pd.DataFrame(np.abs(values), columns=list(predictors)).groupby(np.asarray(sites))
    means = by_site.mean().to_numpy()
    draws = site_draws(len(means), n_resamples, seed)
    bands = [percentile_interval(column, level) for column in (draws @ means / len(means)).T]
    table = pd.DataFrame(
        bands, columns=["low", "high"], index=pd.Index(predictors, name="predictor")
    )
    table.insert(0, "importance", means.mean(axis=0))
    return table.sort_values("importance", ascending=False, kind="stable")
