"""Networks of towers in the demo world, and maps made from them against its truth."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from uflux_kedro.pipelines.closed_loop.nodes import draw_closed_loop, map_drawn_networks


def create_pipeline(**_: object) -> Pipeline:
    """Return the nodes; the next report shows what they found."""
    return Pipeline(
        [
            node(
                map_drawn_networks,
                inputs=[
                    *("params:demo_world", "params:ensemble"),
                    *("params:uncertainty", "params:training"),
                ],
                outputs=["closed_loop_maps", "closed_loop_towers", "closed_loop_sums"],
                name="map_drawn_networks",
            ),
            node(
                draw_closed_loop,
                inputs=["closed_loop_maps", "closed_loop_towers", "params:uncertainty"],
                outputs="figure_closed_loop",
                name="draw_closed_loop",
            ),
        ]
    )
