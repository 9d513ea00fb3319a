from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from uflux_kedro.biophysics.evapotranspiration import (
    evapotranspiration_from_le,
    latent_heat_of_vaporisation,
    priestley_taylor,
    psychrometric_constant,
)
from uflux_kedro.biophysics.radiation import (
    SOLAR_CONSTANT,
    STEFAN_BOLTZMANN,
    estimated_net_radiation,
    incoming_longwave,
    ppfd_from_shortwave,
    shortwave_from_ppfd,
    top_of_atmosphere_radiation,
)
from uflux_kedro.biophysics.respiration import lloyd_taylor, rain_limitation
from uflux_kedro.biophysics.vapour_pressure import saturation_vapour_pressure

temperatures = st.floats(-60, 50)


def test_latent_heat_is_in_megajoules_per_kilogram():
    assert latent_heat_of_vaporisation(20.0) == pytest.approx(2.4536)


def test_evapotranspiration_of_a_known_flux():
    # 28.4 W m-2 for a day, 2.45 MJ m-2, evaporate a millimetre.
    assert evapotranspiration_from_le(28.4, 20.0) == pytest.approx(1.0, abs=0.001)


def test_psychrometric_constant_at_sea_level():
    assert psychrometric_constant(20.0, 101.3) == pytest.approx(0.67, abs=0.005)
    # FAO 56, equation 8: 1.013e-3 x 101.3 / (0.622 x 2.4536) kPa K-1.
    assert psychrometric_constant(20.0, 101.3) == pytest.approx(0.672395, rel=2e-6)


def test_potential_evaporation_of_a_mild_day():
    # Slope 1.44819 hPa K-1 by Bolton (FAO 56, table 2.4, has 1.447); 1.26 x 0.682918 x 100.
    assert priestley_taylor(20.0, 101.3, 100.0) == pytest.approx(86.0477, rel=1e-5)


@given(temperatures, st.floats(50, 108), st.floats(-100, 500))
def test_potential_evaporation_follows_the_energy(TA, PA, energy):
    found = priestley_taylor(TA, PA, energy)
    assert abs(found) <= 1.26 * abs(energy)
    assert found * energy >= 0
    assert priestley_taylor(TA, PA, energy, alpha=1.0) == pytest.approx(found / 1.26)


def test_potential_evaporation_takes_more_of_the_energy_in_warm_air():
    share = priestley_taylor(np.array([0.0, 10.0, 20.0, 30.0]), 101.3, 1.0) / 1.26
    # FAO 56: slope over slope plus psychrometric constant.
    np.testing.assert_allclose(share, [0.40, 0.55, 0.69, 0.78], atol=0.01)


def test_sun_above_the_atmosphere():
    # FAO Irrigation and Drainage Paper 56, example 8: 20 degrees south, 3 September, 32.2 MJ.
    found = top_of_atmosphere_radiation(-20.0, 246)
    assert found * 0.0864 == pytest.approx(32.2, rel=0.006)


def test_sun_of_days_on_which_the_equations_are_short():
    # Equations 21 to 25 at the turn of the year: distance 1.033, declination 0.409 sin(-1.39).
    # On the equator what is left of them is S / pi x distance x cos(declination) ...
    assert top_of_atmosphere_radiation(0.0, 365) == pytest.approx(411.785, rel=1e-5)
    # ... and on the pole of the summer half a year later S x distance x sin(declination).
    assert top_of_atmosphere_radiation(90.0, 182.5) == pytest.approx(515.335, rel=1e-5)


def test_polar_day_and_night():
    north, south = top_of_atmosphere_radiation(np.array([80.0, -80.0]), 172)
    assert south == 0
    assert north > top_of_atmosphere_radiation(0.0, 172)


def test_the_globe_intercepts_a_quarter_of_the_sun():
    latitude = np.arange(-89.5, 90)[:, np.newaxis]
    mean = top_of_atmosphere_radiation(latitude, np.arange(1, 366)).mean(axis=1)
    found = np.average(mean, weights=np.cos(np.deg2rad(latitude[:, 0])))
    assert found == pytest.approx(SOLAR_CONSTANT / 4, rel=0.003)


