"""Choice of a member's predictors, if its set has optional groups or alternatives."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from uflux_kedro.ensemble import Member
from uflux_kedro.lazy import pd
from uflux_kedro.validation.parameters import TrainingParameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from uflux_kedro.validation.choice import Alternatives, Candidates, Choice
    from uflux_kedro.validation.folds import Fold

logger = logging.getLogger(__name__)


def choose_by_fold(
    member: Member,
    X: NDArray,
    y: NDArray,
    sites: NDArray,
    folds: Sequence[Fold],
    parameters: TrainingParameters,
) -> list[Choice]:
    """Choose predictors for each fold, without its test sites."""
    from uflux_kedro.validation.choice import choose_in_folds

    choices = choose_in_folds(
        _candidates(member),
        _judge(parameters),
        *(X, y, sites, folds),
        seed=parameters.seed,
        n_jobs=parameters.n_jobs,
    )
    times = Counter(" ".join(choice.chosen) or "none" for choice in choices)
    logger.info(
        "%s: %s chosen, by number of folds: %s",
        member.name,
        "predictor set" if member.alternatives else "optional groups",
        ", ".join(f"{chosen} {count}" for chosen, count in times.most_common()),
    )
    return choices


def limit_to_complete(
    member: Member, X: NDArray, folds: Sequence[Fold], choices: Sequence[Choice]
) -> tuple[NDArray, list[Fold]]:
    """Limit each fold to the rows that are complete in its chosen predictors.

    Args:
        member: The member.
        X: Predictors, shape (n, predictors); NaN where missing.
        folds: Splits of the rows.
        choices: Chosen predictors of each fold.

    Returns:
        X with numbers where values were missing, which no fold uses; and the folds that have a row
        to test.
    """
    import numpy as np

    known = np.isfinite(X)
    limited = []
    for fold, choice in zip(folds, choices, strict=True):
        usable = known[:, [member.predictors.index(name) for name in choice.columns]].all(axis=1)
        train, test = (rows[usable[rows]] for rows in (fold.train, fold.test))
        if len(test):
            limited.append(replace(fold, train=train, test=test))
    return np.nan_to_num(X), limited


def complete_rows(rows: pd.DataFrame, predictors: Sequence[str]) -> pd.DataFrame:
    """Return the rows without a missing predictor."""
    import numpy as np

    known = np.isfinite(rows[list(predictors)].to_numpy("float32")).all(axis=1)
    return rows[known].reset_index(drop=True)


def choose_on_all(
    member: Member, X: NDArray, y: NDArray, sites: NDArray, parameters: TrainingParameters
) -> Choice:
    """Choose the predictors of the final model, on all sites."""
    from uflux_kedro.validation.choice import choose_predictors

    judge = _judge(parameters)
    return choose_predictors(_candidates(member), judge, X, y, sites, seed=parameters.seed)


def _candidates(member: Member) -> Candidates | Alternatives:
    from uflux_kedro.validation.choice import Alternatives, Candidates

    if member.alternatives:
        return Alternatives(member.predictors, dict(member.alternatives))
    return Candidates(member.predictors, dict(member.optional))


def _judge(parameters: TrainingParameters) -> Any:
    """Return the model that judges choices: boosted trees, whatever the member's model.

    They are fast, and their errors resemble those of other models. Half as many trees as in the
    published UFLUX scripts, with twice the learning rate, take half the time.
    """
    from uflux_kedro.models.registry import make_model

    settings = {"n_estimators": 50, "learning_rate": 0.1}
    return make_model("XGB", settings, random_state=parameters.seed)
