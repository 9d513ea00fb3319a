"""Columns that never change or stand still are found; seasons of 0 and rounded values are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.testing.towers import simulate_towers
from uflux_kedro.quality.check import check_towers
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.quality.still import check_still
from uflux_kedro.variables import VARIABLES, parse_predictor


def still(towers, *columns):
    return [(f.variable, f.sites, f.weight) for f in check_still(towers, list(columns))]


@pytest.fixture
def towers():
    return simulate_towers(n_sites=3)[0]


def test_changing_columns_are_not_still(towers):
    assert still(towers, "GPP", "RECO", "NEE", "SW_IN", "TA", "PA", "EVI") == []


def test_a_flux_that_never_changes_requires_a_decision(towers):
    towers.loc[towers["site_id"] == "XX-001", "GPP"] = 3.0
    (finding,) = check_still(towers, ["GPP", "RECO"])
    assert (finding.variable, finding.sites, finding.open) == ("GPP", ("XX-001",), True)
    assert finding.found == "3 gC m-2 d-1 in all 72 periods: it never changes, at XX-001"


@pytest.mark.parametrize(("months", "found"), [(5, False), (6, True)])
def test_a_column_stands_still_from_six_months(towers, months, found):
    towers.loc[80 : 80 + months - 1, "TA"] = 7.25
    assert still(towers, "TA") == ([("TA", ("XX-001",), "defect")] if found else [])


@pytest.mark.parametrize(("months", "weight"), [(8, "note"), (12, "defect")])
def test_a_satellite_may_be_filled_through_a_polar_winter(towers, months, weight):
    towers.loc[80 : 80 + months - 1, "EVI"] = 0.11
    assert still(towers, "EVI") == [("EVI", ("XX-001",), weight)]


def test_whole_numbers_are_judged_like_others(towers):
    towers["H"] = np.arange(len(towers))
    towers.loc[80:91, "H"] = 7
    towers["H_QC"] = np.where(towers.index == 3, 0, 1)
    assert still(towers, "H") == [("H", ("XX-001",), "defect")]
    assert still(towers.astype({"H": "Float64"}), "H") == still(towers, "H")


def test_months_without_a_value_do_not_end_a_standstill(towers):
    towers.loc[80:86, "TA"] = [7.25, 7.25, np.nan, 7.25, 7.25, 7.25, 7.25]
    assert still(towers, "TA") == [("TA", ("XX-001",), "defect")]


def test_sites_do_not_continue_each_other(towers):
    towers.loc[68:75, "TA"] = 7.25  # four months of each of two sites
    assert still(towers, "TA") == []


@pytest.mark.parametrize(("months", "found"), [(11, False), (12, True)])
def test_a_season_of_zero_is_shorter_than_a_year(towers, months, found):
    towers.loc[80 : 80 + months - 1, "RECO"] = 0.0
    assert bool(still(towers, "RECO")) is found


def test_days_stand_still_from_sixty(towers):
    days = pd.DataFrame({"site_id": "A", "time": pd.date_range("2001-01-01", periods=400)})
    days["GPP"] = np.random.default_rng(0).normal(5, 2, 400)
    days.attrs["resolution"] = "DD"
    days.loc[100:158, "GPP"] = 0.1
    assert still(days, "GPP") == []
    days.loc[159, "GPP"] = 0.1
    assert still(days, "GPP") == [("GPP", ("A",), "defect")]


def test_equal_neighbours_are_expected_of_rounded_values(towers):
    """Leaf area to 0.5 in evergreen forest repeats for months."""
    rng = np.random.default_rng(1)
    towers["LAI"] = np.where(rng.random(len(towers)) < 0.15, 3.5, 4.0)
    assert towers["LAI"].rolling(8).std().eq(0).any()
    assert still(towers, "LAI") == []


def test_values_of_no_quality_are_not_judged(towers):
    towers["GPP_QC"] = 1.0
    towers.loc[80:100, "GPP"] = -6.9
    assert still(towers, "GPP") == [("GPP", ("XX-001",), "defect")]
    towers.loc[80:100, "GPP_QC"] = 0.0
    assert still(towers, "GPP") == []


def test_properties_of_a_place_may_be_constant(towers):
    towers = towers.assign(Latitude=50.0, CARRY_LAI_MAX=4.0, CO2=380.0, P=0.0, EVI=0.0)
    every = ("XX-000", "XX-001", "XX-002")
    assert still(towers, "Latitude", "CARRY_LAI_MAX") == []
    for name in ("CO2", "P", "EVI"):
        assert still(towers, name) == [(name, every, "note")]


def test_steps_of_co2_by_the_year_are_not_still(towers):
    assert still(towers.assign(CO2=380 + towers["time"].dt.year - 2000.0), "CO2") == []


def test_the_check_of_towers_reports_the_flux_and_the_balance_that_fails():
    towers, sites = simulate_towers(n_sites=2)
    towers.loc[towers["site_id"] == "XX-001", "GPP"] = 3.0
    found = check_towers(towers, sites, QualityParameters()).findings
    assert {(f.check, f.variable, f.sites) for f in found if f.open} == {
        ("constant", "GPP", ("XX-001",)),
        ("units", "GPP, RECO, NEE", ("XX-001",)),
    }


def test_measured_towers_have_no_open_standstill(mended):
    towers, _ = mended
    # As check_towers chooses them.
    columns = [c for c in towers if towers[c].dtype == float and parse_predictor(c)[1] in VARIABLES]
    assert still(towers, *columns) == [("EVI", ("RU-Cok",), "note")]
