"""What a run found, as a table, figures and one page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Pipeline, node

from uflux_kedro.configuration import project_parameters
from uflux_kedro.members import bound, by_flux, project_members
from uflux_kedro.pipelines.reporting.nodes import (
    draw_leaderboard,
    draw_mean_maps,
    draw_profiles,
    draw_scatter,
    draw_seasons,
    draw_site_skill,
    draw_spread_maps,
    join_leaderboards,
    mean_of_members,
    write_report,
)


def create_pipeline(**_: object) -> Pipeline:
    """Leaderboard, figures of towers, figures of maps where there are grids, and the page."""
    parameters = project_parameters()
    members = project_members()
    fluxes = list(by_flux(members))
    shown = {flux: f"held_out_{flux}" for flux in fluxes}
    # The maps are drawn on degrees.
    on_degrees = parameters["grids"] and "crs" not in (parameters["inference"].get("grid") or {})
    products = {flux: f"product_{flux}" for flux in fluxes} if on_degrees else {}

    nodes = [
        node(
            join_leaderboards,
            inputs=[f"leaderboard_{flux}" for flux in fluxes],
            outputs="leaderboard",
            name="leaderboard",
        ),
        *(
            node(mean_of_members, inputs=f"predictions_{f}", outputs=shown[f], name=f"held_out_{f}")
            for f in fluxes
        ),
    ]
    figures: dict[str, tuple[Callable[..., Any], list[str] | dict[str, str]]] = {
        "scatter": (draw_scatter, shown),
        "leaderboard": (draw_leaderboard, ["leaderboard"]),
        "site_skill": (draw_site_skill, shown),
        **{
            f"seasons_{flux}": (bound(draw_seasons, flux), [shown[flux], "sites"])
            for flux in fluxes
        },
    }
    if products:
        figures |= {
            "mean_maps": (draw_mean_maps, products),
            "spread_maps": (draw_spread_maps, products),
            "profiles": (draw_profiles, {"training_table": "training_table"} | products),
        }
    nodes += [
        node(draw, inputs=inputs, outputs=f"figure_{name}", name=f"draw_{name}")
        for name, (draw, inputs) in figures.items()
    ]
    nodes.append(
        node(
            bound(write_report, members),
            inputs={
                "leaderboard": "leaderboard",
                "training_table": "training_table",
                "sites": "sites",
                "missing_columns": "missing_columns",
                "parameters": "parameters",
                **{f"comparison_{flux}": f"comparison_{flux}" for flux in fluxes},
                **{f"held_out_{flux}": name for flux, name in shown.items()},
                **{f"figure_{name}": f"figure_{name}" for name in figures},
            },
            outputs="report",
            name="write_report",
        )
    )
    return Pipeline(nodes, tags="reporting")
