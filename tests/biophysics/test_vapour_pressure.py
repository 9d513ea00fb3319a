from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from uflux_kedro.biophysics.vapour_pressure import (
    dewpoint,
    saturation_slope,
    saturation_vapour_pressure,
    specific_humidity,
    vapour_pressure_from_specific_humidity,
    vpd_from_dewpoint,
    vpd_from_specific_humidity,
)

temperatures = st.floats(-60, 50)
pressures = st.floats(50, 108)


def test_saturation_at_known_temperatures():
    # World Meteorological Organization tables: 6.11, 23.37 and 42.43 hPa.
    found = saturation_vapour_pressure(np.array([0.0, 20.0, 30.0]))
    np.testing.assert_allclose(found, [6.112, 23.37, 42.43], rtol=2e-3)


def test_humidities_worked_out():
    # 0.622 x 20 / (1000 - 0.378 x 20) and, of 10 g kg-1, 0.01 x 1000 / (0.622 + 0.378 x 0.01).
    assert specific_humidity(20.0, 100.0) == pytest.approx(0.01253476, rel=1e-6)
    found = vapour_pressure_from_specific_humidity(0.01, 100.0)
    assert found == pytest.approx(15.98005, rel=1e-6)


def test_saturation_to_more_digits():
    # 6.112 exp(17.67 x 20 / 263.5), and of -20 degC 6.112 exp(-17.67 x 20 / 223.5).
    found = saturation_vapour_pressure(np.array([20.0, -20.0]))
    np.testing.assert_allclose(found, [23.36946, 1.257404], rtol=1e-5)


@given(temperatures)
def test_dewpoint_inverts_saturation(TA):
    assert dewpoint(saturation_vapour_pressure(TA)) == pytest.approx(TA, abs=1e-9)


@given(temperatures)
def test_slope_is_the_derivative(TA):
    step = 1e-4
    rise = saturation_vapour_pressure(TA + step) - saturation_vapour_pressure(TA - step)
    assert saturation_slope(TA) == pytest.approx(rise / (2 * step), rel=1e-5)


@given(st.floats(0.01, 60), pressures)
def test_specific_humidity_and_vapour_pressure_invert_each_other(vapour, PA):
    back = vapour_pressure_from_specific_humidity(specific_humidity(vapour, PA), PA)
    assert back == pytest.approx(vapour, rel=1e-9)


@given(temperatures, st.floats(0, 30), pressures)
def test_both_ways_to_the_deficit_agree(TA, depression, PA):
    TD = TA - depression
    QV = specific_humidity(saturation_vapour_pressure(TD), PA)
    by_dewpoint = vpd_from_dewpoint(TA, TD)
    assert by_dewpoint >= 0
    assert vpd_from_specific_humidity(TA, QV, PA) == pytest.approx(by_dewpoint, abs=1e-8)


def test_supersaturated_air_has_no_deficit():
    assert vpd_from_dewpoint(10.0, 10.3) == 0
    assert vpd_from_specific_humidity(10.0, 0.02, 101.3) == 0


def test_labels_and_laziness_stay_and_units_do_not():
    TA = xr.DataArray(
        da.full((2, 3), 25.0, chunks=(1, 3), dtype="float32"),
        dims=("time", "x"),
        coords={"time": ("time", [0, 1], {"axis": "T"})},
        attrs={"units": "degC"},
    )
    found = vpd_from_dewpoint(TA, TA - 10)
    assert found.dims == TA.dims
    assert found.chunks == TA.chunks
    assert found.dtype == "float32"
    assert found.attrs == {}
    xr.testing.assert_identical(found.time, TA.time)
    np.testing.assert_allclose(found, vpd_from_dewpoint(25.0, 15.0), rtol=1e-5)
