"""What kedro-viz shows of the pipelines: boxes, names and layers."""

from __future__ import annotations

from inspect import signature

import pytest
from kedro_viz.constants import ROOT_MODULAR_PIPELINE_ID
from kedro_viz.data_access.managers import DataAccessManager
from kedro_viz.integrations.kedro.data_loader import load_data

from tests.testing.project import PROJECT
from uflux_kedro import configuration

CLOSED = ("GPP", "RECO", "NEE")
BOXES = {"ingestion", "features", "GPP", "RECO", "NEE", "H", "LE", "derived", "reporting"}
LAYERS = [
    "01_raw", "02_intermediate", "03_primary", "04_feature", "05_model_input", "06_models", "07_model_output", "08_reporting",
]  # fmt: skip


@pytest.fixture(scope="module")
def project():
    """Pipelines and catalog, loaded as kedro-viz does: without hooks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(configuration, "_from_hook", None)
        patch.setenv("KEDRO_ENV", "base")
        catalog, pipelines, _ = load_data(PROJECT, env="base")
    return pipelines, catalog


@pytest.fixture(scope="module")
def default(project):
    pipelines, catalog = project
    return pipelines["__default__"], catalog


@pytest.fixture(scope="module")
def graph(project):
    """Kedro-viz's own view of the pipelines, and the default one's tree of boxes."""
    pipelines, catalog = project
    shown = {name: pipelines[name] for name in ("__default__", "GPP")}
    manager = DataAccessManager()
    manager.add_catalog(catalog, shown)
    manager.add_pipelines(shown)
    manager.create_modular_pipelines_tree_for_registered_pipeline("GPP")
    return manager, manager.create_modular_pipelines_tree_for_registered_pipeline()


def names_in(box, graph, kind):
    manager, tree = graph
    return {manager.nodes.get_node_by_id(c.id).name for c in tree[box].children if c.type == kind}


def test_the_graph_opens_on_nine_boxes_and_no_loose_node(graph):
    assert names_in(ROOT_MODULAR_PIPELINE_ID, graph, "modularPipeline") == BOXES
    assert names_in(ROOT_MODULAR_PIPELINE_ID, graph, "task") == set()


@pytest.mark.parametrize("flux", ["GPP", "RECO", "NEE", "H", "LE"])
def test_each_flux_has_its_product_and_intervals_in_its_box(graph, flux):
    """Of GPP, RECO and NEE the product as predicted, which closes the budget in another box."""
    tasks = {name.removeprefix(f"{flux}.") for name in names_in(flux, graph, "task")}
    stem = flux.lower()
    assert {
        f"ensemble_{stem}",
        f"compare_members_{stem}",
        f"average_members_{stem}",
        f"calibrate_intervals_{stem}",
    } <= tasks
    assert len(names_in(flux, graph, "modularPipeline")) == 13
    _, tree = graph
    manager, _ = graph
    outputs = {manager.nodes.get_node_by_id(i).name for i in tree[flux].outputs}
    product = f"predicted_{flux}" if flux in CLOSED else f"product_{flux}"
    assert {product, f"comparison_{flux}", f"held_out_{flux}"} <= outputs
    totals = flux if flux not in CLOSED else "derived"
    assert f"aggregates_{flux}" in {
        manager.nodes.get_node_by_id(i).name for i in tree[totals].outputs
    }


@pytest.mark.parametrize("name", ["__default__", "GPP"])
def test_layers_stand_in_the_order_of_the_data(graph, name):
    manager, _ = graph
    layers = manager.get_sorted_layers_for_registered_pipeline(name)
    inside = {n.layer for n in manager.get_nodes_for_registered_pipeline(name) if n.type == "data"}
    assert [layer for layer in layers if layer in inside] == [x for x in LAYERS if x in inside]


def test_no_node_and_dataset_share_a_name(default):
    """Not even in other cases, as in ``runs_gpp`` and ``runs_GPP``."""
    pipeline, _ = default
    datasets = {name.lower() for name in pipeline.datasets()}
    nodes = {node.name.lower() for node in pipeline.nodes}
    short = {node.short_name.lower().replace(" ", "_") for node in pipeline.nodes}
    boxes = {prefix.lower() for node in pipeline.nodes for prefix in node.namespace_prefixes}
    assert datasets & (nodes | short | boxes) == set()


def test_datasets_keep_their_names_in_the_boxes(default):
    pipeline, catalog = default
    assert {"towers", "drivers", "product_GPP", "derived_ET", "report"} <= pipeline.datasets()
    assert [name for name in pipeline.datasets() if name not in catalog] == []


def test_all_that_a_run_reads_and_makes_has_a_preview(default):
    """Except for folders that nodes write into, stores, which products show, the report's print, and
    what only a run itself knows."""
    pipeline, catalog = default
    shown = {"TablePreview", "ImagePreview", "JSONPreview", "HTMLPreview"}
    without = set()
    for name in pipeline.datasets():
        dataset = catalog.get(name)
        preview = getattr(type(dataset), "preview", None)
        kind = preview and signature(preview).return_annotation
        if not name.startswith("param") and getattr(kind, "__name__", kind) not in shown:
            without.add(name)
    stores = {f"store_{flux}" for flux in ("GPP", "RECO", "NEE", "H", "LE")}
    stores |= {f"store_predicted_{flux}" for flux in CLOSED}
    assert without == {
        *("data_folder", "quality_page", "fold_cache", "report_pdf", "run_facts"),
        *stores,
    }
