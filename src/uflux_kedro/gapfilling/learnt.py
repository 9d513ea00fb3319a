"""Learnt fillers: boosted trees and random trees on days drawn anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_ROWS = 40_000
"""Rows that a learner sees at most, whole days of all years: two years and more of half-hours."""
_BOOSTED: dict[str, Any] = {
    "n_estimators": 120, "max_depth": 6, "learning_rate": 0.08, "subsample": 0.8,
    "colsample_bytree": 0.5, "min_child_weight": 10, "max_bin": 64, "tree_method": "hist",
}  # fmt: skip
_RANDOM: dict[str, Any] = {"n_estimators": 30, "min_samples_leaf": 3, "max_features": 0.33}

LEARNERS = ("boosted", "random", "context")
"""Kinds of learners: gradient boosting (XGBoost), extremely randomised trees (scikit-learn), and boosting
with what the flux did on either side of the gap."""


@dataclass(frozen=True)
class Learnt:
    """Fitted learners of one flux; the prediction of a kind is the mean of its learners.

    Attributes:
        models: Kind -> learners.
    """

    models: dict[str, list[Any]]

    def predict(
        self, X: NDArray[np.float32], context: NDArray[np.float32]
    ) -> dict[str, NDArray[np.float64]]:
        """Return the prediction of each kind, (rows,).

        Args:
            X: Predictors, (rows, predictors).
            context: What the flux did around the gap of each row, (rows, columns).
        """
        return {
            kind: np.mean(
                [model.predict(_seen(kind, X, context)) for model in models],
                axis=0,
                dtype=np.float64,
            )
            for kind, models in self.models.items()
        }


def fit_learners(
    X: NDArray[np.float32],
    contexts: Sequence[NDArray[np.float32]],
    y: NDArray[np.float64],
    day: NDArray[np.integer],
    *,
    seed: int,
    n_jobs: int = 1,
) -> Learnt:
    """Fit learners of each kind to measured records, one for each context.

    Each of several sees days drawn with replacement, for records of one day are alike; a
    single one sees every day, or as many as make 40,000 rows.

    Args:
        X: Predictors, (rows, predictors).
        contexts: What the flux did around each row's gap, for other gaps each, (rows, columns).
        y: Measured flux, (rows,).
        day: Number of the day of each row, (rows,).
        seed: Seed of all draws.
        n_jobs: Threads.
    """
    from joblib import Parallel, delayed

    def fitted(kind: str, bag: int) -> Any:
        weight = _drawn_days(day, np.random.default_rng([seed, bag]), again=len(contexts) > 1)
        rows = weight > 0
        model = _learner(kind, 1000 * seed + bag)
        seen = _seen(kind, X[rows], contexts[bag][rows])
        return model.fit(seen, y[rows], sample_weight=weight[rows])

    # A thread a learner: with two threads each, they wait for one another.
    tasks = [(kind, bag) for kind in LEARNERS for bag in range(len(contexts))]
    models = Parallel(n_jobs, prefer="threads")(delayed(fitted)(*task) for task in tasks)
    grouped: dict[str, list[Any]] = {kind: [] for kind in LEARNERS}
    for (kind, _), model in zip(tasks, models, strict=True):
        grouped[kind].append(model)
    return Learnt(grouped)


def _seen(kind: str, X: NDArray[np.float32], context: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what a kind of learner sees."""
    if kind == "context":
        return np.hstack([X, context])
    return np.nan_to_num(X, nan=0.0) if kind == "random" else X


def _drawn_days(
    day: NDArray[np.integer], random: np.random.Generator, *, again: bool
) -> NDArray[np.float64]:
    """Return how often each row counts, by days drawn with replacement or at most once."""
    days, which, rows = np.unique(day, return_inverse=True, return_counts=True)
    most = max(1, int(len(days) * min(1.0, _MOST_ROWS / rows.sum())))
    if not again and most == len(days):
        return np.ones(len(day))
    drawn = random.choice(len(days), size=most, replace=again)
    return np.bincount(drawn, minlength=len(days)).astype(float)[which]


def _learner(kind: str, seed: int) -> Any:
    if kind != "random":
        from xgboost import XGBRegressor

        return XGBRegressor(**_BOOSTED, random_state=seed, n_jobs=1)
    from sklearn.ensemble import ExtraTreesRegressor

    return ExtraTreesRegressor(**_RANDOM, random_state=seed, n_jobs=1)
