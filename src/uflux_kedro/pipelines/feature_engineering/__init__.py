"""Towers and cubes to one training table and one drivers cube."""

from uflux_kedro.pipelines.feature_engineering.pipeline import create_pipeline

__all__ = ["create_pipeline"]
