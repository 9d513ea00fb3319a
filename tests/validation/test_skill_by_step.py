"""Skill at every step of time, from rows whose parts are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.validation.metrics import SITE_SUMMARIES, pooled, score_by_site
from uflux_kedro.validation.skill_by_step import (
    STEP_COLUMNS,
    at_steps,
    site_summaries,
    skill_by_step,
)
from uflux_kedro.validation.steps import period_means, step_name

SITES = ("A", "B", "C", "D")
LEVEL = {"A": 2.0, "B": 5.0, "C": 9.0, "D": 1.0}


@pytest.fixture(scope="module")
def days():
    """Four towers of four years of days: level, season, years, and noise of days."""
    time = pd.date_range("2001-01-01", "2004-12-31")
    rng = np.random.default_rng(1)
    tables = [
        pd.DataFrame(
            {
                "site_id": site,
                "time": time,
                "level": LEVEL[site],
                "season": 3 * np.cos(2 * np.pi * time.day_of_year / 365.25),
                "year": (time.year - 2002) * 0.5,
                "noise": rng.standard_normal(len(time)),
            }
        )
        for site in SITES
    ]
    table = pd.concat(tables, ignore_index=True)
    return table.assign(truth=table[["level", "season", "year", "noise"]].sum(axis=1))


def test_each_step_is_scored_by_what_the_model_has_right(days):
    """A model of level and season alone: no anomalies, no years."""
    found = skill_by_step(days.assign(prediction=days["level"] + days["season"]))
    assert list(found.index) == ["day", "week", "month", "season", "anomaly", "year", "site"]
    assert list(found) == list(STEP_COLUMNS)
    assert (found["sites"] == 4).all()
    assert (found["scored"] == 4).all()
    assert found["n"].to_dict() == {
        "day": 4 * 1461, "week": 4 * 209, "month": 4 * 48, "season": 4 * 365, "anomaly": 4 * 1460,
        "year": 16, "site": 4,
    }  # fmt: skip
    # Noise of days averages out over weeks and months; what is left of a year is its own level.
    assert found.loc["day", "RMSE_median"] > found.loc["week", "RMSE_median"]
    assert found.loc["week", "RMSE_median"] > found.loc["month", "RMSE_median"]
    assert found.loc["year", "RMSE_median"] == pytest.approx(np.sqrt(np.mean(np.square([-0.75, -0.25, 0.25, 0.75]))), abs=0.03)  # fmt: skip
    assert found.loc["year", "NSE_median"] == pytest.approx(0, abs=0.01), "as good as no change"
    assert found.loc["anomaly", "NSE_median"] < 0.05
    assert found.loc["season", "NSE_median"] > 0.8
    assert found.loc["site", "NSE"] > 0.99
    assert np.isnan(found.loc["site", "NSE_median"]), "one value of a site has no NSE"
    # (-0.5 + 0 + 0.5 + 1) / 4, the mean of the years that the model does not know.
    assert found.loc["site", "RMSE_median"] == pytest.approx(0.25, abs=0.05)


def test_summaries_are_percentiles_over_sites(days):
    prediction = days["truth"] + days["site_id"].map({"A": 0.0, "B": 1.0, "C": 2.0, "D": 10.0})
    table = days.assign(prediction=prediction)
    found = skill_by_step(table).loc["day"]
    by_site = score_by_site(table)
    assert found["RMSE_median"] == pytest.approx(1.5)
    assert found["RMSE_p90"] == pytest.approx(np.percentile([0, 1, 2, 10], 90))
    assert found["NSE_p10"] == pytest.approx(np.percentile(by_site["NSE"], 10))
    assert found["NSE_median"] == pytest.approx(by_site["NSE"].median())
    assert found["NSE"] == pytest.approx(pooled(table)["NSE"])
    assert site_summaries(table) == {name: pytest.approx(found[name]) for name in SITE_SUMMARIES}


def test_a_period_needs_half_its_rows_and_both_sides_are_of_the_same(days):
    a = days[days["site_id"] == "A"].assign(prediction=0.0)
    month = (a["time"] >= "2001-04-01") & (a["time"] < "2001-05-01")
    kept = a[~month | (a["time"].dt.day <= 15)]
    means = period_means(kept, "month").set_index("time")
    assert len(means) == 48
    of_half = kept.loc[month.loc[kept.index], "truth"].mean()
    assert means.loc["2001-04-01", "truth"] == pytest.approx(of_half)
    fewer = a[~month | (a["time"].dt.day <= 14)]
    assert pd.Timestamp("2001-04-01") not in set(period_means(fewer, "month")["time"])
    weeks = period_means(a[(a["time"].dt.day_of_week < 4) | (a["time"].dt.year > 2001)], "week")
    assert (weeks["time"].dt.day_of_week == 0).all()
    assert len(weeks) == 209, "four of seven days are enough"
    assert len(period_means(a[(a["time"].dt.day_of_week < 3) | (a["time"].dt.year > 2001)], "week")) < 209  # fmt: skip


def test_a_missing_prediction_is_missing_on_both_sides(days):
    table = days.assign(prediction=days["truth"])
    holes = table["time"].dt.day > 20
    table.loc[holes, "prediction"] = np.nan
    found = skill_by_step(table)
    assert found.loc[["day", "week", "month", "season", "year", "site"], "RMSE"].max() < 1e-9


def test_months_start_at_months(days):
    months = period_means(days.assign(prediction=days["level"] + days["season"]), "month")
    steps = at_steps(months)
    assert list(steps) == ["month", "season", "anomaly", "year", "site"]
    assert len(steps["month"]) == len(months)
    assert len(steps["season"]) == 4 * 12
    assert "week" not in steps
    # A year of eleven months counts, one of ten does not; a site needs three to be scored by them.
    a_year = (months["site_id"] == "A") & (months["time"].dt.year == 2002)
    assert len(at_steps(months[~(a_year & (months["time"].dt.month > 11))])["year"]) == 16
    lost = a_year & (months["time"].dt.month > 10)
    assert len(at_steps(months[~lost])["year"]) == 15
    lost |= (months["site_id"] == "A") & (months["time"].dt.year == 2003)
    found = skill_by_step(months[~lost])
    assert found.loc["year", ["sites", "n", "scored"]].tolist() == [4, 14, 3]


def test_a_short_record_is_not_scored_by_itself(days):
    months = period_means(days.assign(prediction=0.0), "month")
    short = months[(months["site_id"] != "A") | (months["time"] < "2001-10-01")]
    found = skill_by_step(short)
    assert found.loc["month", ["sites", "scored"]].tolist() == [4, 3]
    assert found.loc["season", "sites"] == 3
    assert found.loc["site", "sites"] == 3
    nothing = skill_by_step(short.iloc[:0])
    assert nothing["n"].tolist() == [0]
    assert nothing[list(SITE_SUMMARIES)].isna().all(axis=None)


def test_half_hours_are_taken_to_days_first(days):
    time = pd.date_range("2001-01-01", "2002-12-31 23:30", freq="30min")
    table = pd.DataFrame({"site_id": "A", "time": time, "truth": time.hour * 1.0, "prediction": 11.5})  # fmt: skip
    found = skill_by_step(table)
    assert list(found.index[:4]) == ["half-hour", "day", "week", "month"]
    assert found.loc["half-hour", "RMSE"] == pytest.approx(np.std(np.arange(24)))
    assert found.loc["day", "RMSE"] == pytest.approx(0)


@pytest.mark.parametrize(
    ("days_between", "name"),
    [(1, "day"), (7, "week"), (31, "month"), (8, "8 days"), (365.25, "year"), (np.inf, "single rows")],
)  # fmt: skip
def test_a_step_has_the_name_of_its_length(days_between, name):
    assert step_name(days_between) == name
