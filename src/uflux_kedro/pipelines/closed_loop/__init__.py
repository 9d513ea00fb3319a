"""Pipeline of networks of towers whose maps are compared with a known truth."""

from uflux_kedro.pipelines.closed_loop.pipeline import create_pipeline

__all__ = ["create_pipeline"]
