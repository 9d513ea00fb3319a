"""The blocks of the configuration and the models that check them."""

from __future__ import annotations

from kedro.framework.project import configure_project, pipelines
from kedro.framework.startup import bootstrap_project
from kedro.validation.type_extractor import TypeExtractor

from tests.testing.project import PROJECT
from uflux_kedro.blocks import model_of


def test_nodes_take_the_model_of_their_block():
    bootstrap_project(PROJECT)
    configure_project("uflux_kedro")
    found = TypeExtractor(dict(pipelines)).extract_types_from_pipelines()
    assert {"training", "inference", "grids.ERA5"} <= found.keys()
    assert found == {key: model_of(key.partition(".")[0]) for key in found}
