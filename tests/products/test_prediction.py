from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from xgboost import XGBRegressor

from tests.testing.drivers import Sum, make_drivers
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.products.prediction import predict_cube
from uflux_kedro.variables import VARIABLES


@pytest.fixture
def drivers():
    return make_drivers()


@pytest.fixture
def members():
    return {
        "a": Sum("ERA5_TA", "MODIS_NIRv"),
        "b": Sum("ERA5_TA", "Latitude", "DoY_sin", "IGBP", "Year", weights=[1, 2, 3, 4, 0.5]),
        "c": Sum("Latitude"),
    }


def expected_members(drivers):
    """Predictions of the fixture's members, computed by xarray."""
    land = drivers["IGBP"] > 0
    a = drivers["ERA5_TA"] + drivers["MODIS_NIRv"]
    b = (
        drivers["ERA5_TA"]
        + 2 * drivers["Latitude"]
        + 3 * drivers["DoY_sin"]
        + 4 * drivers["IGBP"]
        + 0.5 * drivers["Year"]
    )
    c = drivers["Latitude"].broadcast_like(drivers["ERA5_TA"])
    stack = xr.concat([a, b, c], "member").where(land)
    return stack.transpose("member", "time", "latitude", "longitude")


def test_members_mean_spread_and_number(drivers, members):
    cube = predict_cube(members, drivers, variable="GPP", keep_members=True)
    expected = expected_members(drivers)
    kwargs = {"rtol": 1e-5, "atol": 1e-4}
    np.testing.assert_allclose(cube["GPP_member"], expected, **kwargs)
    np.testing.assert_allclose(cube["GPP"], expected.mean("member"), **kwargs)
    several = expected.count("member") > 1
    np.testing.assert_allclose(cube["GPP_std"], expected.std("member").where(several), **kwargs)
    np.testing.assert_array_equal(cube["GPP_n_members"], expected.count("member"))
    assert list(cube["member"].values) == ["a", "b", "c"]


def test_only_land_with_all_predictors_is_predicted(drivers, members):
    cube = predict_cube(members, drivers, variable="GPP")
    water = (drivers["IGBP"] == 0).broadcast_like(cube["GPP"])
    assert np.isnan(cube["GPP"].values[water.transpose(*cube["GPP"].dims).values]).all()
    n_land = int((drivers["IGBP"] > 0).sum()) * 12
    assert [sum(m.rows) for m in members.values()] == [n_land - 12 - 1, n_land - 12, n_land]
    # Without air temperature one member remains, so there is no spread.
    lone = cube.isel(latitude=4, longitude=3)
    assert (lone["GPP_n_members"] == 1).all()
    assert lone["GPP"].notnull().all()
    assert lone["GPP_std"].isnull().all()
    # Without NIRv in one month, two members remain in that month.
    assert (
        cube["GPP_n_members"].isel(latitude=5, longitude=5).values.tolist() == [3, 3, 2] + [3] * 9
    )


def test_a_cell_that_no_member_can_predict_is_nan(drivers):
    cube = predict_cube({"a": Sum("ERA5_TA")}, drivers, variable="H")
    assert np.isnan(cube["H"].values[:, 4, 3]).all()
    assert (cube["H_n_members"].values[:, 4, 3] == 0).all()


def test_infinite_drivers_are_missing(drivers):
    drivers["MODIS_NIRv"][0, 0, 1] = np.inf
    cube = predict_cube({"a": Sum("MODIS_NIRv")}, drivers, variable="GPP")
    assert np.isnan(cube["GPP"].values[0, 0, 1])


