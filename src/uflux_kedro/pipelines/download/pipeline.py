"""Downloads: run by name, before ingestion; nothing is fetched that was not asked for."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from uflux_kedro.pipelines.download.nodes import fetch_raw_files


def create_pipeline(**_: object) -> Pipeline:
    """One node; its files are what ingestion reads."""
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
