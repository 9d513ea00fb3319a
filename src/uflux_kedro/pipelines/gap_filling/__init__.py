"""Pipeline that fills half-hourly and hourly towers."""

from uflux_kedro.pipelines.gap_filling.pipeline import create_pipeline

__all__ = ["create_pipeline"]
