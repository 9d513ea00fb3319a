"""Raw files to canonical towers, sites and one cube per source."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from uflux_kedro.configuration import project_parameters
from uflux_kedro.pipelines.ingestion.nodes import list_input_files, read_grid, read_tower_files
from uflux_kedro.pipelines.ingestion.quality_nodes import admit_towers, check_tower_quality


def create_pipeline(**_: object) -> Pipeline:
    """Read, check and admit towers, and read each grid that the configuration names."""
    parameters = project_parameters()
    towers = [
        node(
            read_tower_files,
            inputs=["raw_towers", "params:towers"],
            outputs=[
                "towers_as_read",
                "sites_as_read",
                "missing_columns",
                "left_out_as_read",
                "tower_products",
            ],
            name="read_towers",
        ),
        node(
            check_tower_quality,
            inputs=[
                "towers_as_read",
                "sites_as_read",
                "raw_towers",
                "params:towers",
                "params:quality",
            ],
            outputs=["towers_checked", "quality_findings", "quality_report"],
            name="check_towers",
        ),
        # A separate node, so that the quality page is on disk when this one stops the run.
        node(
            admit_towers,
            inputs=[
                "towers_checked",
                "sites_as_read",
                "quality_findings",
                "raw_towers",
                "quality_page",
                "params:quality",
                "left_out_as_read",
            ],
            outputs=["towers", "sites", "left_out"],
            name="admit_towers",
        ),
    ]
    grids = [
        node(
            read_grid,
            inputs=[f"raw_{source}", f"params:grids.{source}"],
            outputs=f"cube_{source}",
            name=f"read_{source}",
        )
        for source in parameters["grids"] or {}
    ]
    listed = node(
        list_input_files,
        inputs={
            "parameters": "params:towers",
            **{name: f"raw_{name}" for name in ("towers", *(parameters["grids"] or {}))},
        },
        outputs="input_files",
        name="list_input_files",
    )
    return Pipeline(
        [*towers, *grids, listed],
        namespace="ingestion",  # one box in kedro-viz
        prefix_datasets_with_namespace=False,
        tags="ingestion",
    )
