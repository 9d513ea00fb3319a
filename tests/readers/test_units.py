from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uflux_kedro.biophysics.constants import DAYS_PER_MONTH
from uflux_kedro.errors import InputError
from uflux_kedro.readers.units import conversion, to_canonical
from uflux_kedro.variables import VARIABLES

finite = st.floats(-1e6, 1e6)


@given(kelvin=st.floats(150, 350))
def test_kelvin_become_celsius(kelvin):
    assert to_canonical(kelvin, "K", VARIABLES["TA"], "f") == pytest.approx(kelvin - 273.15)


@given(watts=st.floats(0, 1000))
def test_joules_a_day_become_watts(watts):
    joules = watts * 86400
    assert to_canonical(joules, "J m**-2 d**-1", VARIABLES["SW_IN"], "f") == pytest.approx(watts)


@given(rate=st.floats(0, 1e-2))
def test_a_mass_of_water_becomes_a_depth(rate):
    assert to_canonical(rate, "kg m-2 s-1", VARIABLES["P"], "f") == pytest.approx(rate * 86400)


@pytest.mark.parametrize(
    ("spelled", "canonical", "factor"),
    [
        ("m d-1", "mm d-1", 1000),
        ("Pa", "kPa", 1e-3),
        ("hPa", "kPa", 0.1),
        ("kPa", "hPa", 10),
        ("MJ m-2 d-1", "W m-2", 1 / 0.0864),
        ("umol CO2 m-2 s-1", "gC m-2 d-1", 1.0377),
        ("g C m-2 yr-1", "gC m-2 d-1", 1 / 365.25),
        ("kgC m-2 s-1", "gC m-2 d-1", 86.4e6),
        ("ppm", "umol mol-1", 1),
        ("mW/m2/sr/nm", "mW m-2 nm-1 sr-1", 1),
        ("W.m-2.um-1.sr-1", "mW m-2 nm-1 sr-1", 1),
        ("m s**-1", "m s-1", 1),
        ("km h-1", "m s-1", 1 / 3.6),
        ("Fraction", "m3 m-3", 1),
        ("%", "1", 0.01),
        ("g/kg", "kg kg-1", 1e-3),
    ],
)
def test_units_as_sources_spell_them(spelled, canonical, factor):
    found, offset = conversion(spelled, canonical)
    assert found == pytest.approx(factor, rel=1e-4)
    assert offset == 0


@given(value=finite)
def test_the_canonical_unit_changes_nothing(value):
    for variable in VARIABLES.values():
        if variable.unit != "degrees_north":
            assert to_canonical(value, variable.unit, variable, "f") == value


@pytest.mark.parametrize("unit", ["bananas", "W m-2", "kg m-2", "m-", "(0 - 1)", "gC m-2 d-1"])
def test_what_is_no_such_unit_is_refused(unit):
    with pytest.raises(InputError, match=r"f.nc: P: expected a unit that converts to mm d-1"):
        to_canonical(1.0, unit, VARIABLES["P"], "f.nc")


def test_carbon_is_not_taken_for_a_mass_of_co2():
    with pytest.raises(InputError):
        to_canonical(1.0, "kg m-2 s-1", VARIABLES["GPP"], "f.nc")


def test_lazy_arrays_stay_lazy_and_single_precision():
    lazy = da.full((4, 4), 300, dtype="float32")
    converted = to_canonical(lazy, "K", VARIABLES["TA"], "f")
    assert isinstance(converted, da.Array)
    assert converted.dtype == np.float32
    assert float(converted.mean()) == pytest.approx(26.85, abs=1e-4)


def test_the_mean_month_is_that_of_the_unit_library():
    assert conversion("gC m-2 d-1", "gC m-2 month-1")[0] == pytest.approx(DAYS_PER_MONTH, rel=1e-12)
