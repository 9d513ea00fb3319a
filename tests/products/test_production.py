"""Products have the same bytes however they are made, and finished regions are kept."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
import xarray as xr
import zarr

from tests.testing.products import PREDICTORS, plan, tree, write_member
from tests.testing.project import PROJECT
from uflux_kedro.errors import InputError
from uflux_kedro.execution.engine import (
    _CLUSTERS,
    ADDRESS,
    Execution,
    _workers_here,
    process_and_memory,
)
from uflux_kedro.products.prediction import predict_cube
from uflux_kedro.products.production import produce, verify
from uflux_kedro.products.store import ProductStore, fast_encoding


@pytest.fixture(scope="module")
def finished(world):
    """A product made without interruption, in one thread."""
    store = ProductStore(str(world / "GPP.zarr"))
    made = produce(plan(world), store)
    assert (made.made, made.kept) == (12, 0)
    return world / "GPP.zarr"


@pytest.fixture
def copy(world, finished, tmp_path):
    """A copy of world and product for one test, with their original dates."""
    for name in ("drivers.zarr", *PREDICTORS, "GPP.zarr", "GPP.regions"):
        shutil.copytree(world / name, tmp_path / name)
    return tmp_path


@pytest.fixture(scope="module")
def cluster():
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster


def run_apart(world, target, limit=0):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.testing.products", str(world), str(target), str(limit)],
        cwd=PROJECT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for_marks(folder, number, process=None):
    deadline = time.monotonic() + 120
    while len(list(folder.glob("[0-9]*.json"))) < number:
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None, process.stderr.read()
        time.sleep(0.002)


def test_a_product_equals_the_prediction_of_the_cube(world, finished):
    wanted = plan(world)
    expected = predict_cube(
        wanted.members, wanted.drivers.load(), variable="GPP",
        keep_members=True, quantiles=wanted.quantiles,
    )  # fmt: skip
    product = ProductStore(str(finished)).open()
    for name in expected.data_vars:
        xr.testing.assert_equal(product[name], expected[name])
    assert product["GPP_flag"].attrs["flag_masks"] == [1, 2, 4, 8]
    assert product.attrs["Conventions"] == "CF-1.11"
    assert product["GPP"].attrs["cell_measures"] == "area: cell_area"
    files = [f for f in (finished / "GPP" / "c").rglob("*") if f.is_file()]
    assert len(files) == 12, "the chunks of a region share a file"


def test_two_threads_give_the_same_bytes(world, finished, tmp_path):
    store = ProductStore(str(tmp_path / "GPP.zarr"))
    produce(plan(world, Execution(n_jobs=2), block_rows=100), store)
    assert tree(tmp_path / "GPP.zarr") == tree(finished)


def test_workers_give_the_same_bytes_though_one_is_lost(
    world, finished, cluster, tmp_path, monkeypatch
):
    monkeypatch.setenv(ADDRESS, cluster.scheduler_address)
    store = ProductStore(str(tmp_path / "GPP.zarr"))
    pids = [worker.process.pid for worker in cluster.workers.values()]

    def kill():
        wait_for_marks(tmp_path / "GPP.regions", 3)
        os.kill(pids[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    made = produce(plan(world, Execution(address="tcp://nobody:1")), store)
    killer.join()
    assert made.made == 12
    assert tree(tmp_path / "GPP.zarr") == tree(finished)
    assert tree(tmp_path / "GPP.regions") == tree(finished.with_name("GPP.regions"))


def test_a_killed_run_continues_where_it_stopped(world, finished, tmp_path):
    store = ProductStore(str(tmp_path / "GPP.zarr"))
    run = run_apart(world, store.url)
    try:
        wait_for_marks(tmp_path / "GPP.regions", 4, run)
    finally:
        run.kill()
        run.communicate()
    assert run.returncode == -signal.SIGKILL
    with pytest.raises(InputError, match="an unfinished one"):
        store.open()
    made = produce(plan(world), store)
    assert made.kept >= 4
    assert made.kept + made.made == 12
    assert tree(tmp_path / "GPP.zarr") == tree(finished)


def test_fluxes_share_the_workers_of_this_machine(world, finished, tmp_path):
    from distributed import Client

    first, again = (_workers_here(1) for _ in range(2))
    assert first == again
    here = {process.laddr for process in psutil.Process().net_connections()}
    dashboard = _CLUSTERS[1, Execution().dashboard].scheduler.http_server.port
    assert {place.ip for place in here if place.port == dashboard} == {"127.0.0.1"}
    here = process_and_memory()[1]
    for flux in ("one", "two"):
        store = ProductStore(str(tmp_path / flux / "GPP.zarr"))
        made = produce(plan(world, Execution(local_workers=1)), store)
        assert made.memory > here + 0.1, "the worker's memory is part of it"
        assert tree(tmp_path / flux / "GPP.zarr") == tree(finished)
    assert _workers_here(1) == first
    with Client(first, set_as_default=False) as client:
        assert len(client.nthreads()) == 1, "as many as were asked for"


def test_running_workers_see_replaced_drivers(copy, cluster, tmp_path):
    """The new store may have other chunks: nothing of the old one is cached."""
    execution = Execution(address=cluster.scheduler_address)
    store = ProductStore(str(tmp_path / "other" / "GPP.zarr"))
    produce(plan(copy, execution), store)
    drivers = xr.open_zarr(copy / "drivers.zarr", consolidated=False).load().drop_encoding()
    drivers["ERA5_TA"] = drivers["ERA5_TA"] + 1
    shutil.rmtree(copy / "drivers.zarr")
    encoding = {name: fast_encoding() for name in drivers.data_vars}
    drivers.chunk(time=4, latitude=12).to_zarr(
        copy / "drivers.zarr", zarr_format=3, consolidated=False, encoding=encoding
    )
    assert produce(plan(copy, execution), store).made == 12
    here = ProductStore(str(tmp_path / "here" / "GPP.zarr"))
    produce(plan(copy), here)
    assert tree(tmp_path / "other" / "GPP.zarr") == tree(tmp_path / "here" / "GPP.zarr")


def test_a_killed_run_leaves_no_region_half_written(world, finished, tmp_path):
    """A run killed repeatedly at any moment ends with the same bytes and keeps marked regions."""
    store = ProductStore(str(tmp_path / "GPP.zarr"))
    kept = 0
    for marks in (1, 5, 9):
        run = run_apart(world, store.url)
        try:
            wait_for_marks(tmp_path / "GPP.regions", marks, run)
        finally:
            run.kill()
            run.communicate()
        assert not set(verify(store)), "a mark comes after its objects"
        kept = max(kept, marks)
    made = produce(plan(world), store)
    assert made.kept >= kept
    assert tree(tmp_path / "GPP.zarr") == tree(finished)
    assert tree(tmp_path / "GPP.regions") == tree(finished.with_name("GPP.regions"))


@pytest.mark.parametrize("after", ["GPP/zarr.json", "GPP_member/zarr.json", "zarr.json"])
def test_a_run_killed_in_the_template_starts_again(copy, finished, after):
    shutil.rmtree(copy / "GPP.regions")
    (copy / "GPP.zarr" / after).unlink()
    assert produce(plan(copy), ProductStore(str(copy / "GPP.zarr"))).made == 12
    assert tree(copy / "GPP.zarr") == tree(finished)


def test_nothing_is_made_twice(copy, finished):
    made = produce(plan(copy), ProductStore(str(copy / "GPP.zarr")))
    assert (made.made, made.kept) == (0, 12)
    assert tree(copy / "GPP.zarr") == tree(finished)


def test_rewritten_drivers_with_the_same_bytes_are_the_same(copy, finished):
    for chunk in (copy / "drivers.zarr").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(chunk.read_bytes())
    assert produce(plan(copy), ProductStore(str(copy / "GPP.zarr"))).kept == 12


def test_a_changed_member_makes_all_regions_again(copy, finished):
    write_member(copy, "one", seed=1)
    store = ProductStore(str(copy / "GPP.zarr"))
    assert produce(plan(copy), store).made == 12
    assert tree(copy / "GPP.zarr") != tree(finished)
    assert verify(store) == []


def test_a_changed_setting_makes_all_regions_again(copy):
    store = ProductStore(str(copy / "GPP.zarr"))
    assert produce(plan(copy, quantiles=(0.1, 0.9)), store).made == 12
    np.testing.assert_array_equal(store.open()["quantile"], [0.1, 0.9])
    assert "GPP_member" not in produce_without_members(copy, store)


def produce_without_members(folder, store):
    produce(plan(folder, keep_members=False), store)
    return store.open()


def test_a_changed_input_makes_its_regions_again(copy):
    drivers = xr.open_zarr(copy / "drivers.zarr", consolidated=False).load()
    with zarr.config.set({"array.write_empty_chunks": True}):
        writable = zarr.open_group(copy / "drivers.zarr", mode="r+")
        writable["ERA5_TA"][3:6] = np.nan  # no temperature from April to June
    store = ProductStore(str(copy / "GPP.zarr"))
    before = store.open().load()
    made = produce(plan(copy), store)
    assert (made.made, made.kept) == (4, 8)
    after = store.open().load()
    same = [0, 1, 2, 6, 7, 8, 9, 10, 11]
    xr.testing.assert_equal(before.isel(time=same), after.isel(time=same))
    assert after["GPP"].isel(time=slice(3, 6)).isnull().all()
    land = (drivers["IGBP"] > 0).to_numpy()
    assert (after["GPP_flag"].isel(time=4).to_numpy()[land] & 5 == 5).all()


def test_drivers_that_lose_a_chunk_make_no_empty_months(copy, tmp_path):
    (copy / "drivers.zarr" / "ERA5_TA" / "c" / "1" / "0" / "0").unlink()
    store = ProductStore(str(tmp_path / "other" / "GPP.zarr"))
    lost = r"drivers\.zarr: ERA5_TA, chunk c/1/0/0: expected a whole chunk .* found no such file"
    with pytest.raises(InputError, match=lost):
        produce(plan(copy), store)
    assert store.status() == "unfinished"


@dataclass(frozen=True)
class Replacing(Execution):
    """Writes another chunk of the drivers over the first one after a region."""

    chunk: str = ""

    def run(self, work, shared, items):
        drivers = Path(shared.drivers.url)
        for result in super().run(work, shared, items):
            content = (drivers / self.chunk).read_bytes()
            (drivers / "ERA5_TA/c/0/0/0").write_bytes(content)
            yield result


def test_regions_of_drivers_that_are_replaced_meanwhile_lose_their_marks(copy, tmp_path):
    store = ProductStore(str(tmp_path / "other" / "GPP.zarr"))
    chunk = copy / "drivers.zarr" / "ERA5_TA/c/0/0/0"
    before, halves = chunk.read_bytes(), {"time": 6}
    with pytest.raises(InputError, match="expected drivers that stay the same"):
        produce(plan(copy, Replacing(chunk="ERA5_TA/c/3/0/0"), regions=halves), store)
    assert not [mark for mark in store.marks().values() if "objects" in mark]
    chunk.write_bytes(before)
    the_same = Replacing(chunk="ERA5_TA/c/0/0/0")
    assert produce(plan(copy, the_same, regions=halves), store).made == 2
    assert store.damaged() == []


def test_no_file_of_a_product_is_lost_cut_or_changed_unnoticed(copy, finished):
    """Every file of the store and of the template's marks, and random bits of random ones."""
    store = ProductStore(str(copy / "GPP.zarr"))
    files = [file for file in sorted((copy / "GPP.zarr").rglob("*")) if file.is_file()]
    files += [copy / "GPP.regions" / name for name in ("template.json", "group.json")]
    rng = np.random.default_rng(0)
    harms = [(file, ("lost", "cut")[i % 2]) for i, file in enumerate(files)]
    harms += [(file, "bit") for file in rng.choice(files, 60)]
    assert store.damaged() == []
    for file, harm in harms:
        content = file.read_bytes()
        changed = bytearray(content)
        changed[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        file.unlink()
        if harm != "lost":
            file.write_bytes(changed if harm == "bit" else content[: rng.integers(len(content))])
        with pytest.raises(InputError, match=r"GPP\.zarr: .* the same run again") as caught:
            store.open()
        if "c" in file.parts:
            field, *chunk = file.relative_to(copy / "GPP.zarr").parts
            assert f"GPP.zarr: {field}, chunk {'/'.join(chunk)}: expected" in str(caught.value)
        file.write_bytes(content)
    assert store.damaged() == []


def test_lost_marks_are_noticed(copy):
    store = ProductStore(str(copy / "GPP.zarr"))
    (copy / "GPP.regions" / "5-1-0.json").unlink()
    with pytest.raises(InputError, match="marks of regions: expected a product that agrees"):
        store.open()
    shutil.rmtree(copy / "GPP.regions")
    with pytest.raises(InputError, match="FileNotFoundError"):
        store.open()
    assert store.open(verified=False).sizes["time"] == 12


def test_a_corrupt_chunk_is_made_again(copy, finished, caplog):
    chunk = copy / "GPP.zarr" / "GPP_std" / "c" / "5" / "1" / "0"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    store = ProductStore(str(copy / "GPP.zarr"))
    assert verify(store) == ["5-1-0"]
    made = produce(plan(copy), store)
    assert (made.made, made.kept) == (1, 11)
    assert "region 5-1-0: its files do not match their checksums" in caplog.text
    assert tree(copy / "GPP.zarr") == tree(finished)


def test_a_damaged_mark_is_ignored(copy, finished):
    (copy / "GPP.regions" / "2-0-0.json").write_text('{"fingerprint": "')
    assert produce(plan(copy), ProductStore(str(copy / "GPP.zarr"))).made == 1
    assert tree(copy / "GPP.zarr") == tree(finished)


def test_a_full_disk_keeps_finished_regions(world, finished, tmp_path):
    store = ProductStore(str(tmp_path / "GPP.zarr"))
    sizes = sorted(
        f.stat().st_size for f in (finished / "GPP_member" / "c").rglob("*") if f.is_file()
    )
    run = run_apart(world, store.url, limit=sizes[len(sizes) // 2])
    _, log = run.communicate()
    assert run.returncode != 0
    assert "expected room for the product" in log
    assert "regions are finished and kept" in log
    with pytest.raises(InputError, match="an unfinished one"):
        store.open()
    produce(plan(world), store)
    assert tree(tmp_path / "GPP.zarr") == tree(finished)


@pytest.mark.skipif(not os.path.isdir("/sys/kernel"), reason="no place that even root cannot write")
def test_a_read_only_folder_is_an_error(world):
    with pytest.raises(InputError, match=r"/sys/kernel.*a folder that can be written"):
        produce(plan(world), ProductStore("/sys/kernel/GPP.zarr"))


def test_an_absent_or_unfinished_product_is_refused(copy):
    with pytest.raises(InputError, match="expected a finished product; found none"):
        ProductStore(str(copy / "H.zarr")).open()
    store = ProductStore(str(copy / "GPP.zarr"))
    store.set_status("unfinished")
    with pytest.raises(InputError, match="Start the same run again"):
        store.open()


def test_drivers_in_memory_are_identified_by_their_values(copy, tmp_path):
    wanted = plan(copy)
    store = ProductStore(str(tmp_path / "other.zarr"))
    loaded = wanted.drivers.load().drop_encoding()
    changed = loaded.copy(deep=True)
    changed["MODIS_NIRv"][7, 1] += 0.1
    produce(dataclasses.replace(wanted, drivers=loaded), store)
    made = produce(dataclasses.replace(wanted, drivers=changed), store)
    assert (made.made, made.kept) == (1, 11)


@pytest.mark.parametrize("lazily", [True, False])
@pytest.mark.parametrize("through_dask", [True, False])
def test_drivers_changed_since_they_were_opened_are_not_read_from_their_store(
    world, tmp_path, lazily, through_dask
):
    wanted = plan(world, regions={"time": 6}, keep_members=False, quantiles=())
    drivers = wanted.drivers
    if not through_dask:
        drivers = xr.open_dataset(
            world / "drivers.zarr", engine="zarr", chunks=None, cache=False, consolidated=False
        )
    if lazily:
        changed = drivers.assign(MODIS_NIRv=drivers["MODIS_NIRv"] + np.float32(5))
    else:
        changed = drivers.load()
        changed["MODIS_NIRv"][:] += 5
    assert "source" in changed.encoding
    store = ProductStore(str(tmp_path / "GPP.zarr"))
    produce(dataclasses.replace(wanted, drivers=changed), store)
    expected = predict_cube(wanted.members, changed, variable="GPP")
    xr.testing.assert_equal(store.open()["GPP"].load(), expected["GPP"])


def test_another_variable_in_the_place_of_a_driver_is_read(world, tmp_path):
    wanted = plan(world, regions={"time": 6}, keep_members=False, quantiles=())
    swapped = wanted.drivers.assign(MODIS_NIRv=wanted.drivers["ERA5_TA"])
    store = ProductStore(str(tmp_path / "GPP.zarr"))
    produce(dataclasses.replace(wanted, drivers=swapped), store)
    expected = predict_cube(wanted.members, swapped, variable="GPP")
    xr.testing.assert_equal(store.open()["GPP"].load(), expected["GPP"])


def test_a_url_is_enough(world, finished, monkeypatch):
    s3fs = pytest.importorskip("s3fs")
    server_module = pytest.importorskip("moto.server")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options = {
            "key": "k",
            "secret": "s",
            "client_kwargs": {"endpoint_url": f"http://{host}:{port}"},
        }
        s3fs.S3FileSystem(**options).mkdir("fluxes")
        settings = {"regions": {"time": 6}, "keep_members": False, "quantiles": ()}
        store = ProductStore("s3://fluxes/europe/GPP.zarr", options)
        assert produce(plan(world, **settings), store).made == 2
        fields = ["GPP", "GPP_std", "GPP_n_members", "GPP_flag"]
        here = ProductStore(str(finished)).open()
        xr.testing.assert_equal(store.open()[fields].load(), here[fields].load())
        store.unmark("1-0-0")
        store.set_status("unfinished")
        made = produce(plan(world, **settings), store)
        assert (made.made, made.kept) == (1, 1)
        assert store.status() == "finished"
    finally:
        server.stop()


def test_a_mark_holds_checksums_and_fingerprint(finished):
    mark = json.loads((finished.with_name("GPP.regions") / "0-0-0.json").read_text())
    assert set(mark) == {"fingerprint", "objects", "cells", "outside"}
    assert {key.split("/")[0] for key in mark["objects"]} == {
        "GPP", "GPP_std", "GPP_n_members", "GPP_flag", "GPP_quantile", "GPP_member",
    }  # fmt: skip
