"""Where to build the next tower, for each flux: from the intervals and drivers of a finished run."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from uflux_kedro.configuration import project_parameters
from uflux_kedro.members import by_flux, project_members
from uflux_kedro.pipelines.next_tower.nodes import choose_places, draw_next_tower


def create_pipeline(**_: object) -> Pipeline:
    """Return the nodes of each flux; none without grids. The next report shows the maps."""
    if not project_parameters()["grids"]:
        return Pipeline([])
    nodes = []
    for flux, members in by_flux(project_members()).items():
        stem = flux.lower()
        nodes += [
            node(
                choose_places,
                inputs=[
                    *(f"uncertainty_{flux}", f"calibrated_{flux}", f"{members[0].namespace}.model"),
                    *("drivers", "params:uncertainty", "params:training"),
                ],
                outputs=[f"next_tower_{flux}", f"next_tower_places_{flux}"],
                name=f"choose_places_{stem}",
            ),
            node(
                draw_next_tower,
                inputs=[f"next_tower_{flux}", f"next_tower_places_{flux}", "drivers"],
                outputs=f"figure_next_tower_{flux}",
                name=f"draw_next_tower_{stem}",
            ),
        ]
    return Pipeline(nodes)
