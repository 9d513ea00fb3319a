"""The blocks of ``conf/*/parameters*.yml`` and the Pydantic models that check them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from uflux_kedro.schemas import Parameters

_MODELS: Mapping[str, str] = {
    "aggregates": "statistics.parameters.AggregateParameters",
    "benchmark": "validation.parameters.BenchmarkParameters",
    "dask": "execution.parameters.DaskParameters",
    "demo_world": "demo_world.parameters.DemoWorldParameters",
    "download": "downloads.parameters.DownloadParameters",
    "ensemble": "ensemble.EnsembleParameters",
    "features": "features.parameters.FeatureParameters",
    "gap_filling": "gapfilling.parameters.GapFillingParameters",
    "grids": "readers.parameters.GridParameters",
    "inference": "products.parameters.InferenceParameters",
    "quality": "quality.parameters.QualityParameters",
    "reporting": "report.parameters.ReportingParameters",
    "towers": "readers.parameters.TowerParameters",
    "training": "validation.parameters.TrainingParameters",
    "uncertainty": "uncertainty.parameters.UncertaintyParameters",
}
BLOCKS = tuple(_MODELS)
"""Names of the blocks. The model of ``grids`` checks each of its entries, others the block."""


def model_of(block: str) -> type[Parameters]:
    """Return the parameter model of a block; only that model is imported.

    Args:
        block: One of :data:`BLOCKS`.
    """
    module, _, name = _MODELS[block].rpartition(".")
    return getattr(import_module(f"uflux_kedro.{module}"), name)
