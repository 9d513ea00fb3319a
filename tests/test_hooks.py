"""A run says what it replaces and keeps; members learn of their parent run."""

from __future__ import annotations

import json
import logging
import os
from types import SimpleNamespace

import mlflow
import pandas as pd
import pytest
from kedro.framework.project import configure_project, pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro_datasets.pandas import CSVDataset

from tests.testing.project import PROJECT
from uflux_kedro import configuration
from uflux_kedro.configuration import PARENT_RUN, RUN_FACTS, project_parameters
from uflux_kedro.hooks import OutputHooks, ProjectHooks
from uflux_kedro.staging import local_path


@pytest.fixture
def project(tmp_path):
    """A pipeline of two tables whose hooks have begun, and its hooks and catalog."""
    data = tmp_path / "data"

    def begin(**run_params):
        catalog = DataCatalog(
            {
                "raw": MemoryDataset(pd.DataFrame({"a": [1]})),
                "table": CSVDataset(filepath=str(data / "table.csv")),
                "copy": CSVDataset(filepath=str(data / "copy.csv")),
            }
        )
        pipeline = Pipeline(
            [
                node(lambda raw: raw, "raw", "table", name="make"),
                node(lambda table: table, "table", "copy", name="copy"),
            ]
        )
        hooks = OutputHooks()
        hooks.after_context_created(
            SimpleNamespace(project_path=tmp_path, config_loader={"globals": {"data": "data"}})
        )
        hooks.before_pipeline_run(run_params, pipeline, catalog)
        return hooks, catalog

    return begin


def test_a_run_says_where_it_writes_and_what_it_replaces(project, tmp_path, caplog):
    caplog.set_level(logging.INFO, "uflux_kedro.hooks")
    hooks, catalog = project()
    (line,) = caplog.messages
    assert line == (
        f"Writing 2 outputs to {tmp_path / 'data' / 'unfinished'}; they replace those of the last "
        "run when this one has finished"
    )
    for name in ("table", "copy"):
        catalog.save(name, pd.DataFrame({"a": [1]}))
    assert not (tmp_path / "data" / "table.csv").exists()
    hooks.after_pipeline_run({})
    assert sorted(p.name for p in (tmp_path / "data").glob("*.csv")) == ["copy.csv", "table.csv"]


def test_a_failed_run_says_how_to_go_on(project, tmp_path, caplog):
    caplog.set_level(logging.INFO, "uflux_kedro.hooks")
    hooks, catalog = project()
    catalog.save("table", pd.DataFrame({"a": [1]}))
    hooks.on_pipeline_error()
    assert f"what this one made is in {tmp_path / 'data' / 'unfinished'}" in caplog.text
    assert "--only-missing-outputs continues it" in caplog.text
    caplog.clear()
    project(only_missing_outputs=True)
    assert caplog.messages[0].startswith("Resuming the run of ")
    assert ": 1 outputs are kept, 1 are missing, 0 were made with" in caplog.messages[0]


@pytest.mark.parametrize(
    ("run_params", "remains"),
    [({}, False), ({"tags": ["GPP"]}, True), ({"pipeline_names": ["a"]}, True)],
)
def test_only_a_whole_run_removes_what_waits_of_others(project, tmp_path, run_params, remains):
    other = tmp_path / "data" / "unfinished" / "other.csv"
    hooks, catalog = project()
    plan = json.loads((other.parent / "run.json").read_text())
    plan["outputs"]["other.csv"] = {
        "name": "other",
        "fingerprint": "",
        "inputs": {},
        "product": False,
    }
    (other.parent / "run.json").write_text(json.dumps(plan))
    other.touch()
    for name in ("table", "copy"):
        catalog.save(name, pd.DataFrame({"a": [1]}))
    hooks.after_pipeline_run(run_params)
    assert other.exists() is remains


def test_a_run_killed_while_it_swapped_is_completed(project, tmp_path, caplog):
    _, catalog = project()
    for name in ("table", "copy"):
        catalog.save(name, pd.DataFrame({"a": [1]}))
    path = tmp_path / "data" / "unfinished" / "run.json"
    plan = json.loads(path.read_text())
    path.write_text(json.dumps(plan | {"finished": ["copy.csv", "table.csv"], "whole": True}))
    caplog.set_level(logging.INFO, "uflux_kedro.hooks")
    project()
    assert "Put 2 outputs into place, of a run that was killed at its very end" in caplog.text
    assert (tmp_path / "data" / "table.csv").exists()


def test_every_stored_output_of_the_project_waits_for_the_end_of_its_run_and_no_raw_data_does():
    bootstrap_project(PROJECT)
    with KedroSession.create(project_path=PROJECT, env="test") as session:
        catalog = session.load_context().catalog
        configure_project("uflux_kedro")
        outputs = {name: catalog.get(name) for name in pipelines["__default__"].all_outputs()}
    paths = {name: local_path(dataset) for name, dataset in outputs.items()}
    assert [name for name, path in paths.items() if path is None] == []
    assert [path for path in paths.values() if "01_raw" in path.parts] == []


def test_the_parameters_of_a_run_reach_the_pipelines(monkeypatch):
    monkeypatch.setattr(configuration, "_from_hook", None)
    parameters = {"ensemble": {"model": "RF"}}
    context = SimpleNamespace(
        config_loader={"parameters": parameters}, project_path=PROJECT, env=None
    )
    ProjectHooks().after_context_created(context)
    assert project_parameters() == parameters


@pytest.mark.parametrize(
    ("grids", "used"),
    [({"ERA5": {"reader": "era5"}, "CFSV2": None}, ["ERA5"]), ({"CFSV2": None}, []), (None, [])],
)
def test_sources_that_are_switched_off_are_no_sources(monkeypatch, grids, used):
    monkeypatch.setattr(configuration, "_from_hook", {"grids": grids, "towers": {}})
    assert [*(project_parameters()["grids"] or {})] == used
    assert project_parameters()["towers"] == {}


def test_without_a_run_the_environment_names_the_parameters(monkeypatch):
    """``kedro registry list`` and kedro-viz run no hooks."""
    monkeypatch.setattr(configuration, "_from_hook", None)
    monkeypatch.setenv("KEDRO_ENV", "ozflux")
    found = project_parameters()
    assert found["towers"]["reader"] == "tidy"
    assert found["grids"] is None
    assert found["training"]["seed"] == 42, "settings that it does not name are those of base"


@pytest.mark.parametrize("tracked", [True, False])
def test_members_find_the_parent_run_until_the_run_ends(caplog, monkeypatch, tracked):
    run = SimpleNamespace(info=SimpleNamespace(run_id="abc", experiment_id="1"))
    monkeypatch.setattr(mlflow, "active_run", lambda: run if tracked else None)
    monkeypatch.setenv(PARENT_RUN, "of an earlier run")
    hooks = ProjectHooks()
    context = SimpleNamespace(config_loader={"parameters": {}}, project_path=PROJECT, env="test")
    monkeypatch.setattr(configuration, "_from_hook", None)
    hooks.after_context_created(context)
    hooks.before_pipeline_run()
    assert os.environ[PARENT_RUN] == ("abc" if tracked else "")
    facts = json.loads(os.environ[RUN_FACTS])
    assert facts["environment"] == "test"
    assert facts.get("mlflow_run") == ("abc" if tracked else None)
    with caplog.at_level(logging.INFO, "uflux_kedro.hooks"):
        hooks.after_pipeline_run()
    assert PARENT_RUN not in os.environ
    assert RUN_FACTS not in os.environ
    assert "Run finished in 0 s" in caplog.text