@settings(max_examples=10, deadline=None)
@given(block_rows=st.integers(1, 2000), n_jobs=st.sampled_from([1, 2]), steps=st.integers(1, 15))
def test_neither_blocks_nor_jobs_nor_chunks_change_anything(block_rows, n_jobs, steps):
    drivers = make_drivers()
    X = np.random.default_rng(0).normal(size=(100, 2)).astype("float32")
    booster = XGBRegressor(n_estimators=3, n_jobs=1).fit(X, X[:, 0])
    booster.predictors = ("ERA5_TA", "MODIS_NIRv")
    members = {"booster": booster, "sum": Sum("ERA5_TA", "IGBP")}
    expected = predict_cube(members, drivers, variable="LE", keep_members=True)
    found = predict_cube(
        members, drivers.chunk(time=steps, latitude=4), variable="LE", keep_members=True,
        block_rows=block_rows, n_jobs=n_jobs,
    )  # fmt: skip
    xr.testing.assert_identical(found.compute(), expected)


def test_lazy_drivers_are_predicted_chunk_by_chunk(drivers):
    member = Sum("Latitude")
    predict_cube({"a": member}, drivers.chunk(time=5), variable="GPP", block_rows=10**6)
    land = int((drivers["IGBP"] > 0).sum())
    assert member.rows == [5 * land, 5 * land, 2 * land]


def test_order_of_dimensions_does_not_matter(drivers, members):
    turned = drivers.transpose("longitude", "time", "latitude", "bnds")
    xr.testing.assert_allclose(
        predict_cube(members, turned, variable="GPP"),
        predict_cube(members, drivers, variable="GPP"),
    )


def test_a_descending_latitude_keeps_its_places(drivers, members):
    turned = predict_cube(members, drivers.isel(latitude=slice(None, None, -1)), variable="GPP")
    xr.testing.assert_allclose(
        turned.sortby("latitude"), predict_cube(members, drivers, variable="GPP")
    )


def test_mask_limits_the_cells(drivers, members):
    mask = (drivers["latitude"] > 0) & (drivers["longitude"] > 0)
    cube = predict_cube(members, drivers, variable="GPP", mask=mask)
    whole = predict_cube(members, drivers, variable="GPP")
    xr.testing.assert_identical(cube["GPP"], whole["GPP"].where(mask).astype("float32"))
    with pytest.raises(InputError, match=r"mask.*grid of the drivers"):
        predict_cube(members, drivers, variable="GPP", mask=mask.isel(latitude=slice(3)))


def test_attributes_and_types(drivers, members):
    cube = predict_cube(members, drivers, variable="GPP", keep_members=True)
    gpp = cube["GPP"]
    assert gpp.attrs["units"] == "gC m-2 d-1"
    assert gpp.attrs["standard_name"] == VARIABLES["GPP"].standard_name
    assert gpp.attrs["ancillary_variables"].split() == ["GPP_std", "GPP_n_members", "GPP_flag"]
    assert {cube[name].dtype for name in ("GPP", "GPP_std", "GPP_member")} == {np.dtype("float32")}
    xr.testing.assert_equal(cube["time_bnds"], drivers["time_bnds"])


def test_missing_inputs_are_named(drivers, members):
    with pytest.raises(InputError, match=r"MODIS_NIRv: expected a predictor of a; found.*ERA5_TA"):
        predict_cube(members, drivers.drop_vars("MODIS_NIRv"), variable="GPP")
    with pytest.raises(InputError, match="IGBP: expected land cover classes"):
        predict_cube({"c": Sum("Latitude")}, drivers.drop_vars("IGBP"), variable="GPP")
    with pytest.raises(InputError, match="latitude: expected a coordinate"):
        predict_cube(members, drivers.rename(latitude="lat"), variable="GPP")
    with pytest.raises(ConfigurationError, match="one or more members"):
        predict_cube({}, drivers, variable="GPP")


def test_a_cube_without_land_is_all_nan(drivers, members):
    drivers["IGBP"] = drivers["IGBP"] * 0
    cube = predict_cube(members, drivers, variable="GPP")
    assert cube["GPP"].isnull().all()
    assert (cube["GPP_n_members"] == 0).all()
