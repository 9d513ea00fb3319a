"""Whole years that are not those of an ecosystem: against the class, plants and rain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.quality.annual import check_annual
from uflux_kedro.quality.years import Years

TIMES = pd.date_range("2001-01-01", "2004-12-01", freq="MS")
MEANS = {"ENF": (1300.0, -250.0), "CRO": (1400.0, -200.0), "GRA": (1200.0, -80.0)}


def network(classes=("ENF", "CRO", "GRA"), each=8, seed=1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return towers and sites: sums of a year differ between sites and years as in FLUXNET."""
    random = np.random.default_rng(seed)
    tables, sites = [], []
    for name in classes:
        for number in range(each):
            site = f"XX-{name[0]}{number:02d}"
            sites.append({"site_id": site, "IGBP": name})
            gpp, nee = MEANS[name]
            year = random.normal(0, [[300], [120]], (2, 4)) + random.normal(
                0, [[100], [60]], (2, 4)
            )
            rows = pd.DataFrame({"site_id": site, "time": TIMES, "P": 2.0})
            rows["GPP"] = np.repeat(np.clip(gpp + year[0], 300, None), 12) / 365.25
            rows["NEE"] = np.repeat(nee + year[1], 12) / 365.25
            rows["RECO"] = rows["GPP"] + rows["NEE"]
            tables.append(rows)
    return pd.concat(tables, ignore_index=True), pd.DataFrame(sites)


def at(towers: pd.DataFrame, site: str, year: int) -> pd.Series:
    return (towers["site_id"] == site) & (towers["time"].dt.year == year)


def check(towers, sites):
    columns = [c for c in ("GPP", "RECO", "NEE", "P", "ERA5_P", "TA") if c in towers]
    return check_annual(Years.of(towers, columns), sites)


@pytest.mark.parametrize("seed", range(5))
def test_usual_years_are_none(seed):
    assert check(*network(seed=seed)) == []


@pytest.mark.parametrize(("site", "nee"), [("XX-E03", -2000), ("XX-C05", 2300)])
def test_a_spike_is_found_against_its_own_class(site, nee):
    towers, sites = network()
    towers.loc[at(towers, site, 2003), "NEE"] = nee / 365.25
    towers["GPP"] += 2500 / 365.25  # the ratio to GPP alone would not tell
    (finding,) = check(towers, sites)
    assert (finding.check, finding.variable, finding.sites) == ("years", "NEE", (site,))
    assert finding.weight == "note"
    assert (
        f"{site} 2003: {nee:,} gC m-2 ({sites.set_index('site_id')['IGBP'][site]}: median"
        in finding.found
    )


def test_a_class_of_few_is_judged_with_all():
    towers, sites = network(("ENF", "CRO"))
    sites.loc[sites["site_id"].isin(["XX-E00", "XX-E01"]), "IGBP"] = "DNF"
    towers.loc[at(towers, "XX-E00", 2001), "RECO"] = 9000 / 365.25
    (finding,) = check(towers, sites)
    assert finding.found.startswith("XX-E00 2001: 9,000 gC m-2 (all classes: median")


def test_similar_towers_do_not_make_the_next_one_suspicious():
    towers, sites = network()
    forest = towers["site_id"].str.startswith("XX-E")
    towers.loc[forest, "NEE"] = -250 / 365.25
    towers.loc[at(towers, "XX-E07", 2002), "NEE"] = -400 / 365.25
    assert check(towers, sites) == []


def test_few_towers_say_nothing_of_what_is_usual():
    towers, sites = network(("ENF",), each=9)
    towers.loc[at(towers, "XX-E03", 2003), "NEE"] = 2300 / 365.25
    assert check(towers, sites) == []


def test_more_carbon_than_plants_build_is_found_at_a_single_tower():
    towers, sites = network(("ENF",), each=1)
    year = at(towers, "XX-E00", 2002)
    towers.loc[year, "NEE"] = -0.9 * towers.loc[year, "GPP"]
    (finding,) = check(towers, sites)
    assert finding.found.startswith("XX-E00 2002: NEE -")
    assert finding.expected.startswith("at most 0.79 of GPP")
    towers.loc[year, ["GPP", "NEE"]] = [0.2, -0.19]
    assert check(towers, sites) == [], "small sums have no ratio"


@pytest.mark.parametrize("column", ["P", "ERA5_P"])
def test_more_rain_than_nearly_any_place_has(column):
    towers, sites = network(("ENF",), each=3)
    towers[column] = 2.0
    towers.loc[at(towers, "XX-E01", 2002), column] = 5100 / 365.25
    (finding,) = check(towers, sites)
    assert (finding.variable, finding.found) == (column, "XX-E01 2002: 5,100 mm")


def test_a_year_with_a_gap_is_not_judged():
    towers, sites = network(("ENF",), each=1)
    year = at(towers, "XX-E00", 2002)
    towers.loc[year, "P"] = 20.0
    towers.loc[year & (towers["time"].dt.month == 5), "P"] = np.nan
    assert check(towers, sites) == []


def test_many_years_are_told_in_few_words():
    towers, sites = network(("ENF",), each=3)
    towers["P"] = 20.0
    (finding,) = check(towers, sites)
    assert finding.found.endswith("; and 8 more years")
    assert len(finding.sites) == 3


def test_the_forest_that_keeps_all_of_its_carbon_is_found(mended):
    found = check(*mended)
    assert {f.variable for f in found} <= {"NEE", "GPP", "RECO"}
    efficient = next(f for f in found if f.expected.startswith("at most 0.79"))
    assert efficient.sites == ("AU-Wac", "CN-Sw2", "IT-Lav", "US-GBT", "US-Sta")
    assert sum(len(f.sites) for f in found) < 20
