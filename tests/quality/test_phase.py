"""Shifted seasons are found, named and measured; healthy ones raise no alarm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.quality_power import DEFECTS, power
from tests.testing.towers import delay, read_monthly_towers, scramble_months, simulate_towers
from uflux_kedro.errors import InputError
from uflux_kedro.quality import phase as phase_module
from uflux_kedro.quality.check import check_phase, check_towers
from uflux_kedro.quality.month_order import in_calendar_order
from uflux_kedro.quality.natural import family, kind, seasonal_columns
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.quality.phase import Seasons, pair_lags, standard_error
from uflux_kedro.quality.years import LAGS, Years, lag_profile, peak, solar_years

ALARM = 0.01


def phase(towers, sites, alarm=ALARM):
    columns = seasonal_columns([str(c) for c in towers])
    return check_phase(Years.of(towers, columns), sites, columns, alarm)[0]


def test_healthy_towers_raise_no_alarm(healthy):
    assert phase(*healthy) == []


@settings(max_examples=6)
@given(months=st.integers(-5, 6).filter(lambda k: abs(k) > 2), seed=st.integers(0, 3))
def test_a_column_that_is_late_by_k_months_is_found_with_lag_k(months, seed):
    towers, sites = simulate_towers(seed=seed)
    found = phase(delay(towers, ["EVI"], months, ["XX-001"]), sites)
    (finding,) = found
    assert (finding.variable, finding.sites) == ("EVI", ("XX-001",))
    side = "late" if months > 0 else "early"
    assert finding.found.startswith(f"{abs(months)} months {side}")


# A month early is missed on half of these towers: weather follows the sun by a month or so anyway.
@settings(max_examples=5)
@given(months=st.sampled_from([-3, -2, 1, 2, 3]), seed=st.integers(0, 3))
def test_a_shifted_site_is_found_by_the_sun(months, seed):
    towers, sites = simulate_towers(seed=seed)
    columns = [c for c in towers if c not in ("site_id", "time")]
    found = phase(delay(towers, columns, months, ["XX-004"]), sites)
    (finding,) = found
    assert (finding.variable, finding.sites) == (None, ("XX-004",))
    side = "late" if months > 0 else "early"
    assert f"{abs(months)} month{'s' * (abs(months) > 1)} {side}" in finding.found
    assert "timestamps" in finding.found


def test_all_sites_late_by_a_month_are_found_together(healthy):
    towers, sites = healthy
    found = phase(delay(towers, ["LAI"], 1, sites["site_id"]), sites)
    assert [f.variable for f in found] == ["LAI"]
    assert found[0].found.startswith("1 month late")
    assert "pooled over all sites" in found[0].found


def test_a_latitude_of_the_wrong_sign_is_distinguished_from_a_shift(healthy):
    towers, sites = healthy
    sites.loc[sites["site_id"] == "XX-002", "latitude"] *= -1
    (finding,) = phase(towers, sites)
    assert (finding.variable, finding.sites) == (None, ("XX-002",))
    assert "latitude has the wrong sign" in finding.found


@pytest.mark.parametrize("columns", [["EVI"], ["LAI"], ["GPP"], ["EVI", "LAI"]])
def test_months_in_text_order_are_named_as_such(healthy, columns):
    towers, sites = healthy
    spoiled = ["XX-000", "XX-003", "XX-005"]
    found = phase(scramble_months(towers, columns, spoiled), sites)
    assert sorted(f.variable for f in found) == columns
    for finding in found:
        assert finding.sites == tuple(spoiled)
        assert "text order (1, 10, 11, 12, 2 ... 9)" in finding.found
        assert "months late" in finding.found


def test_months_in_text_order_are_in_calendar_order():
    months = np.array([1, 10, 11, 12, 2, 3, 4, 5, 6, 7, 8, 9])
    assert in_calendar_order(months).tolist() == list(range(1, 13))


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


# ---------------------------------------------------------------- what is judged, and how surely

LATITUDE = 20.0  # where the sun is never low and varies by little


def wave(months=0.0, harmonic=1):
    return np.cos(2 * np.pi * harmonic * (np.arange(12) - months) / 12)


def years_of(n_years=2, site="A", **columns):
    """Site-years that are all alike, of one year of values for each column."""
    time = pd.date_range("2001-01-01", periods=12 * n_years, freq="MS")
    table = {name: np.tile(values, n_years) for name, values in columns.items()}
    return pd.DataFrame({"site_id": site, "time": time, **table})


def seasons_of(*tables, latitude=LATITUDE):
    towers = pd.concat(tables, ignore_index=True)
    columns = [c for c in towers if c not in ("site_id", "time")]
    years = Years.of(towers, columns)
    return years, Seasons.of(years, np.full(len(years.sites), latitude), columns)


@pytest.mark.parametrize(
    ("column", "share"),
    [
        ("SW_IN", 0.7),
        ("VPD", 0.8),
        ("GPP", 0.8),
        ("RECO", 0.8),
        ("LE", 0.8),
        ("LAI", 0.8),
        ("EVI", 0.4),
        ("EVI2", 0.4),
        ("NIRv", 0.55),
        ("NDVI", 0.4),
        ("SIF", 0.8),
    ],
)
def test_a_season_is_clear_from_a_share_of_its_mean_on(column, share):
    for mean in (10.0, -10.0):
        for span, clear in ((share + 1e-6, True), (share - 1e-6, False)):
            year = mean + 10 * span / 2 * wave()
            assert seasons_of(years_of(**{column: year}))[1].clear[column].item() == clear


@pytest.mark.parametrize(("column", "span"), [("TA", 8.0), ("ERA_TA_MIN", 8.0), ("LW_IN", 30.0)])
def test_a_season_of_temperature_is_clear_from_a_range_on(column, span):
    for mean in (0.0, 300.0):
        for off, clear in ((1e-6, True), (-1e-6, False)):
            year = mean + (span + off) / 2 * wave()
            assert seasons_of(years_of(**{column: year}))[1].clear[column].item() == clear


def test_a_column_without_values_has_no_clear_season():
    empty = years_of(GPP=np.full(12, np.nan), TA=10 * wave())
    _, seasons = seasons_of(empty)
    assert not seasons.clear["GPP"].item()
    assert seasons.clear["TA"].item()


def test_the_sun_is_a_reference_from_a_tenth_on():
    sun = solar_years(np.arange(0.0, 60.0, 0.5))
    amplitude = sun.std(-1) / sun.mean(-1)
    towers = pd.concat([years_of(site=f"S{i:03d}", TA=10 * wave()) for i in range(len(sun))])
    years = Years.of(towers, ["TA"])
    seasons = Seasons.of(years, np.arange(0.0, 60.0, 0.5), ["TA"])
    np.testing.assert_array_equal(seasons.clear["SUN"], amplitude >= 0.1)
    np.testing.assert_allclose(seasons.sun, amplitude)
    assert np.arange(0.0, 60.0, 0.5)[seasons.clear["SUN"]].min() == 14.5  # degrees of latitude
    assert seasons.drawn["SUN"].shape == seasons.drawn["TA"].shape == (16, len(sun), 12)


def test_vegetation_under_a_low_sun_is_no_evidence():
    _, seasons = seasons_of(years_of(EVI=0.5 + 0.3 * wave(6), GPP=5 + 4 * wave(6)), latitude=65.0)
    low = solar_years(np.array([65.0]))[0] < 80
    assert 3 <= low.sum() <= 5
    np.testing.assert_array_equal(np.isnan(seasons.mean["EVI"][0]), low)
    assert np.isnan(seasons.drawn["EVI"][:, 0][:, low]).all()
    assert np.isfinite(seasons.mean["GPP"]).all()


@pytest.mark.parametrize(("r", "judged"), [(0.851, True), (0.849, False)])
def test_a_pair_is_judged_from_a_correlation_of_085_on(r, judged):
    # The third wave of a year goes along with the first at no lag.
    other = r * wave(harmonic=1) + np.sqrt(1 - r**2) * wave(harmonic=3)
    years, seasons = seasons_of(years_of(GPP=5 + 4 * wave(), RECO=5 + 4 * other))
    lags = pair_lags(years, seasons)
    assert lags["r"].tolist() == pytest.approx([r] * judged)


def test_a_pair_is_judged_up_to_an_error_of_six_tenths(monkeypatch):
    """Two years that are alike have no error but the floor's, half of it as there are two."""
    for floor, judged in ((1.19, True), (1.21, False)):
        monkeypatch.setattr(phase_module, "_FLOOR", floor)
        years, seasons = seasons_of(years_of(GPP=5 + 4 * wave(), RECO=5 + 4 * wave()))
        errors = pair_lags(years, seasons)["error"].tolist()
        assert errors == pytest.approx([floor / 2] * judged)


