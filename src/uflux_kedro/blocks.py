"""The blocks of ``conf/*/parameters*.yml``, each with the model that checks it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from uflux_kedro.schemas import Parameters

_MODELS: Mapping[str, str] = {
    "aggregates": "statistics.parameters.AggregateParameters",
    "dask": "products.parameters.DaskParameters",
    "demo_world": "demo_world.parameters.DemoWorldParameters",
    "download": "downloads.parameters.DownloadParameters",
    "ensemble": "ensemble.EnsembleParameters",
    "features": "features.parameters.FeatureParameters",
    "grids": "readers.parameters.GridParameters",
    "inference": "products.parameters.InferenceParameters",
    "quality": "quality.parameters.QualityParameters",
    "reporting": "report.parameters.ReportingParameters",
    "towers": "readers.parameters.TowerParameters",
    "training": "validation.parameters.TrainingParameters",
}
BLOCKS = tuple(_MODELS)
"""Names of the blocks. Of ``grids`` each entry is checked by the model; of others the whole block."""


def model_of(block: str) -> type[Parameters]:
    """Parameter model of a block, imported when asked for.

    Args:
        block: One of :data:`BLOCKS`.
    """
    module, _, name = _MODELS[block].rpartition(".")
    return getattr(import_module(f"uflux_kedro.{module}"), name)
