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
"""The main way of the data; the other pipelines are run by name."""


def register_pipelines() -> dict[str, Pipeline]:
    """Find the pipelines; the default one runs from raw files to the report."""
    pipelines = find_pipelines(raise_errors=True)
    if set(DEFAULT) <= pipelines.keys():
        # Pipeline([...]) joins them once; sum() would check the whole again at each step.
        pipelines["__default__"] = Pipeline([pipelines[name] for name in DEFAULT])
    return pipelines
