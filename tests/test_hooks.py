"""A new run clears what it will make; a resumed one keeps it."""

from __future__ import annotations

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro_datasets.pandas import CSVDataset

from uflux_kedro.datasets.cubes import ZarrCubeDataset
from uflux_kedro.hooks import ProjectHooks


@pytest.fixture
def project(tmp_path):
    catalog = DataCatalog(
        {
            "raw": CSVDataset(filepath=str(tmp_path / "raw.csv")),
            "table": CSVDataset(filepath=str(tmp_path / "table.csv")),
            "cube": ZarrCubeDataset(filepath=str(tmp_path / "cube.zarr")),
            "note": MemoryDataset(),
        }
    )
    for name in ("raw", "table"):
        catalog.save(name, pd.DataFrame({"a": [1]}))
    (tmp_path / "cube.zarr").mkdir()
    (tmp_path / "cube.zarr" / "zarr.json").touch()
    pipeline = Pipeline([node(lambda raw: raw, "raw", ["table", "cube", "note"], name="make")])
    return pipeline, catalog


@pytest.mark.parametrize("resumed", [True, False])
def test_only_a_resumed_run_keeps_outputs(project, resumed):
    pipeline, catalog = project
    ProjectHooks().before_pipeline_run({"only_missing_outputs": resumed}, pipeline, catalog)
    assert catalog.exists("raw"), "what the run reads is never touched"
    assert catalog.exists("table") is resumed
    assert catalog.exists("cube") is resumed
