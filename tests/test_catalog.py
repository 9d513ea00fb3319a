"""Each environment's catalog and parameters have all that the pipelines use."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter

import pandas as pd
import pytest
import yaml
from kedro.framework.project import configure_project, pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import AbstractDataset

from tests.testing.project import PROJECT
from uflux_kedro.readers.towers.left_out import as_table, in_words
from uflux_kedro.readers.towers.products import COLUMNS, product_table

# Each folder of conf with a file in it; conf/local is the user's own.
ENVIRONMENTS = sorted({f.parent.name for f in PROJECT.glob("conf/*/*.yml")} - {"local"})
LAYERS = {
    "01_raw", "02_intermediate", "03_primary", "04_feature", "05_model_input", "06_models", "07_model_output", "08_reporting",
}  # fmt: skip


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def catalog(request):
    """Catalog of an environment, whose pipelines are Kedro's as long as it is used."""
    bootstrap_project(PROJECT)
    with KedroSession.create(project_path=PROJECT, env=request.param) as session:
        context = session.load_context()
        configure_project("uflux_kedro")
        # Kedro makes a new catalog whenever a context is asked for it.
        yield context.catalog
    configure_project("uflux_kedro")


def datasets_of_pipelines():
    return {
        name
        for pipeline in pipelines.values()
        for name in pipeline.datasets()
        if not name.startswith("params:") and name != "parameters"
    }


def test_no_dataset_lives_in_memory_alone(catalog):
    assert not {n for n in datasets_of_pipelines() if n not in catalog}


def test_every_parameter_of_the_pipelines_is_set(catalog):
    wanted = {n for p in pipelines.values() for n in p.inputs() if n.startswith("params:")}
    assert not {n for n in wanted if n not in catalog}


def test_names_and_layers_of_the_catalog():
    entries = yaml.safe_load((PROJECT / "conf/base/catalog.yml").read_text())
    for name, entry in entries.items():
        assert re.fullmatch(r"[a-z{][A-Za-z0-9_.{}]*", name), name
        assert entry["metadata"]["kedro-viz"]["layer"] in LAYERS, name


@pytest.mark.parametrize("names", [[], ["XX-Aaa", "NA-001"]])
def test_products_of_towers_come_back_as_they_were_saved(tmp_path, names):
    entry = yaml.safe_load((PROJECT / "conf/base/catalog.yml").read_text())["tower_products"]
    entry["filepath"] = str(tmp_path / "tower_products.csv")
    dataset = AbstractDataset.from_config("tower_products", entry)
    empty = dict.fromkeys(COLUMNS, "")
    table = product_table([empty | {"site_id": name, "product": "001"} for name in names])
    dataset.save(table)
    pd.testing.assert_frame_equal(dataset.load(), table)


def test_towers_left_out_as_a_whole_are_told_after_they_are_saved(tmp_path):
    entry = yaml.safe_load((PROJECT / "conf/base/catalog.yml").read_text())["left_out"]
    dataset = AbstractDataset.from_config("left_out", entry | {"filepath": str(tmp_path / "a.csv")})
    whole = {"variable": "", "file": "f.csv", "reason": "it is cut", "remedy": ""}
    table = as_table([whole | {"site_id": "XX-001"}, whole | {"site_id": "", "file": "g.csv"}])
    dataset.save(table)
    assert in_words(dataset.load()) == in_words(table)
    assert len(in_words(table)) == 2


def test_layers_follow_each_other(catalog):
    """Kedro-viz shows no layers at all if data flow between two of them in both directions."""

    def layer(name):
        metadata = getattr(catalog.get(name), "metadata", None) or {}
        return metadata.get("kedro-viz", {}).get("layer")

    order = TopologicalSorter()
    for node in pipelines["__default__"].nodes:
        sources = {layer(n) for n in node.inputs} - {None}
        for target in {layer(n) for n in node.outputs} - {None}:
            order.add(target, *(sources - {target}))
    order.prepare()  # a circle raises
