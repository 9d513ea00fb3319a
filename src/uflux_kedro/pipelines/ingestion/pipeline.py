"""Raw files to canonical towers, sites and one cube a source."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from uflux_kedro.configuration import project_parameters
from uflux_kedro.pipelines.ingestion.nodes import read_grid, read_tower_files, read_tower_table


def create_pipeline(**_: object) -> Pipeline:
    """One node for the towers, one for each grid that the configuration names."""
    parameters = project_parameters()
    if parameters["towers"]["reader"] == "tidy":
        towers = node(
            read_tower_table,
            inputs=["raw_tower_table", "params:towers"],
            outputs=["towers", "sites", "missing_columns"],
            name="read_towers",
        )
    else:
        towers = node(
            read_tower_files,
            inputs=["raw_towers", "raw_sites", "params:towers"],
            outputs=["towers", "sites", "missing_columns"],
            name="read_towers",
        )
    grids = [
        node(
            read_grid,
            inputs=[f"raw_{source}", f"params:grids.{source}"],
            outputs=f"cube_{source}",
            name=f"read_{source}",
        )
        for source in parameters["grids"] or {}
    ]
    return Pipeline([towers, *grids], tags="ingestion")
