"""Flags and quantiles of the kernel, and its grids in a projection."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.testing.drivers import Sum, make_drivers
from uflux_kedro.products import kernel
from uflux_kedro.products.fields import INCOMPLETE, NO_LAND, NO_MEMBER, OUTSIDE
from uflux_kedro.products.kernel import quantiles_of
from uflux_kedro.products.prediction import predict_cube


class Trained(Sum):
    """A member with a training range."""

    def __init__(self, *predictors, low, high):
        super().__init__(*predictors)
        self.card = {"predictors": {name: {"min": low, "max": high} for name in predictors}}


def test_missing_and_unusual_predictors_are_flagged():
    drivers = make_drivers()
    members = {"a": Trained("ERA5_TA", low=-5, high=15), "b": Sum("MODIS_NIRv")}
    cube = predict_cube(members, drivers, variable="GPP")
    flag = cube["GPP_flag"]
    water = (drivers["IGBP"] == 0).broadcast_like(flag).transpose(*flag.dims)
    assert (flag.values[water] == NO_LAND).all()
    land, ta = ~water.values, drivers["ERA5_TA"].values
    outside = (ta < -5) | (ta > 15)
    assert ((flag.values[land] & OUTSIDE > 0) == outside[land]).all()
    lacked = np.isnan(ta) | np.isnan(drivers["MODIS_NIRv"].values)
    assert ((flag.values[land] & INCOMPLETE > 0) == lacked[land]).all()
    assert not (flag.values[land] & NO_MEMBER).any()
    alone = predict_cube({"a": members["a"]}, drivers, variable="GPP")["GPP_flag"]
    assert (alone.isel(latitude=4, longitude=3) == INCOMPLETE + NO_MEMBER).all()


def test_each_flag_has_its_meaning():
    attrs = predict_cube({"a": Sum("ERA5_TA")}, make_drivers(), variable="H")["H_flag"].attrs
    assert len(attrs["flag_meanings"].split()) == len(attrs["flag_masks"]) == 4
    assert attrs["flag_masks"].dtype == np.int8


def test_a_suspicious_unit_is_warned_of_once(caplog):
    kernel._warn_of_unit.cache_clear()
    member = {"a": Trained("ERA5_TA", low=263, high=303)}  # kelvin
    for _ in range(2):
        predict_cube(member, make_drivers(), variable="GPP")
    assert caplog.text.count("ERA5_TA: more than half") == 1


@given(
    arrays.arrays(
        np.float32, (6, 5), elements=st.one_of(st.just(np.nan), st.floats(-100, 100, width=32))
    ),
    st.lists(st.floats(0, 1), min_size=1, max_size=3),
)
@pytest.mark.filterwarnings("ignore:All-NaN slice")
def test_quantiles_are_those_of_numpy(block, quantiles):
    count = np.isfinite(block).sum(axis=0)
    found = quantiles_of(block, count, quantiles)
    expected = np.nanquantile(block.astype(float), quantiles, axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_a_projection_has_its_own_axes():
    drivers = make_drivers()
    turned = drivers.rename(latitude="y", longitude="x")
    members = {"a": Sum("ERA5_TA", "Latitude"), "b": Sum("MODIS_NIRv")}
    found = predict_cube(members, turned, variable="LE", quantiles=(0.5,))
    expected = predict_cube(members, drivers, variable="LE", quantiles=(0.5,))
    xr.testing.assert_equal(found.rename(y="latitude", x="longitude"), expected)
    assert found["LE"].dims == ("time", "y", "x")
