from __future__ import annotations

import warnings

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from uflux_kedro.biophysics.pmodel import (
    REFERENCE_KPHIO,
    iwue,
    light_use_efficiency,
    light_use_efficiency_of_iwue,
)


def pmodel(TA, VPD, PA, CO2, **settings):
    """pyrealm's own class, in its own units: degC, Pa, Pa, ppm."""
    from pyrealm.pmodel import PModel, PModelEnvironment

    arrays = (np.atleast_1d(np.asarray(x, dtype=float)) for x in (TA, VPD, PA, CO2))
    tc, vpd, patm, co2 = np.broadcast_arrays(*arrays)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PModel(PModelEnvironment(tc=tc, vpd=vpd, patm=patm, co2=co2), **settings)


@pytest.fixture(scope="module")
def weather():
    rng = np.random.default_rng(3)
    TA = rng.uniform(-25, 40, 500)
    return TA, rng.uniform(0, 45, 500), rng.uniform(60, 105, 500), rng.uniform(350, 450, 500)


def test_water_use_efficiency_of_a_mild_day():
    assert iwue(20.0, 10.0, 101.3, 400.0) == pytest.approx(76.4, abs=0.05)


@pytest.mark.parametrize(("vpd", "patm", "wrong"), [(10.0, 1013.0, 15.5), (10.0, 101300.0, 10.9)])
def test_pressures_in_hectopascals_would_give_another_number(vpd, patm, wrong):
    # The result of pyrealm for pressures in hPa by mistake; it must differ.
    found = pmodel(20.0, vpd, patm, 400.0).iwue[0]
    assert found == pytest.approx(wrong, abs=0.05)
    assert iwue(20.0, 10.0, 101.3, 400.0) > 4 * found


def test_iwue_is_that_of_pyrealm_to_the_bit(weather):
    TA, VPD, PA, CO2 = weather
    np.testing.assert_array_equal(iwue(*weather), pmodel(TA, VPD * 100, PA * 1000, CO2).iwue)


def test_light_use_efficiency_is_that_of_pyrealm(weather):
    TA, VPD, PA, CO2 = weather
    theirs = pmodel(
        TA,
        VPD * 100,
        PA * 1000,
        CO2,
        method_kphio="temperature",
        method_optchi="prentice14",
        method_jmaxlim="wang17",
        reference_kphio=REFERENCE_KPHIO,
    ).lue
    np.testing.assert_allclose(light_use_efficiency(*weather), theirs, rtol=1e-12)


def test_the_reference_quantum_yield_is_not_pyrealms_default():
    default = pmodel(20.0, 1000.0, 101300.0, 400.0).lue[0]
    found = light_use_efficiency(20.0, 10.0, 101.3, 400.0)
    assert default / found == pytest.approx(1.53, abs=0.005)


def test_deep_cold_counts_as_the_coldest_that_pyrealm_takes():
    np.testing.assert_array_equal(
        iwue(np.array([-60.0, -25.0]), 0.1, 101.3, 400.0), [iwue(-25.0, 0.1, 101.3, 400.0)] * 2
    )
    assert light_use_efficiency(-60.0, 0.1, 101.3, 400.0) == 0


def test_negative_deficit_counts_as_none():
    assert iwue(20.0, -0.5, 101.3, 400.0) == iwue(20.0, 0.0, 101.3, 400.0) == 0


@pytest.mark.filterwarnings("error")
def test_gaps_stay_gaps():
    TA = np.array([20.0, np.nan, 20.0, 20.0, 20.0])
    VPD = np.array([10.0, 10.0, np.nan, 10.0, 10.0])
    PA = np.array([101.3, 101.3, 101.3, np.nan, 101.3])
    CO2 = np.array([400.0, 400.0, 400.0, 400.0, np.nan])
    for formula in (iwue, light_use_efficiency):
        np.testing.assert_array_equal(
            np.isnan(formula(TA, VPD, PA, CO2)), [False, True, True, True, True]
        )
        assert np.isnan(formula(np.nan, 10.0, 101.3, 400.0))


def test_labels_and_laziness_stay():
    TA = xr.DataArray(
        da.full((2, 3, 4), 20.0, chunks=(1, 3, 4), dtype="float32"),
        dims=("time", "latitude", "longitude"),
        coords={"time": [0, 1], "latitude": [1.0, 2.0, 3.0]},
        attrs={"units": "degC"},
    )
    CO2 = xr.DataArray([400.0, 410.0], dims="time", coords={"time": [0, 1]})
    found = iwue(TA, TA * 0 + 10, TA * 0 + 101.3, CO2)
    assert found.dims == TA.dims
    assert found.chunks == TA.chunks
    assert found.attrs == {}
    expected = [iwue(20.0, 10.0, 101.3, c) for c in (400.0, 410.0)]
    np.testing.assert_allclose(found.isel(latitude=0, longitude=0), expected, rtol=1e-6)


@given(st.floats(0, 40), st.floats(0.5, 40), st.floats(60, 105), st.floats(300, 600))
def test_dry_air_makes_plants_thrifty(TA, VPD, PA, CO2):
    moist, dry = iwue(TA, VPD, PA, CO2), iwue(TA, VPD + 1, PA, CO2)
    assert 0 < moist < dry < 5 / 8 * CO2
    efficiency = light_use_efficiency(TA, VPD, PA, CO2)
    assert light_use_efficiency(TA, VPD + 1, PA, CO2) <= efficiency
    assert light_use_efficiency(TA, VPD, PA, CO2 + 10) >= efficiency


def test_iwue_tells_the_co2_of_the_light_use_efficiency(weather):
    TA, VPD, PA, _ = weather
    expected = light_use_efficiency(*weather)
    found = light_use_efficiency_of_iwue(TA, VPD, PA, iwue(*weather).astype("float32"))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    other = light_use_efficiency_of_iwue(TA, VPD, PA, iwue(TA, VPD, PA, 410.0))
    assert np.abs(other - expected).max() > 0.005


def test_without_a_deficit_any_iwue_is_air_of_400_ppm():
    expected = light_use_efficiency(20.0, 0.0, 101.3, 400.0)
    assert light_use_efficiency_of_iwue(20.0, 0.0, 101.3, 0.0) == pytest.approx(expected)
