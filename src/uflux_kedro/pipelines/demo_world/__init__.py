"""Pipeline that writes a small simulated Earth in the sources' own formats."""

from uflux_kedro.pipelines.demo_world.pipeline import create_pipeline

__all__ = ["create_pipeline"]
