"""Products in the catalog: the store in which they are made, and the finished product."""

from __future__ import annotations

import pickle

import pytest
from kedro.io import DataCatalog, DatasetError

from tests.testing.products import plan, write_world
from uflux_kedro.products.production import produce
from uflux_kedro.products.store import ProductStore


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    write_world(folder)
    return folder


def catalog_with(filepath, store=None, **more):
    kinds = {"product": "ProductDataset", "store": "ProductStoreDataset"}
    paths = {"product": filepath, "store": store or filepath}
    return DataCatalog.from_config(
        {
            f"{name}_{{flux}}": {
                "type": f"uflux_kedro.datasets.{kind}",
                "filepath": paths[name],
                **more,
            }
            for name, kind in kinds.items()
        }
    )


@pytest.mark.parametrize("place", ["{tmp_path}/{{flux}}.zarr", "memory://products/{{flux}}.zarr"])
def test_a_product_is_made_in_its_store_and_read_when_finished(world, tmp_path, place):
    catalog = catalog_with(place.format(tmp_path=tmp_path))
    assert not catalog.exists("product_GPP")
    store = catalog.load("store_GPP")
    with pytest.raises(DatasetError, match="expected a finished product; found none"):
        catalog.save("product_GPP", store)
    produce(plan(world, regions={"time": 6}), store)
    catalog.save("product_GPP", store)
    assert catalog.exists("product_GPP")
    assert catalog.load("product_GPP").sizes["member"] == 2


def test_a_damaged_product_is_made_again_rather_than_exported(world, tmp_path, caplog):
    catalog = catalog_with(f"{tmp_path}/{{flux}}.zarr")
    store = catalog.load("store_GPP")
    produce(plan(world, regions={"time": 6}), store)
    chunk = tmp_path / "GPP.zarr" / "GPP_std" / "c" / "1" / "0" / "0"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:99] + bytes([whole[99] ^ 4]) + whole[100:])
    assert not catalog.exists("product_GPP")
    assert "absent or damaged: GPP_std/c/1/0/0" in caplog.text
    with pytest.raises(DatasetError, match=r"GPP\.zarr: GPP_std, chunk c/1/0/0: expected"):
        catalog.load("product_GPP")
    made = produce(plan(world, regions={"time": 6}), store)
    assert (made.made, made.kept) == (1, 1)
    assert chunk.read_bytes() == whole
    assert catalog.exists("product_GPP")


def test_a_product_made_in_another_store_is_refused(world, tmp_path):
    catalog = catalog_with(f"{tmp_path}/{{flux}}.zarr", store=f"{tmp_path}/elsewhere/{{flux}}.zarr")
    store = catalog.load("store_GPP")
    produce(plan(world, regions={"time": 6}), store)
    with pytest.raises(DatasetError, match=r"found one in .*elsewhere/GPP\.zarr"):
        catalog.save("product_GPP", store)


def test_a_store_is_written_by_its_node_only(tmp_path):
    catalog = catalog_with(f"{tmp_path}/{{flux}}.zarr")
    with pytest.raises(DatasetError, match="the node that loads the store writes to it"):
        catalog.save("store_GPP", catalog.load("store_GPP"))


def test_an_absent_product_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match="expected a finished product; found none"):
        catalog_with(f"{tmp_path}/{{flux}}.zarr").load("product_H")


def test_credentials_reach_the_store_and_worker_processes(tmp_path):
    catalog = catalog_with(
        f"{tmp_path}/{{flux}}.zarr", storage_options={"a": 1}, credentials={"key": "s3cr3t"}
    )
    for name in ("product_GPP", "store_GPP"):
        dataset = pickle.loads(pickle.dumps(catalog.get(name)))
        assert dataset.store.options == {"a": 1, "key": "s3cr3t"}
        shown = f"{dataset} {dataset!r} {dataset.store} {dataset.store!r} {catalog}"
        assert "GPP.zarr" in shown
        assert "s3cr3t" not in shown


def test_no_message_shows_the_password_in_an_address():
    store = ProductStore("sftp://me:s3cr3t@host/GPP.zarr")
    assert f"{store} {store!r}" == "sftp://...@host/GPP.zarr ProductStore(sftp://...@host/GPP.zarr)"
