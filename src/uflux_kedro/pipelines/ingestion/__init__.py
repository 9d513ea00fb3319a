"""Pipeline that reads every source, converts it to canonical names and units, and checks towers."""

from uflux_kedro.pipelines.ingestion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
