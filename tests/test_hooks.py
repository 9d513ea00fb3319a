"""A new run clears what it will make; a resumed one keeps it."""

from __future__ import annotations

import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro_datasets.pandas import CSVDataset

from tests.testing.products import plan, tree, write_world
from uflux_kedro.datasets.cubes import ZarrCubeDataset
from uflux_kedro.datasets.products import ProductDataset
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


def test_a_new_run_reopens_a_product_and_keeps_its_regions(tmp_path):
    write_world(tmp_path)
    dataset = ProductDataset(filepath=str(tmp_path / "GPP.zarr"))
    dataset.save(plan(tmp_path, regions={"time": 6}))
    before = tree(tmp_path / "GPP.zarr")
    catalog = DataCatalog({"raw": MemoryDataset(1), "product": dataset})
    pipeline = Pipeline([node(lambda raw: raw, "raw", "product", name="make")])
    ProjectHooks().before_pipeline_run({"only_missing_outputs": False}, pipeline, catalog)
    assert not dataset.exists(), "a resumed run would take it for its own"
    with pytest.raises(DatasetError, match="cut short"):
        dataset.load()
    dataset.save(plan(tmp_path, regions={"time": 6}))
    assert tree(tmp_path / "GPP.zarr") == before
    assert dataset.load().sizes["time"] == 12
