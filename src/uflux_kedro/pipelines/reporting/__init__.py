"""Pipeline of the leaderboard, the figures and the report."""

from uflux_kedro.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
