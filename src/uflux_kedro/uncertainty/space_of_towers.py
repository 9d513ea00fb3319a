"""The sampling space of the towers that a flux was learnt from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.models.registry import make_model
from uflux_kedro.uncertainty.parameters import UncertaintyParameters
from uflux_kedro.uncertainty.sampling_space import SamplingSpace
from uflux_kedro.validation.folds import site_k_fold
from uflux_kedro.validation.importance import importance_by_site, mean_importance

_JUDGE = {"n_estimators": 50, "learning_rate": 0.1}
"""Boosted trees, whatever the members' model: they are fast, and rank predictors alike."""


def space_of_towers(
    rows: pd.DataFrame,
    predictors: Sequence[str],
    flux: str,
    parameters: UncertaintyParameters,
    *,
    n_jobs: int = 1,
) -> tuple[SamplingSpace, pd.DataFrame]:
    """Fit the sampling space of a flux, weighted by the predictors' importance at unseen towers.

    Args:
        rows: Usable training rows: ``site_id``, the flux and the predictors, none missing.
        predictors: Predictors of the space.
        flux: The flux.
        parameters: Folds, seed, and the towers of half completeness.
        n_jobs: Threads; -1 for all cores. It changes no result.

    Returns:
        The space, and the importance of each predictor from
        :func:`~uflux_kedro.validation.importance.mean_importance`.

    Raises:
        InputError: If there are fewer than two towers.
    """
    X = rows[list(predictors)].to_numpy("float32")
    y = rows[flux].to_numpy("float64")
    sites = rows["site_id"].to_numpy().astype(str)
    towers = len(np.unique(sites))
    if towers < 2:
        raise InputError(
            "training table",
            flux,
            expected="two towers or more, to tell how well they sample the world",
            found=str(towers),
        )
    folds = site_k_fold(sites, min(parameters.n_splits, towers), parameters.seed)
    by_site = importance_by_site(
        lambda fold: make_model("XGB", _JUDGE, random_state=parameters.seed + fold),
        X,
        y,
        sites,
        folds,
        predictors,
        n_repeats=1,
        seed=parameters.seed,
        n_jobs=n_jobs,
    )
    importance = mean_importance(by_site, seed=parameters.seed)
    space = SamplingSpace.fit(
        X,
        sites,
        predictors,
        importance["importance"].to_dict(),
        seed=parameters.seed,
        half=parameters.half_completeness,
        n_jobs=n_jobs,
    )
    return space, importance
