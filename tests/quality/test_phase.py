"""Seasons out of place are found, named and counted; healthy ones raise no alarm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.quality_power import DEFECTS, power
from tests.quality.conftest import simulated
from uflux_kedro.quality.check import check_phase, check_towers
from uflux_kedro.quality.month_order import as_text_order, put_right
from uflux_kedro.quality.natural import family, kind, seasonal_columns
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.quality.phase import Seasons, pair_lags
from uflux_kedro.quality.years import LAGS, Years, lag_profile, peak, solar_years

ALARM = 0.01


def phase(towers, sites, alarm=ALARM):
    columns = seasonal_columns([str(c) for c in towers])
    return check_phase(Years.of(towers, columns), sites, columns, alarm)[0]


def late(towers, columns, months, sites):
    """Columns of some sites late by some months, as a circle so that nothing is lost."""
    towers = towers.copy()
    for site in sites:
        rows = towers["site_id"] == site
        for column in columns:
            towers.loc[rows, column] = np.roll(towers.loc[rows, column].to_numpy(), months)
    return towers


def scrambled(towers, columns, sites):
    """Columns of some sites with the months of each year in text order."""
    towers = towers.copy()
    for site in sites:
        rows = towers["site_id"] == site
        for column in columns:
            years = towers.loc[rows, column].to_numpy().reshape(-1, 12)
            towers.loc[rows, column] = as_text_order(years).ravel()
    return towers


def test_healthy_towers_raise_no_alarm(healthy):
    assert phase(*healthy) == []


@settings(max_examples=6)
@given(months=st.integers(-5, 6).filter(lambda k: abs(k) > 2), seed=st.integers(0, 3))
def test_a_column_that_is_late_by_k_months_is_found_with_lag_k(months, seed):
    towers, sites = simulated(seed=seed)
    found = phase(late(towers, ["EVI"], months, ["XX-001"]), sites)
    (finding,) = found
    assert (finding.variable, finding.sites) == ("EVI", ("XX-001",))
    side = "late" if months > 0 else "early"
    assert finding.found.startswith(f"{abs(months)} months {side}")


@settings(max_examples=5)
@given(months=st.sampled_from([-3, -2, -1, 1, 2, 3]), seed=st.integers(0, 3))
def test_a_whole_site_is_told_by_the_sun(months, seed):
    towers, sites = simulated(seed=seed)
    columns = [c for c in towers if c not in ("site_id", "time")]
    found = phase(late(towers, columns, months, ["XX-004"]), sites)
    (finding,) = found
    assert (finding.variable, finding.sites) == (None, ("XX-004",))
    side = "late" if months > 0 else "early"
    assert f"{abs(months)} month{'s' * (abs(months) > 1)} {side}" in finding.found
    assert "timestamps" in finding.found


def test_all_sites_late_by_a_month_are_found_together(healthy):
    towers, sites = healthy
    found = phase(late(towers, ["LAI"], 1, sites["site_id"]), sites)
    assert [f.variable for f in found] == ["LAI"]
    assert found[0].found.startswith("1 month late")
    assert "all sites together" in found[0].found


def test_a_latitude_of_the_wrong_sign_is_told_from_a_shift(healthy):
    towers, sites = healthy
    sites.loc[sites["site_id"] == "XX-002", "latitude"] *= -1
    (finding,) = phase(towers, sites)
    assert (finding.variable, finding.sites) == (None, ("XX-002",))
    assert "latitude has the wrong sign" in finding.found


@pytest.mark.parametrize("columns", [["EVI"], ["LAI"], ["GPP"], ["EVI", "LAI"]])
def test_months_in_text_order_are_named_as_such(healthy, columns):
    towers, sites = healthy
    spoiled = ["XX-000", "XX-003", "XX-005"]
    found = phase(scrambled(towers, columns, spoiled), sites)
    assert sorted(f.variable for f in found) == columns
    for finding in found:
        assert finding.sites == tuple(spoiled)
        assert "text order (1, 10, 11, 12, 2 ... 9)" in finding.found
        assert "months late" in finding.found


def test_text_order_and_back():
    months = np.arange(1, 13)
    assert as_text_order(months).tolist() == [1, 10, 11, 12, 2, 3, 4, 5, 6, 7, 8, 9]
    assert put_right(as_text_order(months)).tolist() == months.tolist()


def test_faint_seasons_are_not_judged(healthy):
    towers, sites = healthy
    rng = np.random.default_rng(1)
    # An evergreen site: leaves vary by a tenth, and against the season.
    rows = towers["site_id"] == "XX-001"
    turned = 0.45 - 0.1 * (towers.loc[rows, "EVI"] - 0.3) + 0.01 * rng.normal(size=rows.sum())
    towers.loc[rows, "EVI"] = turned
    assert phase(towers, sites) == []


def test_a_turned_season_at_the_equator_is_not_judged_by_the_sun(healthy):
    towers, sites = healthy
    sites.loc[sites["site_id"] == "XX-001", "latitude"] = 2.0
    assert phase(towers, sites) == []


@given(months=st.integers(-5, 6), level=st.floats(-50, 50), scale=st.floats(0.1, 100))
def test_the_peak_of_a_profile_is_the_shift(months, level, scale):
    sun = solar_years(np.array([45.0, -50.0]))
    lag, r = peak(lag_profile(level + scale * np.roll(sun, months, axis=1), sun))
    assert lag == pytest.approx((months + 6) % 12 - 6 if abs(months) < 6 else lag, abs=0.05)
    assert np.abs(lag) == pytest.approx(abs(months), abs=0.05)
    assert r == pytest.approx(1.0)


def test_profiles_with_and_without_gaps_agree():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 5, 12))
    whole = lag_profile(a, b)
    with_gap = a.copy()
    with_gap[0, 3] = np.nan
    assert lag_profile(with_gap, b)[1:] == pytest.approx(whole[1:])
    assert (lag_profile(with_gap, b)[0] != whole[0]).any()
    assert whole.shape == (5, len(LAGS))


def test_days_and_months_give_the_same_years(healthy):
    towers, _ = healthy
    one = towers[towers["site_id"] == "XX-000"]
    days = (
        one.set_index("time")[["TA"]].resample("D").ffill().reset_index().assign(site_id="XX-000")
    )
    whole = Years.of(days[days["time"] < "2006-12-01"], ["TA"]).months["TA"]
    months = Years.of(one, ["TA"]).months["TA"]
    assert whole[:5] == pytest.approx(months[:5])


def test_families_and_kinds():
    assert family("ERA_TA_MIN") == "TA"
    assert [kind(c) for c in ("MODIS_NDVI", "GPP", "ERA_SW_IN", "SUN")] == [
        "vegetation", "flux", "weather", "SUN",
    ]  # fmt: skip


# ---------------------------------------------------------------- measured towers


def test_the_mended_table_raises_no_alarm(mended):
    checked = check_towers(*mended, QualityParameters())
    assert [f for f in checked.findings if f.open] == []


def test_the_table_as_distributed_is_caught(as_distributed):
    found = phase(*as_distributed)
    assert {f.variable for f in found} == {"EVI", "LAI"}
    for finding in found:
        assert finding.found.startswith("3 months late: months in text order")
        assert len(finding.sites) == 13


def test_one_spoiled_file_alone_is_caught(shared_data):
    from tests.quality.conftest import read

    folder = shared_data / "towers_monthly" / "as_distributed"
    caught = {
        site: {f.variable for f in phase(*read([folder / f"{site}.csv"]))}
        for site in ("DE-Hai", "US-Ne1", "FI-Hyy", "CA-Oas", "US-Var")
    }
    assert all(variables == {"EVI", "LAI"} for variables in caught.values()), caught


def test_halves_of_the_healthy_table_raise_no_alarm(mended):
    towers, sites = mended
    names = np.random.default_rng(5).permutation(sites["site_id"])
    for half in (names[:69], names[69:89], names[-8:]):
        part = towers[towers["site_id"].isin(half)]
        assert phase(part, sites[sites["site_id"].isin(half)]) == []


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("EVI and LAI in text order: LAI", 0.4),
        ("EVI 1 month late", 0.35),
        ("GPP 1 month late", 0.75),
        ("whole site 3 months late", 0.7),
        ("latitude of the wrong sign", 0.85),
    ],
)
def test_defects_put_into_measured_towers_are_found(mended, name, least):
    (defect,) = [d for d in DEFECTS if d.name == name]
    result = power(*mended, defect, rounds=1)
    assert result.found >= least * result.judged
    assert result.false <= 1


def test_lags_of_measured_towers_lie_in_natures_range(mended):
    towers, sites = mended
    columns = seasonal_columns([str(c) for c in towers])
    years = Years.of(towers, columns)
    latitude = sites.set_index("site_id")["latitude"].reindex(years.sites).to_numpy()
    lags = pair_lags(years, Seasons.of(years, latitude, columns))
    assert len(lags) > 3000
    outside = (lags["lag"].abs() > lags["site"]).groupby([lags["late"], lags["reference"]]).mean()
    assert outside.max() < 0.12
    assert isinstance(lags, pd.DataFrame)