def test_the_floor_is_half_a_month_over_the_years():
    years, seasons = seasons_of(
        *(years_of(n, f"S{n}", GPP=5 + 4 * wave(), RECO=5 + 4 * wave()) for n in (1, 2, 5))
    )
    lags = pair_lags(years, seasons)
    assert lags["error"].tolist() == pytest.approx([0.5, 0.25, 0.1])


def test_a_lag_is_counted_from_what_is_usual():
    # GPP leads RECO by 0.2 months as a rule; here it is a month late.
    years, seasons = seasons_of(years_of(GPP=5 + 4 * wave(1), RECO=5 + 4 * wave()))
    (pair,) = pair_lags(years, seasons).itertuples()
    assert (pair.late, pair.reference, pair.site, pair.pooled) == ("GPP", "RECO", 1.2, 0.4)
    assert pair.lag == pytest.approx(1.2, abs=1e-6)
    # Half a year off, and a little more, is as much on the other side.
    years, seasons = seasons_of(years_of(GPP=5 + 4 * wave(6), RECO=5 + 4 * wave()))
    assert pair_lags(years, seasons)["lag"].item() == pytest.approx(-5.8, abs=1e-6)


def test_a_faint_sun_leaves_more_room():
    for latitude in (16.0, 25.0, 50.0):
        sun = solar_years(np.array([latitude]))
        amplitude = float(sun.std() / sun.mean())
        table = years_of(TA=10 * sun[0] / np.ptp(sun))
        lags = pair_lags(*seasons_of(table, latitude=latitude))
        assert lags["site"].item() == pytest.approx(0.8 * max(1, 0.25 / amplitude))
        assert lags["pooled"].item() == 0.35
    assert amplitude > 0.25


