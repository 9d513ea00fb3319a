"""Choice of a member's predictors, if its set has optional groups."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from uflux_kedro.ensemble import Member
from uflux_kedro.validation.parameters import TrainingParameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from uflux_kedro.validation.choice import Candidates, Choice
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
    times = Counter(" ".join(choice.groups) or "none" for choice in choices)
    logger.info(
        "%s: optional groups chosen, by number of folds: %s",
        member.name,
        ", ".join(f"{groups} {count}" for groups, count in times.most_common()),
    )
    return choices


def choose_on_all(
    member: Member, X: NDArray, y: NDArray, sites: NDArray, parameters: TrainingParameters
) -> Choice:
    """Choose the predictors of the final model, on all sites."""
    from uflux_kedro.validation.choice import choose_groups

    judge = _judge(parameters)
    return choose_groups(_candidates(member), judge, X, y, sites, seed=parameters.seed)


def _candidates(member: Member) -> Candidates:
    from uflux_kedro.validation.choice import Candidates

    return Candidates(member.predictors, dict(member.optional))


def _judge(parameters: TrainingParameters) -> Any:
    """Return the model that judges choices: boosted trees, whatever the member's model.

    They are fast, and their errors resemble those of other models. Half as many trees as in the
    published UFLUX scripts, with twice the learning rate, take half the time.
    """
    from uflux_kedro.models.registry import make_model

    settings = {"n_estimators": 50, "learning_rate": 0.1}
    return make_model("XGB", settings, random_state=parameters.seed)
