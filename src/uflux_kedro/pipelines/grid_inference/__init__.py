"""The pipeline ``grid_inference``: products of every flux, their export and their totals."""

from uflux_kedro.pipelines.grid_inference.pipeline import create_pipeline

__all__ = ["create_pipeline"]
