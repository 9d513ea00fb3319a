from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from uflux_kedro.biophysics.vegetation_indices import evi, evi2, kndvi, ndvi, nirv

reflectances = st.floats(0, 1)


def test_against_hand_computed_values():
    NIR, RED, BLUE = 0.4, 0.1, 0.05
    assert ndvi(NIR, RED) == pytest.approx(0.6)
    assert nirv(NIR, RED) == pytest.approx(0.24)
    assert kndvi(NIR, RED) == pytest.approx(np.tanh(0.36))
    assert evi(NIR, RED, BLUE) == pytest.approx(2.5 * 0.3 / (0.4 + 0.6 - 0.375 + 1))
    assert evi2(NIR, RED) == pytest.approx(2.5 * 0.3 / (0.4 + 0.24 + 1))


@given(reflectances, reflectances)
def test_bounds(NIR, RED):
    if NIR + RED > 0:
        assert -1 <= ndvi(NIR, RED) <= 1
        assert 0 <= kndvi(NIR, RED) <= np.tanh(1)
        assert abs(nirv(NIR, RED)) <= NIR
        assert np.sign(ndvi(NIR, RED)) == np.sign(evi2(NIR, RED))
    assert -1 <= evi2(NIR, RED) <= 1.25


@given(st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0.1, 10))
def test_ndvi_does_not_depend_on_brightness(NIR, RED, factor):
    assert ndvi(factor * NIR, factor * RED) == pytest.approx(ndvi(NIR, RED))


def test_no_value_without_light():
    with np.errstate(all="raise"):
        assert np.isnan(ndvi(0.0, 0.0))
        assert np.isnan(nirv(-0.01, 0.005))


def test_retrieval_noise_below_zero_does_not_leave_the_range():
    assert ndvi(0.3, -0.01) == 1
    assert ndvi(-0.01, 0.3) == -1


def test_evi_is_missing_over_clouds():
    assert np.isnan(evi(0.5, 0.5, 0.9))
    assert np.isnan(evi(0.5, 0.5, 0.6))  # the denominator is 0


def test_labels_and_gaps_stay():
    NIR = xr.DataArray([0.4, np.nan, 0.3], dims="cell", coords={"cell": list("abc")})
    RED = xr.DataArray([0.1, 0.1, np.nan], dims="cell", coords={"cell": list("abc")})
    found = nirv(NIR.chunk(cell=1), RED.chunk(cell=1))
    assert found.chunks == ((1, 1, 1),)
    assert list(found.cell.values) == list("abc")
    np.testing.assert_array_equal(np.isnan(found), [False, True, True])
