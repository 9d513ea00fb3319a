"""Mistaken units, compared with a library of units and with tables of the field."""

from __future__ import annotations

import pint
import pytest

from tests.testing.towers import simulate_towers
from uflux_kedro.quality.levels import check_levels
from uflux_kedro.quality.mistakes import CARBON_PER_MICROMOLE, MISTAKES, Mistake, explanations

UNITS = pint.UnitRegistry()


def seen(variable, name):
    """Return the value in the table for a true value of 10."""
    (mistake,) = [m for m in MISTAKES[variable] if m.name.startswith(name)]
    return mistake.factor * 10 + mistake.offset


@pytest.mark.parametrize(
    ("variable", "name", "true", "other"),
    [
        ("TA", "K", "degC", "kelvin"),
        ("TS", "degF", "degC", "degF"),
        ("PA", "hPa where kPa", "kPa", "hPa"),
        ("PA", "Pa where kPa", "kPa", "Pa"),
        ("PA", "mmHg", "kPa", "mmHg"),
        ("PA", "atm", "kPa", "atm"),
        ("PA", "hPa where Pa", "Pa", "hPa"),
        ("PA", "Pa where hPa", "hPa", "Pa"),
        ("PA", "kPa where hPa", "hPa", "kPa"),
        ("PA", "kPa where Pa", "Pa", "kPa"),
        ("VPD", "kPa where hPa", "hPa", "kPa"),
        ("VPD", "Pa where hPa", "hPa", "Pa"),
        ("VPD", "hPa where kPa", "kPa", "hPa"),
        ("VPD", "hPa where Pa", "Pa", "hPa"),
        ("SW_IN", "MJ m-2 d-1", "W m^-2", "MJ m^-2 day^-1"),
        ("LW_IN", "J m-2 d-1", "W m^-2", "J m^-2 day^-1"),
        ("H", "J m-2 h-1", "W m^-2", "J m^-2 hour^-1"),
        ("LE", "kJ m-2 d-1", "W m^-2", "kJ m^-2 day^-1"),
        ("LE", "J m-2 a half-hour", "W m^-2", "J m^-2 / (30 minute)"),
        ("SW_IN", "J m-2 month-1", "W m^-2", "J m^-2 / (30.4375 day)"),
        ("SW_IN", "W m-2 divided by", "W m^-2 day", "W m^-2 s"),
        ("LW_IN", "cal cm-2 d-1", "W m^-2", "cal cm^-2 day^-1"),
        ("GPP", "gC m-2 month-1", "g m^-2 day^-1", "g m^-2 / (30.4375 day)"),
        ("RECO", "gC m-2 yr-1", "g m^-2 day^-1", "g m^-2 year^-1"),
        ("NEE", "kgC m-2 d-1", "g m^-2 day^-1", "kg m^-2 day^-1"),
        ("GPP", "kgC m-2 s-1", "g m^-2 day^-1", "kg m^-2 s^-1"),
        ("GPP", "mgC m-2 d-1", "g m^-2 day^-1", "mg m^-2 day^-1"),
        ("P", "mm month-1", "mm day^-1", "mm / (30.4375 day)"),
        ("P", "mm yr-1", "mm day^-1", "mm year^-1"),
        ("P", "m d-1", "mm day^-1", "m day^-1"),
        ("P", "kg m-2 s-1", "mm day^-1", "mm s^-1"),
        ("P", "m month-1", "mm day^-1", "m / (30.4375 day)"),
        ("RH", "a fraction", "percent", "dimensionless"),
        ("SWC", "percent", "dimensionless", "percent"),
        ("CO2", "mol mol-1", "umol/mol", "mol/mol"),
        ("CO2", "mmol mol-1", "umol/mol", "mmol/mol"),
        ("WS", "cm s-1", "m/s", "cm/s"),
        ("WS", "km h-1", "m/s", "km/hour"),
        ("WS", "knots", "m/s", "knot"),
    ],
)
def test_factors_are_those_of_a_library_of_units(variable, name, true, other):
    if "divided" in name:  # a mean over the day taken for its sum
        expected = 10 / 86400
    else:
        per, of = UNITS.parse_expression(other), UNITS.Quantity(10, true)
        factor = getattr(per, "magnitude", 1)
        expected = of.to(per.units).magnitude / factor
    assert seen(variable, name) == pytest.approx(expected, rel=3e-4)


@pytest.mark.parametrize(
    ("variable", "name", "expected"),
    [
        # 44.009 g of CO2 hold 12.011 g of carbon.
        ("GPP", "g CO2 m-2 d-1", 36.6406),
        ("GPP", "mg CO2 m-2 s-1", 0.424080),
        ("GPP", "mol CO2 m-2 s-1", 9.63615e-6),
        # 2.04 umol of photons to a joule of sunlight; 2.45 MJ evaporate a kilogram of water.
        ("SW_IN", "umol photons", 20.4),
        ("LE", "mm d-1", 0.35211),
        # 1 ppm of CO2 is 1.8 mg m-3 at 25 degC.
        ("CO2", "mg m-3", 18.0),
        ("P", "inches", 254.0),
        ("TA", "degC less", -263.15),
        ("TA", "0.1 degC", 100.0),
        ("EVI", "integers with a scale of 0.0001", 1e5),
        ("EVI", "integers with a scale of 0.001", 1e4),
        ("NDVI", "percent", 1000.0),
        ("NIRv", "values scaled twice", 1e-3),
        ("LAI", "integers", 100.0),
        ("LAI", "values scaled twice", 1.0),
    ],
)
def test_factors_that_the_fields_tables_give(variable, name, expected):
    assert seen(variable, name) == pytest.approx(expected, rel=1e-5)


def test_a_micromole_of_carbon_dioxide_a_second():
    # 12.011 ug of carbon by 86400 seconds.
    assert pytest.approx(1.0377504, rel=1e-7) == CARBON_PER_MICROMOLE


def test_the_likeliest_explanation_comes_first():
    # 50 in the table: as kelvin -223 degC, as degF 10, as tenths 5; 10 is nearer the middle of 11.
    found = explanations("TA", 50.0, 2.0, 20.0)
    assert [m.name for m in found] == ["degF", "0.1 degC"]
    assert [m.name for m in explanations("TA", 50.0, 2.0, 9.0)] == ["0.1 degC"]
    assert explanations("TA", 50.0, 10.0, 10.0) == [Mistake("degF", 1.8, 32)]
    assert explanations("no variable", 50.0, 2.0, 20.0) == []


@pytest.mark.parametrize("flux", ["H", "LE"])
def test_kilowatts_require_a_decision(flux):
    towers, sites = simulate_towers(n_sites=2)
    at = towers["site_id"] == "XX-001"
    findings = check_levels(
        towers.assign(**{flux: towers[flux].mask(at, towers[flux] / 1000)}), sites
    )
    (finding,) = (f for f in findings if f.variable == flux)
    assert (finding.sites, finding.open) == (("XX-001",), True)
    assert "likely unit: kW m-2" in finding.found
