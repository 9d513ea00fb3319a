"""The record, the page, and what happens to suspects."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from tests.testing.towers import delay, scramble_months, simulate_towers
from uflux_kedro.errors import InputError
from uflux_kedro.pipelines.ingestion.quality_nodes import admit_towers, check_tower_quality
from uflux_kedro.quality.check import check_towers, drop_suspects
from uflux_kedro.quality.page import render_quality
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.quality.record import energy_closure, missing_periods, repeated_years, steps
from uflux_kedro.quality.years import Years
from uflux_kedro.readers.parameters import TowerParameters


def test_a_step_is_found_where_it_is(healthy):
    towers, _ = healthy
    after = (towers["site_id"] == "XX-001") & (towers["time"] >= "2004-03-01")
    towers.loc[after, "H"] += 15
    found = steps(Years.of(towers, ["H", "LE"]), ["H", "LE"], 0.01)
    assert found[["site_id", "variable", "month"]].to_numpy().tolist() == [
        ["XX-001", "H", "2004-03"]
    ]
    assert found["step"][0] == pytest.approx(15, abs=3)


def test_a_year_that_appears_twice_is_found(healthy):
    towers, _ = healthy
    rows = towers.index[towers["site_id"] == "XX-002"]
    towers.loc[rows[12:24], "TA"] = towers.loc[rows[:12], "TA"].to_numpy()
    (finding,) = repeated_years(Years.of(towers, ["TA", "H"]), ["TA", "H"])
    assert (finding.variable, finding.sites) == ("TA", ("XX-002",))
    assert finding.found.startswith("2 years")


def test_missing_periods_and_times_between_periods(healthy):
    towers, _ = healthy
    assert missing_periods(towers) == []
    fewer = towers.drop(index=towers.index[5])
    fewer.attrs = towers.attrs
    (finding,) = missing_periods(fewer)
    assert finding.found == "1 periods without a row, most at XX-000"
    towers.loc[7, "time"] += pd.Timedelta("1D")
    assert [f.sites for f in missing_periods(towers) if f.open] == [("XX-000",)]


def test_energy_closure(healthy):
    towers, _ = healthy
    towers["NETRAD"] = (towers["H"] + towers["LE"]) / 0.8
    assert energy_closure(towers)["ratio"].to_numpy() == pytest.approx(0.8)
    assert energy_closure(towers.drop(columns="H")).empty


def test_the_page_shows_the_evidence(healthy):
    towers, sites = healthy
    towers = scramble_months(towers, ["EVI"], ["XX-001", "XX-002"])
    checked = check_towers(towers, sites, QualityParameters())
    page = render_quality(checked, "towers & <tables>.csv")
    assert page == render_quality(checked, "towers & <tables>.csv")
    assert "towers &amp; &lt;tables&gt;.csv" in page
    assert "EVI at XX-001, XX-002" in page
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r'(src|href)="(https?:)?//', page)


def test_a_healthy_page_says_so(healthy):
    checked = check_towers(*healthy, QualityParameters())
    assert [f for f in checked.findings if f.open] == []
    assert "No finding requires a decision" in render_quality(checked, "towers.csv")


def test_a_page_of_simulated_towers_says_so_first(healthy):
    towers, sites = healthy
    page = render_quality(check_towers(towers, sites, QualityParameters()), "towers.csv")
    assert "<title>Quality of the towers</title>" in page
    assert "Simulated" not in page
    towers = towers.copy()
    towers.attrs = {**towers.attrs, "simulated": "some towers"}
    checked = check_towers(towers, sites, QualityParameters())
    assert drop_suspects(checked.towers, checked.findings)[0].attrs["simulated"] == "some towers"
    page = render_quality(checked, "towers.csv")
    assert "<title>Simulated data: Quality of the towers</title>" in page
    assert page.index("Simulated data: some towers come from") < page.index("towers.csv")


def test_three_hundred_towers_make_a_page_of_readable_size():
    towers, sites = simulate_towers(n_sites=300, n_years=3)
    page = render_quality(check_towers(towers, sites, QualityParameters()), "towers.csv")
    assert page.count("XX-299") == 1
    assert len(page) < 1_500_000


def admit(tmp_path, towers, sites, on_suspicion):
    parameters = QualityParameters(on_suspicion=on_suspicion)
    files = [tmp_path / "towers.csv"]
    checked, findings, _ = check_tower_quality(towers, sites, files, TowerParameters(), parameters)
    page = tmp_path / "quality.html"
    before = [{"site_id": "XX-Lost", "variable": "", "file": "f", "reason": "r", "remedy": ""}]
    return admit_towers(checked, sites, findings, files, page, parameters, before)


def test_suspects_stop_the_run_with_their_evidence(healthy, tmp_path):
    towers, sites = healthy
    towers = delay(towers, ["LAI"], 4, ["XX-001"])
    with pytest.raises(InputError) as caught:
        admit(tmp_path, towers, sites, "stop")
    message = str(caught.value)
    for part in ("towers.csv", "LAI at XX-001", "4 months late", "quality.html"):
        assert part in message


def test_suspects_are_dropped_or_only_reported(healthy, tmp_path):
    towers, sites = healthy
    towers = delay(towers, ["LAI"], 4, ["XX-001"])
    kept, of, left_out = admit(tmp_path, towers, sites, "drop")
    assert left_out[["site_id", "variable"]].to_numpy().tolist() == [
        ["XX-001", "LAI"],
        ["XX-Lost", ""],
    ]
    assert "4 months late" in left_out["reason"][0]
    assert kept.groupby("site_id")["LAI"].count()["XX-001"] == 0
    assert kept["LAI"].notna().sum() == len(towers) * 11 / 12
    assert kept.drop(columns="LAI").equals(towers.drop(columns="LAI"))
    assert len(of) == len(sites)
    assert kept.attrs["resolution"] == "MM"
    reported, _, left_out = admit(tmp_path, towers, sites, "report")
    assert reported.equals(towers)
    assert left_out["site_id"].tolist() == ["XX-Lost"]


def test_sites_with_a_shifted_calendar_are_dropped(healthy, tmp_path):
    towers, sites = healthy
    columns = [c for c in towers if c not in ("site_id", "time")]
    kept, of, left_out = admit(tmp_path, delay(towers, columns, 3, ["XX-005"]), sites, "drop")
    assert left_out[["site_id", "variable"]].iloc[0].tolist() == ["XX-005", ""]
    assert "XX-005" not in set(kept["site_id"]) | set(of["site_id"])
    assert len(of) == len(sites) - 1


def test_dropping_every_site_is_an_error(healthy):
    towers, sites = healthy
    sites["latitude"] *= -1
    checked = check_towers(towers, sites, QualityParameters())
    assert np.any([f.open for f in checked.findings])
    with pytest.raises(InputError, match="at least one site that passes"):
        drop_suspects(checked.towers, checked.findings)
