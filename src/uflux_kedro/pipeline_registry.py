"""The project's pipelines."""

from __future__ import annotations

from kedro.framework.project import find_pipelines
from kedro.framework.project import pipelines as registry
from kedro.pipeline import Pipeline

from uflux_kedro.members import by_flux, project_members

DEFAULT = (
    "ingestion",
    "feature_engineering",
    "model_training",
    "uncertainty",
    "grid_inference",
    "reporting",
)
"""Pipelines that ``kedro run`` runs, from raw files to the report; others are run by name."""


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines by name; ``__default__`` runs from raw files to the report.

    A pipeline with a flux's name is the part of the default one that is in the flux's namespace.
    """
    try:
        pipelines = find_pipelines(raise_errors=True)
    except ImportError:
        # Kedro looks for a folder of each pipeline that is asked for; a flux has none.
        registry.set_requested(None)
        pipelines = find_pipelines(raise_errors=True)
    if set(DEFAULT) <= pipelines.keys():
        # Pipeline([...]) validates the joined pipeline once, sum() again at each step.
        whole = Pipeline([pipelines[name] for name in DEFAULT])
        pipelines["__default__"] = whole
        for flux in by_flux(project_members()):
            pipelines[flux] = whole.only_nodes_with_namespaces([flux])
    return pipelines
