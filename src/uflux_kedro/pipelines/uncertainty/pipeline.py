"""How far to trust the predictions: of each flux in its namespace, of several in ``derived``."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from uflux_kedro.ensemble import Member
from uflux_kedro.members import bound, by_flux, closed_fluxes, project_members
from uflux_kedro.pipelines.uncertainty.nodes import (
    average_members,
    calibrate_intervals,
    close_carbon_at_towers,
    correlate_errors,
)


def create_pipeline(**_: object) -> Pipeline:
    """Make the nodes of every flux, and those that reconcile the carbon fluxes."""
    members = project_members()
    parts = [_flux(flux, ours) for flux, ours in by_flux(members).items()]
    closed = closed_fluxes(members)
    if closed:
        parts.append(_carbon(closed))
    return Pipeline(parts, tags="uncertainty")


def _flux(flux: str, members: tuple[Member, ...]) -> Pipeline:
    stem = flux.lower()
    return Pipeline(
        [
            node(
                average_members,
                inputs=f"predictions_{flux}",
                outputs=f"held_out_{flux}",
                name=f"average_members_{stem}",
                namespace=flux,
            ),
            node(
                bound(calibrate_intervals, members),
                inputs=[
                    *(f"held_out_{flux}", "training_table"),
                    *("params:uncertainty", "params:training"),
                ],
                outputs=[f"uncertainty_{flux}", f"calibrated_{flux}", f"importance_{flux}"],
                name=f"calibrate_intervals_{stem}",
                namespace=flux,
            ),
            node(
                correlate_errors,
                inputs=[f"calibrated_{flux}", "params:uncertainty"],
                outputs=[f"sum_errors_{flux}", f"annual_sums_{flux}"],
                name=f"correlate_errors_{stem}",
                namespace=flux,
            ),
        ],
        tags=flux,
    )


def _carbon(fluxes: tuple[str, ...]) -> Pipeline:
    nodes = [
        node(
            close_carbon_at_towers,
            inputs={"parameters": "params:uncertainty"}
            | {flux: f"calibrated_{flux}" for flux in fluxes},
            outputs=["carbon_closure", "carbon_closed", "carbon_skill"],
            name="close_carbon_at_towers",
        )
    ]
    return Pipeline(nodes, namespace="derived", prefix_datasets_with_namespace=False)
