"""Pipeline from towers and cubes to one training table and one cube of drivers."""

from uflux_kedro.pipelines.feature_engineering.pipeline import create_pipeline

__all__ = ["create_pipeline"]
