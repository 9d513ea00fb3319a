"""Explanation of a fitted member of the ensemble, on rows of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.errors import ConfigurationError, InputError, require_columns
from uflux_kedro.explanation.effects import accumulated_effects
from uflux_kedro.explanation.shapley import contributions, mean_contributions
from uflux_kedro.models.fitted import FittedMember
from uflux_kedro.validation.folds import Fold
from uflux_kedro.validation.importance import importance_by_site, mean_importance
from uflux_kedro.variables import variable_of


class Explanation(NamedTuple):
    """Tables that explain a member; effects are in the flux's unit.

    Attributes:
        importance: Indexed by ``predictor``, the most important first: ``importance``, ``low``,
            ``high``; the mean absolute SHAP value, or where there is none the increase of the RMSE
            when the predictor is shuffled.
        effects: Accumulated local effects: ``predictor``, ``value``, ``effect``, ``low``, ``high``,
            ``n``.
        shap: SHAP values, one row per row and predictor: ``site_id``, ``time`` (if given),
            ``predictor``, ``value``, ``effect``; None where they are not exact.
        remark: Why there are no SHAP values; "" where there are.
    """

    importance: pd.DataFrame
    effects: pd.DataFrame
    shap: pd.DataFrame | None
    remark: str


class SplitPredictions(NamedTuple):
    """Predictions split into the exact contributions of their predictors, in the flux's unit.

    Attributes:
        shap: SHAP values, as in :class:`Explanation`.
        importance: Indexed by ``predictor``, the most important first: mean absolute SHAP value
            ``importance``, ``low``, ``high``.
        remark: Why they are those of the model that stood in; "" if they are the member's own.
    """

    shap: pd.DataFrame
    importance: pd.DataFrame
    remark: str


def explain(
    member: FittedMember,
    rows: pd.DataFrame,
    *,
    n_bins: int = 20,
    max_rows: int = 2000,
    n_resamples: int = 500,
    level: float = 0.9,
    seed: int = 0,
    n_jobs: int | None = None,
) -> Explanation:
    """Explain what a member has learnt.

    A member whose SHAP values are exact is explained by them, any other by shuffling its predictors.
    On the rows that a member was trained on, both tell what it uses; what helps at unseen towers is
    told by :func:`uflux_kedro.validation.importance.importance_by_site`, which refits.

    Args:
        member: The member.
        rows: Table with ``site_id``, the predictors, and for a member without SHAP values the flux;
            rows with a missing value are left out.
        n_bins: Bins of the accumulated effects.
        max_rows: Rows to explain; of more, as many are drawn.
        n_resamples: Number of resamples of towers for all intervals.
        level: Probability inside the intervals.
        seed: Seed of draws and shuffles.
        n_jobs: Threads; None is one, -1 all.

    Raises:
        InputError: If a column is missing or no row is complete.
    """
    flux, predictors = member.card["flux"], list(member.predictors)
    complete = _complete(member, rows, max_rows, seed)
    X = complete[predictors].to_numpy("float32")
    sites = complete["site_id"].to_numpy()
    settings: dict[str, Any] = {"n_resamples": n_resamples, "level": level, "seed": seed}
    effects = member_effects(
        member, complete, n_bins=n_bins, max_rows=max_rows, n_jobs=n_jobs, **settings
    )
    try:
        found = contributions(member.model, X, n_jobs)
    except ConfigurationError as error:
        if flux not in complete:
            raise InputError(
                f"table given to explain {member.name}",
                flux,
                expected="the flux, since importance is measured by shuffling",
                found=f"the columns {', '.join(map(str, rows))}",
            ) from error
        importance = _shuffled(
            lambda values: member.packed.predict(values, n_jobs),
            X,
            complete,
            flux,
            predictors,
            settings,
        )
        return Explanation(importance, effects, None, str(error))
    importance = mean_contributions(found.effects, predictors, sites, **settings)
    return Explanation(importance, effects, _tidy(found.effects, complete, predictors), "")


def member_effects(
    member: FittedMember,
    rows: pd.DataFrame,
    *,
    n_bins: int = 20,
    max_rows: int = 2000,
    n_resamples: int = 500,
    level: float = 0.9,
    seed: int = 0,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Return the accumulated local effects of a member's predictors alone.

    Args and errors are those of :func:`explain`, and so is the table, its ``effects``.
    """
    predictors = list(member.predictors)
    complete = _complete(member, rows, max_rows, seed)
    return accumulated_effects(
        lambda values: member.packed.predict(values, n_jobs),
        complete[predictors].to_numpy("float32"),
        predictors,
        complete["site_id"].to_numpy(),
        categories={p for p in predictors if variable_of(p).kind == "category"},
        n_bins=n_bins,
        n_resamples=n_resamples,
        level=level,
        seed=seed,
    )


