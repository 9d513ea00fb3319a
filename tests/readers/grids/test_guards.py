"""Checks of grids at the limits of what they accept."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.guards import (
    check_bounds,
    lazily_finite,
    lazily_within_bounds,
    normalise_grid,
    open_netcdf,
)
from uflux_kedro.variables import VARIABLES


def grid(latitude, longitude):
    latitude, longitude = np.asarray(latitude), np.asarray(longitude)
    values = np.arange(float(latitude.size * longitude.size)).reshape(latitude.size, -1)
    return xr.Dataset(
        {"TA": (("latitude", "longitude"), values)},
        {"latitude": latitude, "longitude": longitude},
    )


@pytest.mark.parametrize(
    ("name", "step", "low", "high"),
    [
        ("TA", "month", -80, 60),
        ("TA", "day", -80, 60),
        ("SW_IN", "month", 0, 600),
        ("SW_IN", "4 days", 0, 600),
        ("SW_IN", "day", 0, 1500),
        ("SW_IN", "6 hours", 0, 1500),
        ("SW_IN", "3 hours", 0, 1500),
        ("SW_IN", "hour", 0, 1500),
        ("P", "month", 0, 500),
        ("P", "hour", 0, 7200),
        ("LW_IN", "hour", 40, 600),
    ],
)
def test_bounds_give_way_by_a_ten_thousandth_of_their_width(name, step, low, high):
    slack = 1e-4 * (high - low)
    within = np.array([low - 0.99 * slack, high + 0.99 * slack, np.nan])
    assert check_bounds(within, name, "f.nc", "unit", step) is within
    for value in (low - 1.01 * slack, high + 1.01 * slack):
        with pytest.raises(InputError, match=f"{name}: expected {low:g} to {high:g} "):
            check_bounds(np.array([value, np.nan]), name, "f.nc", "unit", step)


def test_what_is_out_of_bounds_is_counted():
    values = np.array([[10.0, 300.0], [-99.0, 250.0]])
    with pytest.raises(InputError, match=r"found -99 to 300 in 3 of 4 values.*'degC'"):
        check_bounds(values, "TA", "f.nc", "degC")


def test_lazy_values_are_checked_when_they_are_computed():
    data = xr.DataArray(da.from_array(np.array([10.0, 1400.0]), chunks=1), dims="time")
    assert lazily_within_bounds(data, VARIABLES["SW_IN"], "f", "W m-2", "hour").compute()[1] == 1400
    checked = lazily_within_bounds(data, VARIABLES["SW_IN"], "f", "W m-2")
    assert checked[0].compute() == 10
    with pytest.raises(InputError, match="found 1400"):
        checked.compute()


def test_a_grid_is_turned_so_that_both_axes_rise():
    turned = normalise_grid(grid([60.0, 0.0, -60.0], [0.0, 90.0, 180.0, 270.0]), "f.nc")
    assert turned.latitude.values.tolist() == [-60, 0, 60]
    assert turned.longitude.values.tolist() == [-180, -90, 0, 90]
    np.testing.assert_array_equal(turned["TA"][0], [10, 11, 8, 9])
    np.testing.assert_array_equal(turned["TA"][2], [2, 3, 0, 1])
    assert turned.latitude.attrs["axis"] == "Y"
    assert turned.longitude.attrs["units"] == "degrees_east"


def test_places_in_single_precision_are_those_of_double_precision():
    axis = np.arange(-1, 1, 0.1, dtype="float32")
    turned = normalise_grid(grid(axis, axis), "f.nc")
    np.testing.assert_array_equal(turned.latitude, np.round(np.arange(-1, 1, 0.1), 5))


@pytest.mark.parametrize(
    ("axis", "values", "message"),
    [
        ("latitude", [-90.0, 0, 90], None),
        ("latitude", [-90.1, 0, 90.1], "-90 to 90 degrees"),
        ("longitude", [-180.0, -60, 60], None),
        ("longitude", [-180.1, -60, 60.1], "-180 to 360 degrees"),
        ("longitude", [120.0, 240, 360], None),
        ("longitude", [120.1, 240.2, 360.3], "-180 to 360 degrees"),
        ("latitude", [1.0, 2], None),
        ("latitude", [1.0], "two values or more"),
        ("latitude", [1.0, 2, 2], "only rise or only fall"),
        ("latitude", [1.0, 2, 1.5], "only rise or only fall"),
        # Steps may differ from the usual one by a twentieth of it, as Gaussian latitudes do.
        ("latitude", [0.0, 1, 2, 3.049], None),
        ("latitude", [0.0, 1, 2, 3.051], "even steps of 1 degrees"),
        ("latitude", [0.0, 1, 2, 2.951], None),
        ("latitude", [0.0, 1, 2, 2.949], "even steps of 1 degrees"),
        ("latitude", [3.051, 2, 1, 0], "even steps of -1 degrees"),
        ("latitude", [0.0, 1, 2, 4], "a step of 2"),
        ("longitude", [0, 1, 2], None),
    ],
)
def test_the_ends_of_what_an_axis_may_be(axis, values, message):
    axes = {"latitude": [0.0, 1], "longitude": [0.0, 1]} | {axis: values}
    if message is None:
        assert normalise_grid(grid(**axes), "f.nc")[axis].size == len(values)
    else:
        with pytest.raises(InputError, match=f"{axis}: expected .*{message}"):
            normalise_grid(grid(**axes), "f.nc")


def test_a_region_over_the_date_line_gets_what_lies_between():
    turned = normalise_grid(grid([0.0, 1], [160.0, 170, 180, 190]), "f.nc")
    assert turned.longitude.values.tolist() == list(range(-180, 180, 10))
    known = turned["TA"].notnull().any("latitude")
    assert turned.longitude.values[known].tolist() == [-180, -170, 160, 170]
    # On a grid round the whole Earth nothing is added.
    assert normalise_grid(grid([0.0, 1], np.arange(0.0, 360, 10)), "f.nc").longitude.size == 36
    # Neighbouring meridians on both sides of 180 degrees are one region.
    assert normalise_grid(grid([0.0, 1], [170.0, 180]), "f.nc").longitude.size == 36


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("scale_factor", 0.0), ("scale_factor", np.nan), ("scale_factor", np.inf), ("add_offset", np.nan)],
)  # fmt: skip
def test_numbers_that_cannot_be_unpacked_are_refused(tmp_path, attribute, value):
    data = grid([0.0, 1], [0.0, 1]).astype("int16")
    data["TA"].attrs[attribute] = value
    data.to_netcdf(tmp_path / "packed.nc")
    with pytest.raises(
        InputError, match=f"TA: expected a {attribute} with which .* found {value:g}"
    ):
        open_netcdf(tmp_path / "packed.nc")


def test_infinite_values_are_missing_and_counted(caplog):
    values = np.array([1.0, np.inf, -np.inf, np.nan], "float32")
    data = xr.DataArray(da.from_array(values, chunks=4), dims="x", name="TA")
    finite = lazily_within_bounds(
        lazily_finite(data, VARIABLES["TA"], "f.nc"), VARIABLES["TA"], "f.nc", "K"
    )
    np.testing.assert_array_equal(finite.to_numpy(), [1, np.nan, np.nan, np.nan])
    assert "f.nc: TA: 2 of 4 values are infinite: set to missing" in caplog.text
