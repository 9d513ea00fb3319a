"""Products with intervals: their fields, their marks and what is made of them."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import replace

import netCDF4
import numpy as np
import pytest
import xarray as xr

from tests.testing.drivers import Sum, make_drivers
from tests.testing.products import plan, tree, write_world
from tests.testing.uncertainty import NearTowers
from uflux_kedro.errors import InputError
from uflux_kedro.execution.engine import Execution
from uflux_kedro.products.cf import finish_product, write_netcdf
from uflux_kedro.products.derived import evapotranspiration
from uflux_kedro.products.fields import INAPPLICABLE, NO_LAND
from uflux_kedro.products.geotiff import write_geotiffs
from uflux_kedro.products.prediction import predict_cube
from uflux_kedro.products.production import produce, verify
from uflux_kedro.products.store import ProductStore

FIELDS = ("lower", "upper", "completeness")


@pytest.fixture
def warm(tmp_path):
    """Towers at 8 and 12 degC; a cell within three degrees of them is like them."""
    return NearTowers.write(tmp_path / "warm.json", "ERA5_TA", [8, 12], reach=3)


def test_intervals_widen_and_completeness_falls_away_from_the_towers(warm):
    drivers = make_drivers()
    members = {"a": Sum("ERA5_TA"), "b": Sum("ERA5_TA", "MODIS_NIRv")}
    cube = predict_cube(members, drivers, variable="GPP", uncertainty=warm, block_rows=100)
    ta = drivers["ERA5_TA"]
    far = np.minimum(abs(ta - 8), abs(ta - 12))
    half = (1 + far + cube["GPP_std"].fillna(0)).where(cube["GPP"].notnull())
    kwargs = {"rtol": 1e-5, "atol": 1e-4}
    np.testing.assert_allclose(cube["GPP"] - cube["GPP_lower"], half, **kwargs)
    np.testing.assert_allclose(cube["GPP_upper"] - cube["GPP"], half, **kwargs)
    known = cube["GPP"].notnull()
    near = (abs(ta - 8) <= 3).astype(float) + (abs(ta - 12) <= 3)
    np.testing.assert_allclose(cube["GPP_completeness"], (near / (near + 1)).where(known))
    outside = (cube["GPP_flag"] & INAPPLICABLE) > 0
    np.testing.assert_array_equal(outside, (near == 0) & known)
    assert 0 < outside.sum() < known.sum()


def test_what_is_asked_of_the_uncertainty(tmp_path):
    """Rows with a prediction, with one member's spread or a predictor missing, never infinite."""
    nirv = NearTowers.write(tmp_path / "nirv.json", "MODIS_NIRv", [0.2, 0.3], reach=0.1)
    drivers = make_drivers()
    drivers["MODIS_NIRv"][1, 5, 5] = np.inf
    drivers["ERA5_TA"][:, 4, 3] = np.nan
    cube = predict_cube({"a": Sum("ERA5_TA")}, drivers, variable="LE", uncertainty=nirv)
    land = drivers["IGBP"] > 0
    assert nirv.rows == [int((land & drivers["ERA5_TA"].notnull()).sum())]
    assert cube["LE_std"].isnull().all(), "one member has no spread"
    # A missing predictor of the uncertainty leaves the flux and its interval, as in this class.
    some = cube.isel(time=[1, 2], latitude=5, longitude=5)
    assert some["LE_completeness"].isnull().all()
    np.testing.assert_allclose(some["LE_upper"] - some["LE_lower"], 2, rtol=1e-4)
    assert (some["LE_flag"] == 0).all()
    for name in FIELDS:  # no member: no interval
        assert cube[f"LE_{name}"].isel(latitude=4, longitude=3).isnull().all()


def test_intervals_change_nothing_else(warm):
    drivers = make_drivers()
    members = {"a": Sum("Latitude"), "b": Sum("MODIS_NIRv")}
    plain = predict_cube(members, drivers, variable="H", keep_members=True)
    cube = predict_cube(members, drivers, variable="H", keep_members=True, uncertainty=warm)
    assert {*cube.data_vars} - {*plain.data_vars} == {f"H_{name}" for name in FIELDS}
    kept = [name for name in plain.data_vars if name != "H_flag"]
    xr.testing.assert_equal(cube[kept], plain[kept])
    np.testing.assert_array_equal(cube["H_flag"] & ~INAPPLICABLE, plain["H_flag"])


