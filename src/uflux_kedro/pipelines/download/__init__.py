"""What a run needs from elsewhere, fetched into the raw data."""

from uflux_kedro.pipelines.download.pipeline import create_pipeline

__all__ = ["create_pipeline"]
