"""Pipeline ``download``: fetch ordered files into the folder of raw data."""

from uflux_kedro.pipelines.download.pipeline import create_pipeline

__all__ = ["create_pipeline"]