def test_water_has_no_interval(warm):
    drivers = make_drivers()
    drivers["IGBP"] = drivers["IGBP"] * 0
    cube = predict_cube({"a": Sum("Latitude")}, drivers, variable="GPP", uncertainty=warm)
    assert warm.rows == []
    assert (cube["GPP_flag"] == NO_LAND).all()
    for name in FIELDS:
        assert cube[f"GPP_{name}"].dtype == np.float32
        assert cube[f"GPP_{name}"].isnull().all()


def test_attributes_say_what_the_fields_are(warm):
    cube = predict_cube({"a": Sum("ERA5_TA")}, make_drivers(), variable="GPP", uncertainty=warm)
    assert cube["GPP"].attrs["ancillary_variables"].split()[3:] == [f"GPP_{n}" for n in FIELDS]
    lower, upper, completeness = (cube[f"GPP_{n}"].attrs for n in FIELDS)
    about = "bound of the 90 % interval of unseen towers: gross primary productivity"
    assert (lower["long_name"], upper["long_name"]) == (f"lower {about}", f"upper {about}")
    assert lower["units"] == upper["units"] == "gC m-2 d-1"
    assert lower["cell_methods"] == "time: mean"
    assert completeness["units"] == "1"
    flags = cube["GPP_flag"].attrs
    masks = dict(zip(flags["flag_meanings"].split(), flags["flag_masks"].tolist(), strict=True))
    assert masks["outside_area_of_applicability"] == INAPPLICABLE == 16
    assert len(masks) == 5


def test_a_predictor_of_the_uncertainty_alone_is_needed_too(warm):
    drivers = make_drivers().drop_vars("ERA5_TA")
    with pytest.raises(InputError, match="ERA5_TA: expected a predictor of the uncertainty"):
        predict_cube({"a": Sum("Latitude")}, drivers, variable="GPP", uncertainty=warm)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    write_world(folder)
    # No member has the year: it is read for the uncertainty.
    NearTowers.write(folder / "uncertainty.json", "Year", [2001, 2002], reach=0.5)
    return folder


def wanted(world, **settings):
    settings = {"regions": {"time": 6}, "quantiles": (), "keep_members": False} | settings
    asked = plan(world, uncertainty=NearTowers(world / "uncertainty.json"), **settings)
    return replace(asked, chunks={})  # one chunk per region


@pytest.fixture(scope="module")
def finished(world):
    store = ProductStore(str(world / "GPP.zarr"))
    assert produce(wanted(world), store).made == 2
    return store


@pytest.fixture
def copy(world, finished, tmp_path):
    shutil.copytree(world, tmp_path / "world")
    return tmp_path / "world"


def test_a_product_has_the_fields_of_the_cube(world, finished):
    asked = wanted(world)
    product = finished.open().load()
    cube = predict_cube(
        asked.members, asked.drivers.load(), variable="GPP", uncertainty=asked.uncertainty
    )
    for name in cube.data_vars:
        xr.testing.assert_equal(product[name], cube[name])
    assert product["GPP_completeness"].max() == 0.5
    assert product["GPP_lower"].attrs["units"] == "g m-2 d-1"
    mark = finished.marks()["1-0-0"]
    assert {f"GPP_{name}/c/1/0/0" for name in FIELDS} <= set(mark["objects"])
    assert verify(finished) == []


def test_the_record_says_what_the_interval_means(world, finished):
    checksum = wanted(world).uncertainty.card["checksum"]
    record = json.loads((world / "GPP.stac.json").read_text())["properties"]
    for found in (finished.open().attrs, {k.partition(":")[2]: v for k, v in record.items()}):
        about = json.loads(found["uncertainty"])
        assert about["level"] == 0.9
        assert "90 % of the values at towers that no model was trained on" in about["interval"]
        assert about["completeness"].startswith("n / (n + n0)")
        assert json.loads(found["input_checksums"])["uncertainty"] == checksum


class Sent(Execution):
    """Work that every worker gets as bytes."""

    def run(self, work, shared, items):
        return super().run(work, pickle.loads(pickle.dumps(shared)), items)


def test_neither_blocks_nor_workers_change_the_bytes(world, finished, tmp_path):
    expected = tree(world / "GPP.zarr")
    store = ProductStore(str(tmp_path / "GPP.zarr"))
    produce(wanted(world, execution=Sent(n_jobs=2), block_rows=100), store)
    assert tree(tmp_path / "GPP.zarr") == expected


def test_only_missing_regions_are_made(copy, finished):
    store = ProductStore(str(copy / "GPP.zarr"))
    lost = copy / "GPP.zarr" / "GPP_upper" / "c" / "0" / "0" / "0"
    lost.unlink()
    made = produce(wanted(copy), store)
    assert (made.made, made.kept) == (1, 1)
    assert tree(copy / "GPP.zarr") == tree(copy.parent / "world" / "GPP.zarr")
    assert lost.is_file()


