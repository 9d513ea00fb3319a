"""Every source becomes canonical names and units, once, at the door."""

from uflux_kedro.pipelines.ingestion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
