"""Wrong units are found and named, and corrected where the cause is certain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.quality.check import check_towers, drop_suspects
from uflux_kedro.quality.closure import (
    check_carbon_balance,
    check_carbon_timing,
    compare_sources,
)
from uflux_kedro.quality.levels import check_levels
from uflux_kedro.quality.mistakes import CARBON_PER_MICROMOLE, MISTAKES, explanations
from uflux_kedro.quality.month_order import TEXT_ORDER
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.quality.values import check_bounds, mend_values
from uflux_kedro.quality.years import Years


def spoil(towers, column, sites, factor=1.0, offset=0.0):
    towers = towers.copy()
    rows = towers["site_id"].isin(sites)
    towers.loc[rows, column] = towers.loc[rows, column] * factor + offset
    return towers


SPOILED = [
    ("ERA_PA", 10, 0, "hPa where kPa was meant"),
    ("ERA_PA", 1000, 0, "Pa where kPa was meant"),
    ("ERA_PA", 0.01, 0, "hPa where Pa was meant"),
    ("ERA_TA", 1, 273.15, "K"),
    ("ERA_SW_IN", 86400, 0, "J m-2 d-1"),
    ("ERA_SW_IN", 0.0864, 0, "MJ m-2 d-1"),
    ("ERA_LW_IN", 86400, 0, "J m-2 d-1"),
    ("ERA_VPD", 100, 0, "Pa where hPa was meant"),
    ("GPP", 30.4375, 0, "gC m-2 month-1"),
    ("LE", 86400, 0, "J m-2 d-1"),
    ("LE", 1 / 28.4, 0, "mm d-1"),
    ("ERA_P", 30.4375, 0, "mm month-1"),
    ("EVI", 1e4, 0, "scale of 0.0001"),
    ("LAI", 10, 0, "scale of 0.1"),
    ("CO2", 1e-6, 0, "mol mol-1"),
]
SITES = ("DE-Hai", "DE-Tha", "FI-Hyy", "US-Ne1", "US-Var")


@pytest.mark.parametrize(("column", "factor", "offset", "named"), SPOILED)
def test_another_unit_is_named(mended, column, factor, offset, named):
    towers, sites = mended
    towers = towers[towers["site_id"].isin((*SITES, "FR-Pue"))]
    spoiled = spoil(towers, column, SITES, factor, offset)
    found = [f for f in check_levels(spoiled, sites) if f.open]
    assert {f.variable for f in found} == {column}
    named_at = {s for f in found for s in f.sites if named in f.found}
    assert named_at == set(SITES)


def test_measured_levels_are_not_suspected(mended):
    assert [f for f in check_levels(*mended) if f.open] == []


def test_a_level_that_no_unit_explains_is_a_note(mended):
    (finding,) = [f for f in check_levels(*mended) if f.variable == "ERA_SW_IN"]
    # The downscaled radiation of this tower is a twentieth of that above the atmosphere.
    assert (finding.sites, finding.weight) == (("SN-Dhr",), "note")


def test_every_mistake_is_undone_by_its_own_explanation():
    for variable, mistakes in MISTAKES.items():
        for mistake in mistakes:
            seen = mistake.factor * 10 + mistake.offset
            assert mistake in explanations(variable, seen, 9.9, 10.1), (variable, mistake)


def test_pressure_is_compared_with_elevation(healthy):
    towers, sites = healthy
    assert check_levels(towers, sites) == []
    # A tower at 3500 m cannot have the pressure of 540 m.
    sites.loc[sites["site_id"] == "XX-001", "elevation"] = 3500.0
    (finding,) = check_levels(towers, sites)
    assert (finding.variable, finding.sites) == ("PA", ("XX-001",))


def test_an_average_with_fill_values_is_treated_as_missing(healthy):
    towers, _ = healthy
    at = towers.index[(towers["site_id"] == "XX-003")][[4, 9]]
    # 41 of 48 half-hours were -9999: -8526 comes of it; two of 48 hide among real pressures.
    towers.loc[at, "PA"] = (7 * 93.0 + 41 * -9999) / 48, (46 * 95.0 + 2 * -9999) / 48
    assert towers.loc[at[0], "PA"] == pytest.approx(-8526, abs=2)
    mended, (finding,) = mend_values(towers)
    assert mended["PA"].isna().sum() == 2
    assert (finding.variable, finding.sites) == ("PA", ("XX-003",))
    assert "-9999" in finding.found
    assert "-8527" in finding.found or "-8526" in finding.found
    assert finding.mended == "treated as missing"
    assert not finding.open


def test_a_whole_column_in_another_unit_is_no_fill_value(healthy):
    towers, _ = healthy
    _, findings = mend_values(spoil(towers, "PA", ["XX-001"], 0.01))
    assert findings == []


def test_soil_water_in_percent_waits_for_a_decision(healthy):
    towers, sites = healthy
    wet = 1 + 0.01 * (towers.index % 12)
    towers["SWC"] = np.where(towers["site_id"] == "XX-002", 35.0, 0.3) * wet
    checked = check_towers(towers, sites, QualityParameters())
    found = [f for f in checked.findings if f.open]
    assert {f.variable for f in found} == {"SWC"}
    assert all(f.sites == ("XX-002",) and "percent" in f.found for f in found)
    kept, _ = drop_suspects(checked.towers, checked.findings)
    assert kept.groupby("site_id")["SWC"].count()["XX-002"] == 0
    assert kept["SWC"].notna().sum() == len(towers) * 11 / 12


def test_values_out_of_bounds(healthy):
    towers, _ = healthy
    towers.loc[5, "TA"] = 99.0
    kept, (finding,) = check_bounds(towers, "raise")
    assert finding.open
    assert "99 at XX-000 in 2001-06-01" in finding.found
    assert kept["TA"][5] == 99.0
    masked, (finding,) = check_bounds(towers, "mask")
    assert np.isnan(masked["TA"][5])
    assert not finding.open


# ---------------------------------------------------------------- balances

IN_UMOL = 1 / CARBON_PER_MICROMOLE


@pytest.mark.parametrize(
    "columns", [["GPP"], ["RECO"], ["NEE"], ["GPP", "RECO"], ["GPP", "NEE"], ["RECO", "NEE"]]
)
def test_carbon_in_umol_is_found_by_the_balance(mended, columns):
    towers, _ = mended
    for column in columns:
        towers = spoil(towers, column, SITES, IN_UMOL)
    found = check_carbon_balance(towers)
    # Two columns in umol and one in gC balance as well as one in gC times 1.0377 and two in umol
    # would; of the two explanations the one with fewer columns is given.
    assert [f.sites for f in found] == [tuple(sorted(SITES))]
    assert "umol CO2 m-2 s-1 (factor 1.0377)" in found[0].found
    assert found[0].variable == ", ".join(columns)


def test_an_opposite_sign_of_nee_is_found(mended):
    towers, _ = mended
    (finding,) = check_carbon_balance(spoil(towers, "NEE", SITES, -1))
    assert "opposite sign" in finding.found


def test_measured_carbon_balances(mended):
    towers, _ = mended
    assert check_carbon_balance(towers) == []
    assert check_carbon_timing(Years.of(towers, ["GPP", "RECO", "NEE"])) == []


@pytest.mark.parametrize("months", [-2, 1])
@pytest.mark.parametrize("column", ["GPP", "RECO", "NEE"])
def test_a_shifted_flux_is_found_by_the_balance(mended, column, months):
    towers, _ = mended
    towers = towers.copy()
    for site in SITES:
        rows = towers["site_id"] == site
        towers.loc[rows, column] = towers.loc[rows, column].shift(months)
    (finding,) = check_carbon_timing(Years.of(towers, ["GPP", "RECO", "NEE"]))
    assert finding.variable == column
    assert set(finding.sites) == set(SITES)
    assert f"{abs(months)} month" in finding.found
    assert ("late" if months > 0 else "early") in finding.found


def test_the_second_source_shows_a_unit_shared_by_all_columns(mended, shared_data):
    raw = pd.read_csv(
        shared_data / "fluxnet_archives" / "FLX_CH-Lae_FLUXDATAKIT_FULLSET_DD_2004_2014_2-3.csv.gz"
    )
    towers = pd.DataFrame(
        {
            "site_id": "CH-Lae",
            "time": pd.to_datetime(raw["TIMESTAMP"]),
            "GPP": raw["GPP_NT_VUT_REF"],
            "TA": raw["TA_F_MDS"],
        }
    )
    second = mended[0].rename(columns={"ERA_TA": "TA"})
    (finding,) = compare_sources(towers, second)
    assert (finding.variable, finding.sites) == ("GPP", ("CH-Lae",))
    assert "0.9636" in finding.found
    assert "umol CO2 m-2 s-1 (factor 1.0377)" in finding.found
    assert compare_sources(spoil(towers, "GPP", ["CH-Lae"], CARBON_PER_MICROMOLE), second) == []


# ---------------------------------------------------------------- the Australian table


@pytest.fixture(scope="module")
def australia(shared_data):
    from omegaconf import OmegaConf

    from tests.testing.project import PROJECT
    from uflux_kedro.readers.parameters import TowerParameters
    from uflux_kedro.readers.towers.tidy import read_tidy

    conf = OmegaConf.to_container(OmegaConf.load(PROJECT / "conf/ozflux/parameters.yml"))
    parameters = TowerParameters.model_validate(conf["towers"])
    path = shared_data / "ozflux_monthly" / "ozflux_monthly_joined_dev.csv.gz"
    towers, sites, _ = read_tidy([path], parameters.columns, outside="keep")
    return check_towers(towers, sites, QualityParameters(), outside="mask")


def test_each_defect_of_the_australian_table_is_named(australia):
    found = {(f.variable, f.sites): f for f in australia.findings if f.check == "units"}
    rain = found["P", ("AU-Stp",)]
    assert "1577.42 at AU-Stp in 2009-01-01" in rain.found  # 48,900 mm in that month
    assert rain.mended == "treated as missing"
    humidity = found["RH", ("AU-Cow", "AU-Rob")]
    assert "104 values stored as a fraction" in humidity.found
    assert humidity.mended == "multiplied by 100"
    water = [f for f in australia.findings if f.variable == "SWC" and "percent" in f.found]
    assert water[0].sites == ("AU-Wrr",)
    deficit = found["VPD", ("AU-Wrr",)]
    assert deficit.mended is not None
    assert "-0.36" in deficit.found


def test_the_australian_towers_are_in_phase(australia):
    assert [f for f in australia.findings if f.check == "phase"] == []


def test_corrected_values_are_plausible(australia):
    towers = australia.towers
    humidity = towers.loc[towers["site_id"] == "AU-Rob", "RH"].dropna()
    assert humidity.between(40, 105).mean() > 0.95
    assert towers["P"].max() < 70
    assert towers["VPD"].min() >= 0


def test_a_flux_in_text_order_is_found_by_the_balance(mended):
    towers, _ = mended
    years = Years.of(towers, ["GPP", "RECO", "NEE"])
    place = years.sites.index("FR-Pue")
    rows = slice(years.first[place], years.first[place] + years.count[place])
    years.months["RECO"][rows] = years.months["RECO"][rows][..., TEXT_ORDER]
    (finding,) = check_carbon_timing(years)
    assert (finding.variable, finding.sites) == ("RECO", ("FR-Pue",))
    assert "text order" in finding.found


def test_a_balance_that_fails_at_a_single_site_is_found(mended):
    towers, _ = mended
    towers = spoil(towers, "RECO", ["FR-Pue"], 1.4)
    (finding,) = check_carbon_timing(Years.of(towers, ["GPP", "RECO", "NEE"]))
    assert finding.sites == ("FR-Pue",)
    assert "exact at 137 other sites" in finding.found
