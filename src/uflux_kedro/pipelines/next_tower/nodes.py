"""Nodes of the pipeline ``next_tower``."""

from __future__ import annotations

from typing import Any

from uflux_kedro.lazy import mpl_figure, pd, xr
from uflux_kedro.simulated import mark_of, marked
from uflux_kedro.uncertainty.parameters import UncertaintyParameters
from uflux_kedro.validation.parameters import TrainingParameters


def choose_places(
    uncertainty: Any,
    calibrated: pd.DataFrame,
    model: Any,
    drivers: xr.Dataset,
    parameters: UncertaintyParameters,
    training: TrainingParameters,
) -> tuple[xr.Dataset, pd.DataFrame]:
    """Map the gain of a tower, and list the best places one after another.

    How large errors are at a place tells the learnt spread, with the prediction of one member.
    """
    import numpy as np

    from uflux_kedro.uncertainty.next_tower import learn_error, next_towers

    def sigma(X: Any) -> Any:
        return uncertainty.bounds(X, np.ravel(model.packed.predict(X, training.n_jobs))).sigma

    maps, best = next_towers(
        uncertainty.space,
        drivers,
        learn_error(calibrated, uncertainty.space.half),
        parameters.next_tower,
        sigma=sigma,
        seed=parameters.seed,
        n_jobs=training.n_jobs,
    )
    return maps.assign_attrs(marked(mark_of(model.card, drivers))), best


def draw_next_tower(maps: xr.Dataset, best: pd.DataFrame, drivers: xr.Dataset) -> mpl_figure.Figure:
    """Draw the gain of a tower at each candidate, and number the best places."""
    from uflux_kedro.figures.next_tower import next_tower_figure

    return next_tower_figure(maps.compute(), best, (drivers["IGBP"] > 0).compute())