def test_sun_keeps_labels():
    latitude = xr.DataArray([-40.0, 0.0, 40.0], dims="latitude")
    doy = xr.DataArray([15, 197], dims="time")
    found = top_of_atmosphere_radiation(latitude, doy)
    assert set(found.dims) == {"latitude", "time"}
    assert float(found.isel(latitude=2, time=1)) > float(found.isel(latitude=2, time=0))


@given(temperatures, st.floats(0.05, 1), st.floats(0, 1))
def test_sky_radiates_less_than_a_black_body_and_more_under_cloud(TA, humidity, cloud):
    vapour = humidity * saturation_vapour_pressure(TA)
    clear, cloudy = (incoming_longwave(TA, vapour, c) for c in (0.0, cloud))
    assert 0 < clear <= cloudy <= STEFAN_BOLTZMANN * (TA + 273.15) ** 4 * (1 + 1e-9)


def test_longwave_of_a_temperate_clear_day():
    # Prata's emissivity at 12 hPa and 15 degC is 0.80.
    assert incoming_longwave(15.0, 12.0, 0.0) == pytest.approx(0.80 * 390.9, rel=0.02)


def test_longwave_worked_out():
    # Prata: water 46.5 x 12 / 288.15 = 1.93649; 1 - 2.93649 exp(-sqrt(7.00947)) = 0.792023 of
    # the 390.918 W m-2 of a black body at 15 degC. Half a cloudy sky adds 0.22 / 4.
    assert incoming_longwave(15.0, 12.0, 0.0) == pytest.approx(309.617, rel=1e-5)
    assert incoming_longwave(15.0, 12.0, 0.5) == pytest.approx(309.617 * 1.055, rel=1e-5)


def test_a_moist_overcast_sky_is_a_black_body():
    assert incoming_longwave(40.0, 60.0, 1.0) == pytest.approx(545.282, rel=1e-6)


def test_net_radiation_of_grass_and_of_snow():
    # At 15 degC a black body emits 390.918 W m-2: 0.77 x 250 + 0.98 x (340 - 390.918).
    assert estimated_net_radiation(250.0, 340.0, 15.0) == pytest.approx(142.600, abs=0.002)
    # Snow at 0 degC, which emits 315.658: 0.2 x 250 + 0.99 x (240 - 315.658).
    found = estimated_net_radiation(250.0, 240.0, 0.0, albedo=0.8, emissivity=0.99)
    assert found == pytest.approx(-24.901, abs=0.002)


def test_full_sun_in_photons():
    assert ppfd_from_shortwave(1000.0) == pytest.approx(2040.0)
    assert shortwave_from_ppfd(2040.0) == pytest.approx(1000.0)


def test_respiration_is_the_reference_at_ten_degrees():
    assert lloyd_taylor(10.0, reference=2.5) == pytest.approx(2.5)


def test_respiration_doubles_from_ten_to_eighteen_degrees():
    assert lloyd_taylor(18.0) == pytest.approx(np.exp(308.56 * (1 / 56.02 - 1 / 64.02)))
    assert lloyd_taylor(18.0) == pytest.approx(2.0, abs=0.02)


@given(st.floats(-45, 49))
def test_respiration_rises_with_temperature(TS):
    assert lloyd_taylor(TS) < lloyd_taylor(TS + 1)


def test_respiration_ends_in_deep_cold():
    np.testing.assert_array_equal(lloyd_taylor(np.array([-46.02, -80.0])), 0)


def test_rain_lifts_respiration_from_its_dry_share_to_one():
    found = rain_limitation(np.array([-1.0, 0.0, 2.0, 1e9]), half=2.0, dry=0.4)
    # At ``half`` mm a day half of the limitation is left: 1 - 0.6 / 2.
    assert found == pytest.approx([0.4, 0.4, 0.7, 1.0])
    # Migliavacca et al. (2011): (alpha k + P (1 - alpha)) / (k + P (1 - alpha)).
    alpha, k, rain = 0.6, 0.2, 1.5
    theirs = (alpha * k + rain * (1 - alpha)) / (k + rain * (1 - alpha))
    assert rain_limitation(rain, k / (1 - alpha), alpha) == pytest.approx(theirs)
