"""Predictors with the same names and numbers at towers and on the grid."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from uflux_kedro.configuration import project_parameters
from uflux_kedro.members import bound, project_members
from uflux_kedro.pipelines.feature_engineering.nodes import (
    join_days_at_towers,
    join_drivers_at_towers,
    join_tower_predictors,
    make_drivers,
)


def create_pipeline(**_: object) -> Pipeline:
    """Read the towers' predictors from grids; without grids, from the tower table.

    Days are sampled from the sources themselves, since their drivers on a whole grid would fill a
    disk.
    """
    parameters = project_parameters()
    sources = list(parameters["grids"] or {})
    members = project_members()
    if sources and parameters["towers"].get("resolution") == "DD":
        nodes = [
            node(
                bound(join_days_at_towers, members),
                inputs={"towers": "towers", "sites": "sites", "parameters": "params:features"}
                | {s: f"cube_{s}" for s in sources},
                outputs="training_table",
                name="make_training_table",
            )
        ]
    elif sources:
        nodes = [
            node(
                bound(make_drivers, members),
                inputs={"parameters": "params:features"} | {s: f"cube_{s}" for s in sources},
                outputs="drivers",
                name="make_drivers",
            ),
            node(
                join_drivers_at_towers,
                inputs=["towers", "sites", "drivers", "params:features"],
                outputs="training_table",
                name="make_training_table",
            ),
        ]
    else:
        nodes = [
            node(
                bound(join_tower_predictors, members),
                inputs=["params:features", "towers", "sites"],
                outputs="training_table",
                name="make_training_table",
            )
        ]
    return Pipeline(
        nodes,
        namespace="features",  # one box in kedro-viz
        prefix_datasets_with_namespace=False,
        tags="features",
    )
