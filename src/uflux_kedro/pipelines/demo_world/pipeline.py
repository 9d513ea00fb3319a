"""The demo world: raw files to try the project offline."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from uflux_kedro.pipelines.demo_world.nodes import simulate_demo_world


def create_pipeline(**_: object) -> Pipeline:
    """Return one node; the pipeline ``ingestion`` reads the files that it writes."""
    return Pipeline(
        [
            node(
                simulate_demo_world,
                inputs=["params:demo_world", "raw_folder", "demo_truth_folder"],
                outputs="demo_world_manifest",
                name="simulate_demo_world",
            )
        ]
    )
