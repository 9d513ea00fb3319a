"""The project's pipelines."""

from __future__ import annotations

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

DEFAULT = (
    "ingestion",
    "feature_engineering",
    "model_training",
    "grid_inference",
    "reporting",
)
"""Pipelines that ``kedro run`` runs, from raw files to the report; others are run by name."""


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines by name; ``__default__`` runs from raw files to the report."""
    pipelines = find_pipelines(raise_errors=True)
    if set(DEFAULT) <= pipelines.keys():
        # Pipeline([...]) validates the joined pipeline once, sum() again at each step.
        pipelines["__default__"] = Pipeline([pipelines[name] for name in DEFAULT])
    return pipelines
