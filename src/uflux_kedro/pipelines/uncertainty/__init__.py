"""Pipeline of intervals, completeness and closed budgets."""

from uflux_kedro.pipelines.uncertainty.pipeline import create_pipeline

__all__ = ["create_pipeline"]