def test_another_uncertainty_makes_all_regions_again(copy):
    store = ProductStore(str(copy / "GPP.zarr"))
    before = store.open()["GPP_upper"].load()
    NearTowers.write(copy / "uncertainty.json", "Year", [2001, 2002], reach=0.5, width=2.0)
    made = produce(wanted(copy), store)
    assert (made.made, made.kept) == (2, 0)
    np.testing.assert_allclose(store.open()["GPP_upper"], before + 1, rtol=1e-5)
    assert produce(replace(wanted(copy), uncertainty=None), store).made == 2
    assert "GPP_upper" not in store.open()
    assert "uncertainty" not in store.open().attrs


def test_drivers_of_the_uncertainty_are_part_of_the_fingerprint(copy):
    drivers = xr.open_zarr(copy / "drivers.zarr", consolidated=False).load().drop_encoding()
    shutil.rmtree(copy / "drivers.zarr")
    drivers["Year"] = drivers["Year"] + 1
    drivers.chunk(time=3).to_zarr(copy / "drivers.zarr", zarr_format=3, consolidated=False)
    other = produce(wanted(copy), ProductStore(str(copy / "GPP.zarr")))
    assert other.made == 2


def test_the_netcdf_file_has_them_as_cf_asks(finished, tmp_path):
    product = finished.open()
    write_netcdf(product, tmp_path / "GPP.nc")
    with netCDF4.Dataset(tmp_path / "GPP.nc") as file:
        assert file["GPP"].ancillary_variables.split()[-3:] == [f"GPP_{name}" for name in FIELDS]
        for name in FIELDS:
            found = file[f"GPP_{name}"]
            assert found.dtype == np.float32
            assert found.dimensions == ("time", "latitude", "longitude")
            assert found.grid_mapping == "crs"
            assert found.cell_measures == "area: cell_area"
            assert found._FillValue == np.float32(-9999)
        assert file["GPP_flag"].flag_masks.dtype == np.int8
        assert file["GPP_flag"].flag_masks.tolist() == [1, 2, 4, 8, 16]
    with xr.open_dataset(tmp_path / "GPP.nc") as read:
        for name in FIELDS:
            xr.testing.assert_equal(read[f"GPP_{name}"], product[f"GPP_{name}"])
        assert json.loads(read.attrs["uncertainty"])["level"] == 0.9


def test_et_has_the_interval_of_le(warm):
    drivers = make_drivers()
    members = {"a": Sum("ERA5_TA"), "b": Sum("ERA5_TA", "MODIS_NIRv")}
    latent = predict_cube(members, drivers, variable="LE", uncertainty=warm)
    water = evapotranspiration(latent, drivers["ERA5_TA"])
    ratio = latent["LE_lower"] / latent["LE"]
    np.testing.assert_allclose(water["ET_lower"] / water["ET"], ratio, rtol=1e-4)
    land = water["ET"].notnull()
    assert (water["ET_upper"].where(land) >= water["ET"]).sum() == land.sum()
    xr.testing.assert_equal(
        water["ET_completeness"].drop_attrs(), latent["LE_completeness"].drop_attrs()
    )
    assert water["ET_lower"].attrs["long_name"] == (
        "lower bound of the 90 % interval of unseen towers: evapotranspiration"
    )
    assert water["ET_upper"].attrs["units"] == "mm d-1"
    assert water["ET"].attrs["ancillary_variables"] == "ET_lower ET_upper ET_completeness"


def test_in_a_projection_each_field_has_its_geotiffs(warm, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    drivers = make_drivers().isel(time=slice(1), latitude=slice(4), longitude=slice(6))
    axes = {"y": 2_900_050 + 100 * np.arange(4.0), "x": 4_200_050 + 100 * np.arange(6.0)}
    drivers = drivers.rename(latitude="y", longitude="x").assign_coords(axes)
    cube = predict_cube({"a": Sum("ERA5_TA")}, drivers, variable="LE", uncertainty=warm)
    product = finish_product(
        cube.assign_attrs(crs="EPSG:3035"), title="LE", members=["a"], parameters={}, checksums={}
    )
    files = {file.name for file in write_geotiffs(product, tmp_path / "LE")}
    assert {f"LE_{name}_2001-01-01.tif" for name in FIELDS} < files
    with rasterio.open(tmp_path / "LE" / "LE_upper_2001-01-01.tif") as file:
        np.testing.assert_array_equal(file.read(1)[::-1], product["LE_upper"][0])
        assert file.tags()["long_name"].startswith("upper bound of the 90 % interval")
