"""PT-JPL against numbers worked out by hand from Fisher et al. (2008)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uflux_kedro.biophysics.evapotranspiration import priestley_taylor
from uflux_kedro.biophysics.pt_jpl import (
    leaf_area_of_fipar,
    plant_temperature_constraint,
    pt_jpl,
    relative_humidity,
    soil_moisture_constraint,
)


def test_latent_heat_of_a_half_open_canopy():
    # 20 degC, 10 hPa: saturation 23.4 hPa, RH 0.572, wet 0.107; leaf area 2 ln 2, so that
    # exp(-0.6 x 1.386) = 0.435 of 150 W m-2 reach the ground; slope 1.447 and psychrometric
    # constant 0.673 hPa K-1, so that 1.26 x 0.683 = 0.860 of the energy evaporates.
    found = pt_jpl(20.0, 10.0, 101.3, 150.0, 0.5)
    # 0.893 x exp(-0.04) x 0.860 x 84.7; then (0.107 + 0.572 x 0.893) x 0.860 x 65.3; 0.107 x 72.9.
    assert found.canopy == pytest.approx(62.5, abs=0.3)
    assert found.soil == pytest.approx(34.7, abs=0.3)
    assert found.interception == pytest.approx(7.8, abs=0.1)


def test_a_wet_surface_evaporates_at_the_potential_rate():
    found = pt_jpl(25.0, 0.0, 101.3, 200.0, 0.6)
    assert sum(found) == pytest.approx(priestley_taylor(25.0, 101.3, 200.0))


def test_each_constraint():
    assert relative_humidity(20.0, 10.0) == pytest.approx(0.572, abs=0.001)
    assert relative_humidity(20.0, 90.0) == 0.01
    assert leaf_area_of_fipar(0.5) == pytest.approx(2 * np.log(2))
    assert plant_temperature_constraint(10.0, 20.0) == pytest.approx(np.exp(-0.25))
    assert soil_moisture_constraint(0.5, 20.0) == pytest.approx(0.25)  # 20 hPa are 2 kPa
    assert soil_moisture_constraint(0.5, 20.0, beta=2.0) == pytest.approx(0.5)


@given(st.floats(-40, 45), st.floats(0, 60), st.floats(0, 400), st.floats(-0.1, 1.1))
def test_never_negative_nor_above_the_potential_rate(TA, VPD, energy, fipar):
    found = pt_jpl(TA, VPD, 95.0, energy, fipar)
    assert min(found) >= 0
    assert sum(found) <= priestley_taylor(TA, 95.0, energy) * (1 + 1e-9)
