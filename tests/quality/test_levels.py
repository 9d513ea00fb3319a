"""Levels at the limits of the plausible, on towers of a few months."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.biophysics.radiation import top_of_atmosphere_radiation
from uflux_kedro.biophysics.vapour_pressure import saturation_vapour_pressure
from uflux_kedro.quality.levels import check_levels

OUT = 1e-6
"""Share by which a value is moved across a limit, or kept within."""


def found(latitude=np.nan, elevation=np.nan, resolution="MM", **columns):
    """Findings on one tower; its rows are those of 1 January, so that the sun is one number."""
    length = max(np.size(values) for values in columns.values())
    time = pd.date_range("2001-01-01", periods=length, freq="YS")
    towers = pd.DataFrame({"site_id": "XX-001", "time": time})
    for name, values in columns.items():
        towers[name] = np.broadcast_to(np.asarray(values, float), length)
    towers.attrs["resolution"] = resolution
    sites = pd.DataFrame({"site_id": ["XX-001"], "latitude": latitude, "elevation": elevation})
    return check_levels(towers, sites)


def constant(value, n=6):
    return np.full(n, value)


def passes(column, value, **others):
    return not [f for f in found(**{column: constant(value)}, **others) if f.variable == column]


def inwards(low, high):
    width = high - low
    return low + OUT * width, high - OUT * width


def outwards(low, high):
    width = high - low
    return low - OUT * width, high + OUT * width


@pytest.mark.parametrize(
    ("column", "low", "high"),
    [
        ("PA", 48, 107),
        ("TA", -32, 36),
        ("TS", -32, 36),
        ("TD", -32, 36),
        ("TA_MIN", -32, 36),
        ("TA_MAX", -32, 43),
        ("LW_IN", 120, 470),
        ("VPD", 0.3, 45),
        ("P", 0.02, 20),
        ("WS", 0.1, 14),
        ("CO2", 320, 520),
        ("RH", 5, 105),
        ("SWC", 0.005, 0.95),
        ("GPP", 0.05, 30),
        ("RECO", 0.05, 30),
        ("EVI", -0.1, 0.9),
        ("EVI2", -0.1, 0.9),
        ("NDVI", -0.1, 1.0),
        ("NIRv", -0.05, 0.7),
        ("LAI", 0.01, 9),
    ],
)
def test_a_level_without_a_yardstick_has_a_range_with_both_ends(column, low, high):
    for value in (low, high):
        assert passes(column, value), value
    for value in outwards(low, high):
        assert not passes(column, value), value


@pytest.mark.parametrize(
    ("column", "low", "high", "share"),
    [
        ("SW_IN", 0.2, 0.88, 1.0),
        # About half of the radiation above the atmosphere reaches the ground and drives fluxes.
        ("LE", 0.03, 1.2, 0.5),
        ("H", 0.02, 1.2, 0.5),
        ("GPP", 0.0003, 0.12, 0.5),
        ("RECO", 0.0003, 0.12, 0.5),
    ],
)
@pytest.mark.parametrize(("resolution", "day"), [("MM", 15), ("DD", 1)])
def test_radiation_and_what_it_drives_are_held_against_the_sun(
    column, low, high, share, resolution, day
):
    sun = share * float(top_of_atmosphere_radiation(-35.0, day))
    place = {"latitude": -35.0, "resolution": resolution}
    for ratio in inwards(low, high):
        assert passes(column, ratio * sun, **place), ratio
    for ratio in outwards(low, high):
        assert not passes(column, ratio * sun, **place), ratio


def test_pressure_is_held_against_the_barometric_formula():
    # FAO Irrigation and Drainage Paper 56, example 2: 81.8 kPa at 1800 m.
    for ratio in (0.931, 1.069):
        assert passes("PA", ratio * 81.8, elevation=1800.0)
    for ratio in (0.929, 1.071):
        assert not passes("PA", ratio * 81.8, elevation=1800.0)
    # Its equation 7 at 4000 m: 101.3 x (267 / 293) ^ 5.26 = 62.13; and 101.3 at the sea.
    for elevation, pressure in ((4000.0, 62.13), (0.0, 101.3)):
        for ratio in (0.9302, 1.0698):
            assert passes("PA", ratio * pressure, elevation=elevation)
        for ratio in (0.9298, 1.0702):
            assert not passes("PA", ratio * pressure, elevation=elevation)


def test_longwave_is_held_against_a_black_body_at_air_temperature():
    body = 418.738  # W m-2 at 20 degC: 5.670374e-8 x 293.15 ^ 4
    for ratio in (0.5001, 1.0999):
        assert passes("LW_IN", ratio * body, TA=constant(20.0))
    for ratio in (0.4999, 1.1001):
        assert not passes("LW_IN", ratio * body, TA=constant(20.0))


def test_the_deficit_is_held_against_saturation_at_air_temperature():
    saturation = 23.36946  # hPa at 20 degC
    for ratio in (0.0351, 1.999):
        assert passes("VPD", ratio * saturation, TA=constant(20.0))
    for ratio in (0.0349, 2.001):
        assert not passes("VPD", ratio * saturation, TA=constant(20.0))


def test_the_temperature_of_the_same_source_is_the_yardstick():
    warm, cold = 30.0, -10.0
    deficit = 1.5 * saturation_vapour_pressure(warm)  # 22 times the saturation of the cold
    assert passes("ERA_VPD", deficit, ERA_TA=constant(warm), TA=constant(cold))
    assert not passes("ERA_VPD", deficit, ERA_TA=constant(cold), TA=constant(warm))
    # Without one, the tower's own; without that, any.
    assert passes("ERA_VPD", deficit, TA=constant(warm), MODIS_TA=constant(cold))
    assert not passes("ERA_VPD", deficit, MODIS_TA=constant(cold))


def test_a_temperature_in_kelvin_is_no_yardstick():
    # 0.2 hPa is little for any air and falls to the range of all towers; so does 40 hPa, which
    # at 290 degC would be nothing.
    (finding,) = [f for f in found(TA=constant(290.0), VPD=constant(0.2)) if f.variable == "VPD"]
    assert "typical deficit" in finding.found
    assert passes("VPD", 40.0, TA=constant(290.0))
    # Air of 60 degC and more, or of -80 and less, is not air of degC either.
    for kelvin in (60.0, -80.0):
        assert passes("VPD", 40.0, TA=constant(kelvin))


def test_six_values_are_a_level_and_five_are_not():
    assert found(WS=constant(99.0, 6)) != []
    assert found(WS=constant(99.0, 5)) == []
    assert found(WS=[*constant(99.0, 5), np.nan]) == []


def test_typical_is_the_median_the_season_of_a_flux_and_the_mean_of_rain():
    assert found(WS=[0.0, 0.0, 0.1, 14.0, 14.0, 99.0]) == []
    assert found(WS=[0.0, 0.0, 13.9, 14.2, 14.2, 14.2]) != []  # median 14.05
    # The value that nine tenths stay below: the tenth of eleven.
    assert found(LAI=np.arange(11.0)) == []
    assert found(LAI=1.001 * np.arange(11.0)) != []
    assert found(P=[0, 0, 0, 0, 0, 120.0]) == []
    assert found(P=[0, 0, 0, 0, 0, 120.1]) != []


def test_gaps_of_a_column_are_gaps_of_its_sun():
    # Radiation of January alone, in a record of all months: January's sun is what it is held
    # against, 0.5 of it being usual and 0.1 not, whatever the other months' sun is.
    time = pd.date_range("2001-01-01", periods=72, freq="MS")
    sun = float(top_of_atmosphere_radiation(60.0, 15))
    for ratio, usual in ((0.85, True), (0.25, True), (0.15, False), (0.95, False)):
        towers = pd.DataFrame({"site_id": "XX-001", "time": time})
        towers["SW_IN"] = np.where(time.month == 1, ratio * sun, np.nan)
        sites = pd.DataFrame({"site_id": ["XX-001"], "latitude": 60.0, "elevation": np.nan})
        assert (check_levels(towers, sites) == []) == usual


@pytest.mark.parametrize(
    ("column", "seen", "named"),
    [
        # A mistake is named where it brings the level into the usual range, ends included.
        ("RH", 0.1, "a fraction"),
        ("RH", 0.1 - 1e-9, None),
        ("RH", 1.0, "a fraction"),
        ("RH", 1.0 + 1e-9, None),
        ("SWC", 1.0, "percent"),
        ("SWC", 80.0, "percent"),
        ("SWC", 80.0 + 1e-9, None),
        ("WS", 50.0, "cm s-1"),
        ("WS", 49.9, None),
        ("WS", 800.0, "cm s-1"),
        ("WS", 800.1, None),
        ("CO2", 0.34, "mmol mol-1"),
        ("CO2", 0.339, None),
        ("CO2", 0.48, "mmol mol-1"),
        ("CO2", 0.481, None),
        ("LAI", 70.0, "integers with a scale of 0.1"),
        ("LAI", 70.1, None),
        ("NDVI", 15.0, "percent"),
        ("NDVI", 14.9, None),
        ("NDVI", 95.0, "percent"),
        ("NDVI", 95.1, None),
        ("NIRv", 3.0, "percent"),
        ("NIRv", 2.99, None),
        ("NIRv", 5000.0, "integers with a scale of 0.0001"),
        ("NIRv", 5000.1, None),
        ("EVI", 8.0, "percent"),
        ("EVI", 7.9, None),
        ("EVI", 75.0, "percent"),
        ("EVI", 75.1, None),
        ("P", 304.3, "mm month-1"),
        ("P", 3652.5, "mm yr-1"),
        ("P", 3652.6, None),
        ("TA", 253.15, "K"),
        ("TA", -293.15, "degC less 273.15 (taken for K)"),
        ("TA", -293.2, None),
        ("TA", 305.15, "K"),
        ("TA", 320.1, None),
        ("PA", 550.0, "hPa where kPa was meant"),
        ("PA", 1040.0, "hPa where kPa was meant"),
        ("PA", 1041.0, None),
        ("VPD", 3000.0, "Pa where hPa was meant"),
        ("VPD", 3000.1, None),
        ("LW_IN", 430 * 86400.0, "J m-2 d-1"),
        ("LW_IN", 180 * 0.0864, "MJ m-2 d-1"),
        ("GPP", 312.0, "gC m-2 month-1"),
        ("GPP", 20 * 365.25, "gC m-2 yr-1"),
        ("GPP", 0.5e-3, "kgC m-2 d-1"),
    ],
)
def test_a_unit_is_named_where_it_explains_the_level(column, seen, named):
    (finding,) = found(**{column: constant(seen)})
    if named is None:
        assert "no common unit explains it" in finding.found
        assert finding.weight == "note"
    else:
        assert f"likely unit: {named}" in finding.found or f" or {named}" in finding.found
        assert finding.open


@pytest.mark.parametrize(
    ("column", "usual", "place"),
    [
        ("PA", (0.95, 1.05), {"elevation": 0.0}),
        ("LW_IN", (0.6, 1.0), {"TA": constant(20.0)}),
        ("VPD", (0.08, 0.8), {"TA": constant(20.0)}),
        ("SW_IN", (0.36, 0.78), {"latitude": 0.0}),
        ("LE", (0.06, 0.8), {"latitude": 0.0}),
        ("H", (0.06, 0.8), {"latitude": 0.0}),
        ("GPP", (0.004, 0.08), {"latitude": 0.0}),
        ("RECO", (0.004, 0.08), {"latitude": 0.0}),
    ],
)
def test_a_unit_explains_a_ratio_that_it_makes_usual(column, usual, place):
    sun = float(top_of_atmosphere_radiation(0.0, 15))
    yardstick, factor, named = {
        "PA": (101.3, 1000, "Pa where kPa was meant"),
        "LW_IN": (418.7380, 86400, "J m-2 d-1"),
        "VPD": (23.36946, 100, "Pa where hPa was meant"),
        "SW_IN": (sun, 86400, "J m-2 d-1"),
        "LE": (sun / 2, 86400, "J m-2 d-1"),
        "H": (sun / 2, 86400, "J m-2 d-1"),
        "GPP": (sun / 2, 1e3, "mgC m-2 d-1"),
        "RECO": (sun / 2, 1e3, "mgC m-2 d-1"),
    }[column]

    def said(ratio):
        seen = constant(ratio * yardstick * factor)
        (finding,) = [f for f in found(**{column: seen}, **place) if f.variable == column]
        return finding.found

    low, high = usual
    assert named in said(low * 1.001)
    assert named in said(high * 0.999)
    assert named not in said(low * 0.999)
    assert named not in said(high * 1.001)


def test_one_finding_names_all_sites_of_one_cause_and_their_span():
    time = pd.date_range("2001-01-01", periods=6, freq="MS")
    towers = pd.concat(
        [
            pd.DataFrame({"site_id": site, "time": time, "WS": wind})
            for site, wind in (("B", 300.0), ("A", 200.0), ("C", 3.0), ("D", 40.0))
        ],
        ignore_index=True,
    )
    sites = pd.DataFrame({"site_id": list("ABCD"), "latitude": 50.0, "elevation": 0.0})
    cm, odd = check_levels(towers, sites)
    assert cm.sites == ("A", "B")
    assert cm.expected == "WS in m s-1: typical wind, m s-1 0.1 to 14"
    assert cm.found == "typical wind, m s-1 200 to 300; likely unit: cm s-1"
    assert odd.sites == ("D",)
    assert odd.found == "typical wind, m s-1 40; no common unit explains it"
