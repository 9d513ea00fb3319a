"""Products in the catalog: planned by a node, made where they lie."""

from __future__ import annotations

import json
import logging

import pytest
from kedro.io import DataCatalog, DatasetError

from tests.testing.products import plan, write_world
from uflux_kedro.products.plan import Whole


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    write_world(folder)
    return folder


def catalog_with(filepath, **more):
    entry = {"type": "uflux_kedro.datasets.ProductDataset", "filepath": filepath, **more}
    return DataCatalog.from_config({"product_{flux}": entry})


def test_a_catalog_entry_makes_and_reads_a_product(world, tmp_path, caplog):
    caplog.set_level(logging.INFO, "uflux_kedro")
    catalog = catalog_with(str(tmp_path / "{flux}.zarr"))
    assert not catalog.exists("product_GPP")
    whole = Whole(land_cells=1_000_000, periods=1000, members=13)
    catalog.save("product_GPP", plan(world, regions={"time": 6}, whole=whole))
    assert catalog.exists("product_GPP")
    assert catalog.load("product_GPP").sizes["member"] == 2
    assert "2 regions made, 0 kept" in caplog.text
    assert "the whole at this rate: 1 billion pixels x 13 members" in caplog.text
    item = json.loads((tmp_path / "GPP.stac.json").read_text())
    assert item["bbox"] == [-180, -90, 180, 90]
    assert item["properties"]["uflux:product_checksum"]


def test_a_url_is_enough(world):
    catalog = catalog_with("memory://products/{flux}.zarr")
    catalog.save("product_GPP", plan(world, regions={"time": 6}))
    assert catalog.load("product_GPP")["GPP"].notnull().any()


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(DatasetError, match="expected a finished product; found none"):
        catalog_with(str(tmp_path / "{flux}.zarr")).load("product_H")
