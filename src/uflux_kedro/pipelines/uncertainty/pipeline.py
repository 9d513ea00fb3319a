"""How far to trust the predictions: of each flux in its namespace, of several in ``derived``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Pipeline, node

from uflux_kedro.ensemble import Member
from uflux_kedro.members import bound, by_flux, closed_fluxes, project_members
from uflux_kedro.pipelines.uncertainty.nodes import (
    average_members,
    calibrate_intervals,
    close_carbon_at_towers,
    correlate_errors,
    explain_member,
    judge_intervals,
    rank_error_predictors,
    share_of_targets,
    split_member,
    train_on_shares_of_towers,
)

_SETTINGS = "params:uncertainty"
_TRAINING = "params:training"


def create_pipeline(**_: object) -> Pipeline:
    """Make the nodes of every flux, and those of several fluxes."""
    members = project_members()
    fluxes = by_flux(members)
    parts = [_flux(flux, ours) for flux, ours in fluxes.items()]
    parts.append(_several(tuple(fluxes), closed_fluxes(members)))
    return Pipeline(parts, tags="uncertainty")


def _flux(flux: str, members: tuple[Member, ...]) -> Pipeline:
    held_out, calibrated = f"held_out_{flux}", f"calibrated_{flux}"
    table = "training_table"
    nodes: list[tuple[str, Callable[..., Any], list[str], str | list[str]]] = [
        ("average_members", average_members, [f"predictions_{flux}"], held_out),
        (
            "calibrate_intervals",
            bound(calibrate_intervals, members),
            [held_out, table, _SETTINGS, _TRAINING],
            [f"uncertainty_{flux}", calibrated, f"importance_{flux}"],
        ),
        (
            "judge_intervals",
            judge_intervals,
            [calibrated, _SETTINGS],
            [f"calibration_{flux}", f"interval_scores_{flux}"],
        ),
        (
            "rank_error_predictors",
            rank_error_predictors,
            [calibrated, _SETTINGS],
            [f"error_predictors_{flux}", f"sparsification_{flux}"],
        ),
        (
            "correlate_errors",
            correlate_errors,
            [calibrated, _SETTINGS],
            [f"sum_errors_{flux}", f"annual_sums_{flux}"],
        ),
        (
            "train_on_shares",
            bound(train_on_shares_of_towers, members),
            [table, _SETTINGS, _TRAINING],
            f"learning_curve_{flux}",
        ),
        (
            "explain_member",
            explain_member,
            [f"{members[0].namespace}.model", table, _TRAINING],
            f"effects_{flux}",
        ),
        (
            "split_member",
            bound(split_member, members),
            [f"{members[0].namespace}.model", table, _TRAINING],
            [f"shap_{flux}", f"shap_importance_{flux}"],
        ),
    ]
    return Pipeline(
        [
            node(function, inputs, outputs, name=f"{name}_{flux.lower()}", namespace=flux)
            for name, function, inputs, outputs in nodes
        ],
        tags=flux,
    )


def _several(fluxes: tuple[str, ...], closed: tuple[str, ...]) -> Pipeline:
    nodes = [
        node(
            share_of_targets,
            inputs={"training_table": "training_table"}
            | {flux: f"held_out_{flux}" for flux in fluxes},
            outputs="target_shares",
            name="share_of_targets",
        )
    ]
    if closed:
        nodes.append(
            node(
                close_carbon_at_towers,
                inputs={"parameters": _SETTINGS} | {flux: f"calibrated_{flux}" for flux in closed},
                outputs=["carbon_closure", "carbon_closed", "carbon_skill"],
                name="close_carbon_at_towers",
            )
        )
    return Pipeline(nodes, namespace="derived", prefix_datasets_with_namespace=False)
