"""Pipeline of the places at which further towers would lower the expected error most."""

from uflux_kedro.pipelines.next_tower.pipeline import create_pipeline

__all__ = ["create_pipeline"]