def split_predictions(
    member: FittedMember,
    rows: pd.DataFrame,
    stand_in: Callable[[], Any],
    *,
    max_rows: int = 500,
    n_resamples: int = 500,
    level: float = 0.9,
    seed: int = 0,
    n_jobs: int | None = None,
) -> SplitPredictions:
    """Split predictions of a member, or of a model in its place, into exact contributions.

    The values of a deep forest would not be exact: a model whose values are is then fitted to all
    complete rows, and tells what can be learnt from the same predictors.

    Args:
        member: The member.
        rows: Table with ``site_id``, the predictors and the flux; rows with a missing value are
            left out.
        stand_in: Function that makes an unfitted model of :data:`~.shapley.EXACT`.
        max_rows: Rows to explain; of more, as many are drawn.
        n_resamples: Number of resamples of towers for the intervals.
        level: Probability inside the intervals.
        seed: Seed of the draws.
        n_jobs: Threads; None is one, -1 all.

    Raises:
        InputError: If a column is missing or no row is complete.
    """
    flux, predictors = member.card["flux"], list(member.predictors)
    known = _complete(member, rows, len(rows), seed)
    drawn = _complete(member, known, max_rows, seed)
    X, remark = drawn[predictors].to_numpy("float32"), ""
    try:
        effects = contributions(member.model, X, n_jobs).effects
    except ConfigurationError as error:
        remark = str(error)
        require_columns(known, (flux,), f"table given to explain {member.name}")
        model = stand_in().fit(known[predictors].to_numpy("float32"), known[flux].to_numpy(float))
        effects = contributions(model, X, n_jobs).effects
    importance = mean_contributions(
        effects,
        predictors,
        drawn["site_id"].to_numpy(),
        n_resamples=n_resamples,
        level=level,
        seed=seed,
    )
    return SplitPredictions(_tidy(effects, drawn, predictors), importance, remark)


def _complete(member: FittedMember, rows: pd.DataFrame, max_rows: int, seed: int) -> pd.DataFrame:
    """Return the rows without a missing value, not more than ``max_rows``."""
    flux, predictors = member.card["flux"], list(member.predictors)
    absent = [c for c in ("site_id", *predictors) if c not in rows]
    if absent:
        raise InputError(
            f"table given to explain {member.name}",
            ", ".join(absent),
            expected="columns of these names",
            found=f"the columns {', '.join(map(str, rows))}",
        )
    complete = rows.dropna(subset=[*predictors, *(c for c in (flux,) if c in rows)])
    if complete.empty:
        raise InputError(
            f"table given to explain {member.name}",
            None,
            expected="a row without missing values",
            found=f"none of {len(rows)}",
        )
    if len(complete) > max_rows:
        complete = complete.sample(max_rows, random_state=seed).sort_index()
    return complete.reset_index(drop=True)


class _Fitted:
    """A fitted model in the place of one to fit."""

    def __init__(self, predict: Any) -> None:
        self.predict = predict

    def fit(self, X: NDArray, y: NDArray) -> _Fitted:
        """Return the model as it is."""
        return self


def _shuffled(
    predict: Any,
    X: NDArray[np.float32],
    rows: pd.DataFrame,
    flux: str,
    predictors: list[str],
    settings: dict[str, Any],
) -> pd.DataFrame:
    everything = np.arange(len(rows))
    by_site = importance_by_site(
        lambda _: _Fitted(predict),
        X,
        rows[flux].to_numpy(float),
        rows["site_id"],
        [Fold(0, "the given rows", everything[:0], everything)],
        predictors,
        seed=settings["seed"],
    )
    return mean_importance(by_site, **settings)[["importance", "low", "high"]]


def _tidy(values: NDArray[np.float64], rows: pd.DataFrame, predictors: list[str]) -> pd.DataFrame:
    keys = rows[[c for c in ("site_id", "time") if c in rows]]
    n, width = values.shape
    tidy = keys.loc[keys.index.repeat(width)].reset_index(drop=True)
    return tidy.assign(
        predictor=np.tile(predictors, n),
        value=rows[predictors].to_numpy(float).ravel(),
        effect=values.ravel(),
    )
