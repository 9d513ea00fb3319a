"""Sums: simulated errors are recovered, annual sums of unseen towers are covered, edge cases."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.statistics.correlated import SumErrors, distances_km, unit_vectors
from uflux_kedro.uncertainty.correlation import (
    correlation_by_distance,
    correlation_by_lag,
    effective_towers,
    error_series,
    fit_in_space,
    fit_in_time,
    lag_moments,
    pair_moments,
)
from uflux_kedro.uncertainty.sums import annual_sums, fit_sum_errors, held_out_sums

TRUTH = SumErrors(persistent=0.4, seasonal=0.15, decaying=0.35, decay_days=60.0)


def simulate(
    towers=80, years=6, errors=TRUTH, seed=1, sigma=1.5, places=None, shared=0.0, reach=1.0
):
    """Held-out rows whose errors have a known correlation; ``shared`` among neighbours."""
    random = np.random.default_rng(seed)
    time = pd.date_range("2001-01-01", periods=12 * years, freq="MS")
    days = (time - time[0]).days.to_numpy(float)
    if places is None:
        places = random.uniform(-60, 60, (towers, 2)) * [1, 3]
    d = distances_km(*[unit_vectors(*places.T)] * 2)
    near = np.where(np.eye(towers, dtype=bool), 1, shared * np.exp(-d / reach))
    lag = days[:, None] - days
    z = np.linalg.cholesky(near) @ random.normal(size=(towers, len(days)))
    z = z @ np.linalg.cholesky(errors.in_time(lag) + 1e-9 * np.eye(len(days))).T
    season = 1 + 0.5 * np.cos(2 * np.pi * days / 365.25)
    spread = sigma * season * np.ones((towers, 1))
    return pd.DataFrame(
        {
            "site_id": np.repeat([f"T{i:03}" for i in range(towers)], len(days)),
            "time": np.tile(time, towers),
            "centre": 5.0,
            "truth": (5 + spread * z).ravel(),
            "sigma": spread.ravel(),
            "latitude": np.repeat(places[:, 0], len(days)),
            "longitude": np.repeat(places[:, 1], len(days)),
            "IGBP": np.repeat(np.arange(towers) % 2 + 1, len(days)),
        }
    )


def covered(sums, kind=""):
    return sums["truth"].between(sums[f"lower{kind}"], sums[f"upper{kind}"]).mean()


def test_the_correlation_in_time_is_recovered():
    found = fit_sum_errors(simulate(towers=150, seed=0), resamples=20)
    assert found.persistent == pytest.approx(0.4, abs=0.08)
    assert found.seasonal == pytest.approx(0.15, abs=0.05)
    assert found.decaying == pytest.approx(0.35, abs=0.08)
    assert 35 < found.decay_days < 100
    assert found.scale == pytest.approx(1, abs=0.06)
    low, high = found.details["bands"]["persistent"]
    assert low < 0.4 < high


def test_a_seasonal_part_that_is_not_there_is_not_kept():
    plain = SumErrors(persistent=0.4, seasonal=0.0, decaying=0.4, decay_days=60.0)
    assert fit_sum_errors(simulate(errors=plain, towers=60), resamples=20).seasonal == 0


def test_gaps_and_clusters_of_rows_leave_the_correlation_as_it_is():
    rows = simulate(towers=120)
    kept = np.random.default_rng(2).random(len(rows)) < 0.6
    found = fit_sum_errors(rows[kept], resamples=0)
    assert found.persistent == pytest.approx(0.4, abs=0.1)
    assert found.details["annual_sums"] < 0.1 * len(rows) / 12


def test_a_few_wild_towers_do_not_decide():
    rows = simulate(towers=100)
    wild = rows["site_id"] < "T003"
    random = np.random.default_rng(5).normal(0, 60, wild.sum())
    rows.loc[wild, "truth"] += random
    assert fit_sum_errors(rows, resamples=0).persistent == pytest.approx(0.4, abs=0.12)


def test_sums_of_unseen_towers_are_covered_where_independence_is_too_narrow():
    seen = fit_sum_errors(simulate(towers=100, seed=3), resamples=0)
    sums = annual_sums(simulate(towers=150, seed=4), seen)
    assert len(sums) == 150 * 6
    assert covered(sums) == pytest.approx(0.9, abs=0.04)
    assert covered(sums, "_independent") < 0.7
    assert covered(sums, "_dependent") > 0.95


def test_a_towers_own_errors_do_not_widen_its_interval():
    """A leak would: the interval of a tower far off would then hold it."""
    rows = simulate(towers=12, years=3)
    own = rows["site_id"] == "T003"
    off = rows.assign(truth=rows["truth"] + np.where(own, 50.0, 0.0))
    plain, moved = (held_out_sums(table).set_index(["site_id", "year"]) for table in (rows, off))
    assert list(plain.index) == list(moved.index)
    assert len(plain) == 12 * 3
    width = plain["upper"] - plain["lower"], moved["upper"] - moved["lower"]
    np.testing.assert_allclose(width[0]["T003"], width[1]["T003"])
    others = width[1].drop("T003", level=0) / width[0].drop("T003", level=0)
    assert others.mean() > 1.2, "towers of other folds learn of it"
    assert (moved["truth"] > moved["upper"])["T003"].all()


def test_a_single_tower_has_no_sum_that_others_could_judge():
    one = simulate(towers=1, years=2)
    assert held_out_sums(one).empty
    assert list(held_out_sums(one)) == list(annual_sums(one, TRUTH))


def test_the_multiplier_mends_a_spread_that_is_too_small():
    rows = simulate(towers=100, seed=3).assign(sigma=lambda r: r["sigma"] / 3)
    test = simulate(towers=100, seed=4).assign(sigma=lambda r: r["sigma"] / 3)
    found = fit_sum_errors(rows, resamples=0)
    assert found.scale == pytest.approx(3, rel=0.06)
    assert covered(annual_sums(test, found)) == pytest.approx(0.9, abs=0.05)


def test_sums_are_of_complete_years_with_their_days():
    rows = simulate(towers=3, years=2)
    rows = rows.drop(index=[5])  # June of the first tower's first year
    sums = annual_sums(rows, TRUTH)
    assert list(zip(sums["site_id"], sums["year"], strict=True)) == [
        ("T000", 2002), ("T001", 2001), ("T001", 2002), ("T002", 2001), ("T002", 2002),
    ]  # fmt: skip
    assert sums["centre"].to_numpy() == pytest.approx(5.0 * 365)
    year = rows[(rows.site_id == "T001") & (rows.time.dt.year == 2001)]
    assert sums["truth"][1] == pytest.approx((year["truth"] * year["time"].dt.days_in_month).sum())


def test_bounds_of_rows_are_those_of_the_limits():
    rows = simulate(towers=4, years=1).assign(lower=4.0, upper=7.0)
    sums = annual_sums(rows, fit_sum_errors(rows, resamples=0))
    assert sums["lower_dependent"].to_numpy() == pytest.approx(4.0 * 365)
    assert sums["upper_dependent"].to_numpy() == pytest.approx(7.0 * 365)
    root = np.sqrt((pd.to_datetime(rows["time"][:12]).dt.days_in_month ** 2).sum())
    assert sums["upper_independent"].to_numpy() == pytest.approx(5 * 365 + 2 * root)


def test_what_neighbours_share_is_recovered():
    random = np.random.default_rng(7)
    centres = random.uniform(-50, 50, (40, 2)) * [1, 3]
    places = (centres[:, None] + random.normal(0, 2, (40, 5, 2))).reshape(-1, 2)
    rows = simulate(towers=200, years=4, places=places, shared=0.7, reach=400.0)
    found = fit_sum_errors(rows, resamples=10)
    km = np.array([100.0, 300.0, 800.0])
    expected = 0.7 * np.exp(-km / 400)
    for share, reach in (
        (found.level_shared, found.level_range_km),
        (found.passing_shared, found.passing_range_km),
    ):
        assert share * np.exp(-km / reach) == pytest.approx(expected, abs=0.15)
    apart = fit_sum_errors(simulate(towers=200, years=4, places=places), resamples=0)
    assert apart.towers > 1.3 * found.towers
    assert set(found.class_towers) == {1, 2}
    assert max(found.class_towers.values()) < found.towers


def test_neighbours_that_a_model_has_seen_form_no_pairs():
    rows = simulate(towers=30, places=np.random.default_rng(1).uniform(0, 3, (30, 2)))
    every = pair_moments(error_series(rows))
    folds = rows["site_id"].str[1:].astype(int) % 5
    together = pair_moments(error_series(rows.assign(fold=folds)))
    assert len(every.km) == 30 * 29 / 2
    assert len(together.km) == 5 * 6 * 5 / 2
    assert (together.first % 5 == together.second % 5).all()


def test_a_cluster_of_towers_counts_little_more_than_one():
    far = unit_vectors([0.0, 40.0, -40.0], [0.0, 90.0, -90.0])
    cluster = np.concatenate([far, np.repeat(far[:1], 20, axis=0)])
    assert effective_towers(far, 0.9, 500.0) == pytest.approx(3, abs=0.01)
    assert effective_towers(cluster, 1.0, 500.0) < 3
    assert effective_towers(cluster, 0.0, 500.0) == 23


def test_the_fit_of_lags_is_a_correlation():
    random = np.random.default_rng(3)
    days = 30.4 * np.arange(1, 60)
    for _ in range(20):
        fit = fit_in_time(days, random.uniform(-0.5, 1, days.size), np.ones(days.size))
        assert min(fit) >= 0
        assert fit.persistent + fit.seasonal + fit.decaying <= 1 + 1e-6


def test_days_and_weeks_are_periods_too():
    time = pd.date_range("2001-01-01", periods=2 * 365, freq="D")
    days = np.arange(time.size, dtype=float)
    random = np.random.default_rng(6)
    parts = []
    for tower in range(20):
        z = random.normal() * 0.7 + random.normal(size=days.size) * 0.7
        parts.append(pd.DataFrame({"site_id": f"T{tower}", "time": time, "truth": z, "centre": 0.0, "sigma": 1.0}))  # fmt: skip
    rows = pd.concat(parts)
    found = fit_sum_errors(rows, resamples=0)
    assert found.persistent == pytest.approx(0.5, abs=0.2)
    sums = annual_sums(rows, found)
    assert len(sums) == 20 * 2
    assert len(found.details["by_lag"]) < 200


def test_one_tower_shares_its_level_with_the_whole_map():
    rows = simulate(towers=1, years=3)
    found = fit_sum_errors(rows)
    assert found.towers == 1
    assert found.common() == 1
    assert (found.level_shared, found.passing_shared) == (0, 0)
    assert found.zone_multiplier >= 1.64
    json.dumps(found.to_dict(), allow_nan=False)


def test_towers_without_lags_are_taken_to_persist():
    rows = simulate(towers=5).groupby("site_id").head(1)
    found = fit_sum_errors(rows)
    assert found.persistent == 1
    assert found.details["annual_sums"] == 0
    assert found.tower_multiplier == pytest.approx(1.645, abs=0.001)
    assert annual_sums(rows, found).empty


def test_without_places_towers_are_far_from_each_other():
    rows = simulate(towers=10, years=2).drop(columns=["latitude", "longitude", "IGBP"])
    found = fit_sum_errors(rows, resamples=5)
    assert found.towers == 10
    assert found.class_towers == {}
    assert found.details["by_distance"] == []


def test_errors_of_sums_survive_json():
    found = fit_sum_errors(simulate(towers=12, years=2), resamples=5)
    again = SumErrors.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert again == found


def test_rows_without_a_spread_are_left_out_and_a_missing_column_is_named():
    rows = simulate(towers=6, years=2)
    holes = pd.concat([rows, rows.head(3).assign(sigma=np.nan), rows.head(2).assign(sigma=0.0)])
    assert fit_sum_errors(holes, resamples=0) == fit_sum_errors(rows, resamples=0)
    with pytest.raises(InputError, match="sigma"):
        fit_sum_errors(rows.drop(columns="sigma"))
    with pytest.raises(InputError, match="none"):
        fit_sum_errors(rows.assign(sigma=np.nan))


def test_records_of_one_month_in_common_do_not_tell_parts_apart():
    rows = simulate(towers=40, years=1, shared=0.9, reach=3000.0)
    series = error_series(rows)
    binned = correlation_by_distance(pair_moments(series), np.ones(40), 0.5)
    known = binned[3] > 0
    assert binned[1][known] == pytest.approx(binned[2][known])
    assert fit_in_space(binned).level_shared > 0.3
    correlation, weight = correlation_by_lag(lag_moments(series), np.ones(40))
    assert fit_in_time(lag_moments(series).days, correlation, weight).seasonal == 0