def test_the_standard_error_by_hand():
    # Three years whose draws are 0.3 off on either side: a variance of 0.09, of one year
    # 0.09 x 9 / 2 = 0.405, which is also the usual one.
    deviation = np.array([[0.3], [-0.3]])
    found = standard_error(deviation, np.array([3]), floor=0.5)
    assert found == pytest.approx([np.sqrt(0.405 / 3 + (0.5 / 3) ** 2)])
    # A second site of five years that are alike, and a third of one year, which has no say: the
    # usual variance is 0.2025; of n years (n - 1) count, and 2 of the usual one.
    deviation = np.array([[0.3, 0.0, 0.0], [-0.3, 0.0, np.nan]])
    first = (0.405 * 2 + 2 * 0.2025) / 4
    second = 2 * 0.2025 / 6
    expected = [first / 3 + 0.01 / 9, second / 5 + 0.01 / 25, 0.2025 + 0.01]
    found = standard_error(deviation, np.array([3, 5, 1]), floor=0.1)
    assert found == pytest.approx(np.sqrt(expected))


def test_where_no_site_has_two_years_a_month_is_usual():
    found = standard_error(np.array([[0.0, np.nan]]), np.array([1, 1]), floor=0.5)
    assert found == pytest.approx([np.sqrt(1.25), np.inf])


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
    folder = shared_data / "towers_monthly" / "as_distributed"
    caught = {
        site: {f.variable for f in phase(*read_monthly_towers([folder / f"{site}.csv"]))}
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


def test_towers_that_the_sites_lack_are_refused(healthy):
    """Without latitudes, nothing could be compared with the sun, and nothing would be found."""
    towers, sites = healthy
    with pytest.raises(InputError, match="a row of the site table for each tower; found none for"):
        check_towers(towers, sites.iloc[1:], QualityParameters())
