"""A new run clears its outputs, a resumed one keeps them; members learn of their parent run."""

from __future__ import annotations

import logging
import os
from types import SimpleNamespace

import mlflow
import pandas as pd
import pytest
from kedro.framework.project import configure_project, pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro_datasets.pandas import CSVDataset

from tests.testing.products import plan, tree, write_world
from tests.testing.project import PROJECT
from uflux_kedro import configuration
from uflux_kedro.configuration import PARENT_RUN, project_parameters
from uflux_kedro.datasets.cubes import ZarrCubeDataset
from uflux_kedro.datasets.products import ProductDataset
from uflux_kedro.hooks import ProjectHooks, clear_outputs
from uflux_kedro.products.production import produce


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


def test_outputs_of_a_first_run_may_be_absent(project, tmp_path):
    pipeline, catalog = project
    clear_outputs(pipeline, catalog)
    clear_outputs(pipeline, catalog)
    assert [path.name for path in tmp_path.iterdir()] == ["raw.csv"]


def test_files_elsewhere_are_not_taken_for_local_ones(tmp_path):
    local = tmp_path / "table.csv"
    local.touch()
    remote = CSVDataset(filepath=f"memory:/{local}")
    remote.save(pd.DataFrame({"a": [1]}))
    pipeline = Pipeline([node(lambda raw: raw, "raw", "table", name="make")])
    clear_outputs(pipeline, DataCatalog({"raw": MemoryDataset(1), "table": remote}))
    assert local.exists()
    assert remote.exists()


def test_every_stored_output_of_the_project_is_cleared_and_no_raw_data():
    bootstrap_project(PROJECT)
    with KedroSession.create(project_path=PROJECT, env="test") as session:
        catalog = session.load_context().catalog
        configure_project("uflux_kedro")
        outputs = {name: catalog.get(name) for name in pipelines["__default__"].all_outputs()}
    paths = {
        name: str(getattr(dataset, "_filepath", None) or getattr(dataset, "_path", ""))
        for name, dataset in outputs.items()
        if not hasattr(dataset, "reopen")
    }
    assert [name for name, path in paths.items() if not path] == []
    assert [path for path in paths.values() if "01_raw" in path] == []


def test_a_new_run_reopens_a_product_and_keeps_its_regions(tmp_path):
    write_world(tmp_path)
    dataset = ProductDataset(filepath=str(tmp_path / "GPP.zarr"))
    produce(plan(tmp_path, regions={"time": 6}), dataset.store)
    before = tree(tmp_path / "GPP.zarr")
    catalog = DataCatalog({"raw": MemoryDataset(1), "product": dataset})
    pipeline = Pipeline([node(lambda raw: raw, "raw", "product", name="make")])
    ProjectHooks().before_pipeline_run({"only_missing_outputs": False}, pipeline, catalog)
    assert not dataset.exists(), "a resumed run would take it for its own"
    with pytest.raises(DatasetError, match="an unfinished one"):
        dataset.load()
    production = produce(plan(tmp_path, regions={"time": 6}), dataset.store)
    dataset.save(dataset.store)
    assert (production.made, production.kept) == (0, 2)
    assert tree(tmp_path / "GPP.zarr") == before
    assert dataset.load().sizes["time"] == 12


def test_the_parameters_of_a_run_reach_the_pipelines(monkeypatch):
    monkeypatch.setattr(configuration, "_from_hook", None)
    parameters = {"ensemble": {"model": "RF"}}
    context = SimpleNamespace(config_loader={"parameters": parameters})
    ProjectHooks().after_context_created(context)
    assert project_parameters() == parameters


def test_without_a_run_the_environment_names_the_parameters(monkeypatch):
    """``kedro registry list`` and kedro-viz run no hooks."""
    monkeypatch.setattr(configuration, "_from_hook", None)
    monkeypatch.setenv("KEDRO_ENV", "ozflux")
    found = project_parameters()
    assert found["towers"]["reader"] == "tidy"
    assert found["grids"] is None
    assert found["training"]["seed"] == 42, "settings that it does not name are those of base"


@pytest.mark.parametrize("tracked", [True, False])
def test_members_find_the_parent_run_until_the_run_ends(project, caplog, monkeypatch, tracked):
    pipeline, catalog = project
    run = SimpleNamespace(info=SimpleNamespace(run_id="abc"))
    monkeypatch.setattr(mlflow, "active_run", lambda: run if tracked else None)
    monkeypatch.setenv(PARENT_RUN, "of an earlier run")
    hooks = ProjectHooks()
    hooks.before_pipeline_run({"only_missing_outputs": True}, pipeline, catalog)
    assert os.environ[PARENT_RUN] == ("abc" if tracked else "")
    with caplog.at_level(logging.INFO, "uflux_kedro.hooks"):
        hooks.after_pipeline_run()
    assert PARENT_RUN not in os.environ
    assert "Run finished in 0 s" in caplog.text
