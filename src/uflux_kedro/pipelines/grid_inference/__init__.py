"""All members of a flux over the drivers cube: mean, spread, product."""

from uflux_kedro.pipelines.grid_inference.pipeline import create_pipeline

__all__ = ["create_pipeline"]
