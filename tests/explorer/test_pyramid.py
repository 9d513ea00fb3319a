"""Overviews of a store: means by area, missing cells, and the cells themselves unchanged."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from tests.testing.small_maps import small_product
from uflux_kedro.explorer import pyramid, write_pyramid
from uflux_kedro.explorer.grid import areas_of_cells


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of eight cells, of which a block holds two along each side, and of two periods."""
    monkeypatch.setattr(pyramid, "_CHUNK", 8)
    monkeypatch.setattr(pyramid, "_PERIODS", 2)
    monkeypatch.setattr(pyramid, "_BLOCK_LEVEL", 1)


def level(folder, number: int) -> xr.Dataset:
    return xr.open_zarr(folder, group=str(number), consolidated=False)


def weights(product: xr.Dataset, number: int) -> np.ndarray:
    """Return the area with a value of each cell of an overview, added up cell by cell."""
    known = (areas_of_cells(product) * product["GPP"].notnull()).transpose("time", ...).to_numpy()
    periods, rows, columns = known.shape
    side = 2**number
    found = np.zeros((periods, -(-rows // side), -(-columns // side)))
    for row in range(rows):
        for column in range(columns):
            found[:, row // side, column // side] += known[:, row, column]
    return found


def test_overviews_are_means_by_area_of_the_cells_with_a_value(tmp_path, small_chunks):
    product = small_product(rows=18, columns=37)  # odd numbers of cells in the overviews
    fields = {"GPP": product["GPP"], "GPP_member": product["GPP_member"]}
    count = write_pyramid(fields, areas_of_cells(product), tmp_path / "a.zarr")
    assert count == 3
    own = level(tmp_path / "a.zarr", 0)
    np.testing.assert_array_equal(own["GPP"], product["GPP"])
    np.testing.assert_array_equal(own["GPP_member"], product["GPP_member"])
    whole = product["GPP"].weighted(areas_of_cells(product)).mean(("latitude", "longitude"))
    members = (
        product["GPP_member"].weighted(areas_of_cells(product)).mean(("latitude", "longitude"))
    )
    for number in range(1, count + 1):
        one, weight = level(tmp_path / "a.zarr", number), weights(product, number)
        assert one["GPP"].shape == weight.shape
        np.testing.assert_array_equal(one["GPP"].isnull(), weight == 0)
        mean = np.nansum(one["GPP"] * weight, axis=(1, 2)) / weight.sum(axis=(1, 2))
        np.testing.assert_allclose(mean, whole, rtol=1e-6)
        mean = np.nansum(one["GPP_member"] * weight, axis=(2, 3)) / weight.sum(axis=(1, 2))
        np.testing.assert_allclose(mean, members, rtol=1e-6)


def test_an_overview_lies_where_its_cells_lie(tmp_path, small_chunks):
    product = small_product()
    write_pyramid({"GPP": product["GPP"]}, areas_of_cells(product), tmp_path / "a.zarr")
    one = level(tmp_path / "a.zarr", 1)
    np.testing.assert_allclose(one["longitude"][:2], [-170, -150])
    np.testing.assert_allclose(one["latitude"][[0, -1]], [-80, 80])
    np.testing.assert_array_equal(one["time"], product["time"])


def test_the_store_follows_the_convention_for_multiscale_data(tmp_path, small_chunks):
    product = small_product(months=1)
    about = {"simulated": "towers"}
    write_pyramid({"GPP": product["GPP"]}, areas_of_cells(product), tmp_path / "a.zarr", levels=2, attributes=about)  # fmt: skip
    attributes = json.loads((tmp_path / "a.zarr/zarr.json").read_text())["attributes"]
    layout = attributes["multiscales"]["layout"]
    assert [one["asset"] for one in layout] == ["0", "1", "2"]
    assert layout[2]["derived_from"] == "1"
    assert layout[2]["transform"]["scale"] == [2.0, 2.0]
    assert attributes["simulated"] == "towers"


def test_a_screenful_needs_no_overview():
    assert pyramid.overviews(90, 128) == 0
    assert pyramid.overviews(90, 129) == 1
    assert pyramid.overviews(720, 1440) == 4
    assert pyramid.overviews(720, 1440, most=2) == 2


def test_blocks_are_read_one_at_a_time(tmp_path, small_chunks, monkeypatch):
    """No more cells are in memory than a block of 16 x 16 cells and two periods has."""
    product = small_product(rows=36, columns=72, months=3)
    sizes = []
    read = pyramid._Branch._read

    def counted(branch, rows, columns):
        block = read(branch, rows, columns)
        sizes.append(block.values.size)
        return block

    monkeypatch.setattr(pyramid._Branch, "_read", counted)
    lazy = product.chunk({"time": 1, "latitude": 6})
    write_pyramid({"GPP": lazy["GPP"]}, areas_of_cells(lazy), tmp_path / "a.zarr")
    assert max(sizes) == 2 * 16 * 16
    assert sum(sizes) == product["GPP"].size
    np.testing.assert_array_equal(level(tmp_path / "a.zarr", 0)["GPP"], product["GPP"])


def test_the_same_map_has_the_same_bytes_at_any_time(tmp_path, monkeypatch):
    product = small_product()
    found = []
    for now in (1e9, 1.5e9):
        monkeypatch.setattr("gzip.time.time", lambda now=now: now)
        folder = tmp_path / f"{now}.zarr"
        write_pyramid({"GPP": product["GPP"]}, areas_of_cells(product), folder)
        found.append(
            {f.relative_to(folder): f.read_bytes() for f in folder.rglob("*") if f.is_file()}
        )
        np.testing.assert_array_equal(level(folder, 0)["GPP"], product["GPP"])
    assert found[0] == found[1]
