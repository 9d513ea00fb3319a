"""Nodes of the pipeline ``closed_loop``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from uflux_kedro.configuration import in_project
from uflux_kedro.demo_world.parameters import DemoWorldParameters
from uflux_kedro.ensemble import EnsembleParameters
from uflux_kedro.lazy import mpl_figure, pd
from uflux_kedro.uncertainty.parameters import UncertaintyParameters
from uflux_kedro.validation.parameters import TrainingParameters


def map_drawn_networks(
    world: DemoWorldParameters,
    ensemble: dict[str, Any],
    parameters: UncertaintyParameters,
    training: TrainingParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Draw networks of towers in a simulated Earth and judge maps, towers and sums against it."""
    from uflux_kedro.uncertainty.closed_loop import (
        members_of_loop,
        run_closed_loop,
        world_of_loop,
    )

    loop = parameters.closed_loop
    if loop.network is not None:
        loop = loop.model_copy(update={"network": Path(in_project(str(loop.network)))})
        parameters = parameters.model_copy(update={"closed_loop": loop})
    found = run_closed_loop(
        members_of_loop(EnsembleParameters.model_validate(ensemble), loop),
        world_of_loop(world, loop),
        parameters,
        n_jobs=training.n_jobs,
    )
    return found.on_map, found.at_towers, found.sums


def draw_closed_loop(
    on_map: pd.DataFrame, at_towers: pd.DataFrame, parameters: UncertaintyParameters
) -> mpl_figure.Figure:
    """Draw errors and coverage of the maps by number of towers and by completeness."""
    from uflux_kedro.figures.closed_loop import closed_loop_figure

    return closed_loop_figure(on_map, at_towers, parameters.level)
