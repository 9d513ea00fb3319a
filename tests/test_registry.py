"""The registered pipelines, and the imports that listing them causes."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from kedro.framework.project import configure_project, pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline

from tests.testing.project import PROJECT
from uflux_kedro import pipeline_registry
from uflux_kedro.configuration import project_parameters
from uflux_kedro.stored_tables import columns_of

NAMES = {
    "demo_world",
    "download",
    "ingestion",
    "feature_engineering",
    "model_training",
    "uncertainty",
    "grid_inference",
    "closed_loop",
    "gap_filling",
    "next_tower",
    "reporting",
}
FLUXES = {"GPP", "RECO", "NEE", "H", "LE"}
HEAVY = ("matplotlib", "sklearn", "xarray", "xgboost")


def names_of(pipeline):
    return [node.name for node in pipeline.nodes]


@pytest.fixture(scope="module")
def registered():
    bootstrap_project(PROJECT)
    with KedroSession.create(PROJECT, env="base") as session:
        session.load_context()
        configure_project("uflux_kedro")
        return dict(pipelines)


def test_every_pipeline_is_registered(registered):
    folders = {p.name for p in (PROJECT / "src/uflux_kedro/pipelines").iterdir() if p.is_dir()}
    assert folders - {"__pycache__"} == NAMES
    assert registered.keys() == NAMES | FLUXES | {"__default__"}


def test_settings_fit_into_parameters_of_mlflow(registered):
    """kedro-mlflow logs each input of a node that is a setting; MLflow takes 6000 characters."""
    assert "parameters" not in registered["__default__"].inputs()
    assert all(len(str(block)) <= 6000 for block in project_parameters().values())


def test_columns_are_known_of_every_stored_table_that_the_report_reads(registered):
    reporting = registered["reporting"]
    read = {name for name in reporting.inputs() if not name.startswith("params:")}
    others = {name for name in read if not columns_of(name)}
    optional = {"closed_loop_maps", "input_files"} | {n for n in read if n.startswith("figure_")}
    not_tables = {"data_folder", "drivers", "missing_columns", "run_facts"}
    cubes = {name for name in read if name.startswith(("product_", "derived_"))}
    assert others - optional - not_tables - cubes == {"towers"}, "which may lack any flux or driver"


def test_the_report_takes_the_settings_in_order(registered):
    """Kedro reads them in another order in each process; kedro-viz knows a node by its inputs."""
    (node,) = (n for n in registered["reporting"].nodes if n.name == "reporting.write_report")
    settings = [name for name in node.inputs if name.startswith("params:")]
    assert len(settings) > 5
    assert settings == sorted(settings)


def test_the_pipeline_of_a_flux_is_its_part_of_the_default_one(registered):
    for flux in FLUXES:
        part = registered[flux]
        assert names_of(part) == names_of(registered["__default__"].filter(node_namespaces=[flux]))
        outside = {name.partition(".")[0] for name in part.inputs() if "params:" not in name}
        store = f"store_predicted_{flux}" if flux in {"GPP", "RECO", "NEE"} else f"store_{flux}"
        assert outside == {"training_table", "sites", "fold_cache", "drivers", store}


def test_a_flux_can_be_asked_for_by_name(registered):
    """Kedro looks for a folder of each pipeline named on the command line."""
    try:
        pipelines.set_requested(["GPP"])
        assert names_of(pipelines["GPP"]) == names_of(registered["GPP"])
    finally:
        configure_project("uflux_kedro")


def test_no_default_pipeline_where_only_some_are_asked_for(monkeypatch):
    """Kedro imports the pipelines that are named on the command line, and no others."""
    found = {"download": Pipeline([])}
    monkeypatch.setattr(pipeline_registry, "find_pipelines", lambda **_: dict(found))
    assert pipeline_registry.register_pipelines().keys() == {"download"}


def test_the_default_run_fetches_nothing(registered):
    assert [n.name for n in registered["download"].nodes] == ["fetch_raw_files"]
    assert "fetch_raw_files" not in {n.name for n in registered["__default__"].nodes}


def test_default_holds_all_sixty_five_members(registered):
    nodes = registered["__default__"].nodes
    members = Counter(n.namespace for n in nodes if n.namespace and "." in n.namespace)
    assert len(members) == 13 * 5
    assert set(members.values()) == {4}


def test_a_member_and_a_flux_can_be_run_alone(registered):
    default = registered["__default__"]
    member = default.filter(node_namespaces=["GPP.MODIS-NIRv-ERA5"])
    assert len(member.nodes) == 4
    assert {n.namespace for n in default.only_nodes_with_tags("MODIS-NIRv-ERA5").nodes} == {
        f"{flux}.MODIS-NIRv-ERA5" for flux in ("GPP", "RECO", "NEE", "H", "LE")
    }


@pytest.mark.parametrize("command", [["--version"], ["registry", "list"]])
def test_listing_imports_nothing_heavy(command):
    code = (
        "import sys; from kedro.framework.cli.cli import main\n"
        f"sys.argv = ['kedro', *{command!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print('IMPORTED', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert "IMPORTED []" in result.stdout, result.stdout + result.stderr
