"""The pipeline ``download``, run by name before ingestion; downloads only what is ordered."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from uflux_kedro.pipelines.download.nodes import fetch_raw_files


def create_pipeline(**_: object) -> Pipeline:
    """Return the pipeline: one node, which writes files for ingestion to read."""
    return Pipeline(
        [
            node(
                fetch_raw_files,
                inputs=["params:download", "raw_folder"],
                outputs="downloads",
                name="fetch_raw_files",
            )
        ]
    )
