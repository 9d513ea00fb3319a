from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.validation.metrics import pooled
from uflux_kedro.validation.skill import skill_by_group, skill_by_part, split_signal

LEVEL = {"A": 2.0, "B": 5.0, "C": 9.0}
TREND = {"A": 0.1, "B": -0.2, "C": 0.3}


def signal(years=8):
    """Site level + season + trend by whole years, so that every part is known."""
    rows = [
        (site, pd.Timestamp(2001 + year, month, 1), LEVEL[site], season(month), TREND[site] * year)
        for site in LEVEL
        for year in range(years)
        for month in range(1, 13)
    ]
    table = pd.DataFrame(rows, columns=["site_id", "time", "level", "season", "trend"])
    table["truth"] = table["level"] + table["season"] + table["trend"]
    return table


def season(month):
    return np.cos(2 * np.pi * month / 12)


def test_each_part_is_scored_by_itself():
    table = signal()
    # Exact in season and trend; levels of sites are twice as large.
    table["prediction"] = 2 * table["level"] + table["season"] + table["trend"]
    parts = skill_by_part(table)
    assert list(parts.index) == [
        "across-site", "seasonal cycle", "anomaly", "interannual", "trend",
    ]  # fmt: skip
    assert parts.loc["across-site", "r2"] > 0.99
    assert parts.loc["across-site", "NSE"] < 0
    for part in ("seasonal cycle", "anomaly", "interannual", "trend"):
        assert parts.loc[part, "NSE"] == pytest.approx(1)
    assert parts["n"].to_dict() == {
        "across-site": 3, "seasonal cycle": 36, "anomaly": 288, "interannual": 24, "trend": 3,
    }  # fmt: skip
    assert (parts["sites"] == 3).all()


def test_a_model_without_trend_has_none():
    table = signal()
    table["prediction"] = table["level"] + table["season"]
    parts = skill_by_part(table)
    assert parts.loc["seasonal cycle", "NSE"] == pytest.approx(1)
    assert parts.loc["interannual", "NSE"] == pytest.approx(0)
    assert np.isnan(parts.loc["trend", "r2"])
    assert pooled(table)["NSE"] > 0.9


def test_trends_are_the_slopes_per_year():
    table = signal().assign(prediction=0.0)
    trends = split_signal(table)["trend"].set_index("site_id")
    assert trends["truth"].to_dict() == pytest.approx(TREND)
    assert trends["prediction"].to_numpy() == pytest.approx(0)


def test_parts_add_up():
    table = signal()
    table["truth"] += np.random.default_rng(0).standard_normal(len(table))
    table["prediction"] = table["truth"]
    parts = split_signal(table)
    month = parts["anomaly"]
    mean = parts["across-site"].set_index("site_id")["truth"]
    cycle = parts["seasonal cycle"].set_index(["site_id", "month"])["truth"]
    whole = (
        month["truth"]
        + month["site_id"].map(mean)
        + cycle.loc[pd.MultiIndex.from_frame(month[["site_id", "month"]])].to_numpy()
    )
    assert whole.to_numpy() == pytest.approx(table["truth"].to_numpy())


def test_years_of_eleven_months_count_and_of_ten_do_not():
    table = signal(years=5).assign(prediction=1.0)
    time = table["time"]
    lost = (table["site_id"] == "A") & (time == "2003-07-01")
    assert len(split_signal(table[~lost])["trend"]) == 3
    lost |= (table["site_id"] == "A") & (time == "2003-08-01")
    parts = split_signal(table[~lost])
    assert set(parts["trend"]["site_id"]) == {"B", "C"}
    assert parts["interannual"]["site_id"].value_counts().to_dict() == {"B": 5, "C": 5, "A": 4}


def test_a_missing_summer_month_is_no_anomaly_of_its_year():
    table = signal(years=4)
    table["truth"] = table["level"] + 10 * table["season"]
    table["prediction"] = table["truth"]
    kept = table[~((table["site_id"] == "B") & (table["time"] == "2002-12-01"))]
    assert split_signal(kept)["interannual"]["truth"].to_numpy() == pytest.approx(0, abs=1e-9)


def test_one_year_has_a_cycle_and_no_anomalies():
    parts = skill_by_part(signal(years=1).assign(prediction=lambda t: t["truth"]))
    assert parts.loc["seasonal cycle", "n"] == 36
    assert parts.loc[["anomaly", "interannual", "trend"], "n"].to_list() == [0, 0, 0]
    assert np.isnan(parts.loc["anomaly", "NSE"])


def test_daily_rows_are_taken_as_months():
    time = pd.date_range("2001-01-01", "2003-12-31")
    daily = pd.DataFrame({"site_id": "A", "time": time, "truth": season(time.month)})
    daily["prediction"] = daily["truth"] + 1
    parts = skill_by_part(daily)
    assert parts.loc["anomaly", "n"] == 36
    assert parts.loc["seasonal cycle", "NSE"] == pytest.approx(1)


def test_by_group():
    table = signal()
    table["prediction"] = table["truth"] + np.where(table["site_id"] == "C", 1.0, 0.0)
    groups = pd.Series({"A": "ENF", "B": "ENF", "C": "CRO", "D": "GRA"}, name="IGBP")
    skill = skill_by_group(table, groups)
    assert skill.index.name == "IGBP"
    assert list(skill.index) == ["CRO", "ENF"]
    assert skill["sites"].to_dict() == {"CRO": 1, "ENF": 2}
    assert skill.loc["ENF", "NSE"] == pytest.approx(1)
    assert skill.loc["CRO", "MBE"] == pytest.approx(1)
    assert len(skill_by_group(table, groups.drop("C"))) == 1


def test_a_month_seen_once_does_not_dampen_a_year():
    time = pd.date_range("2001-01-01", "2002-11-01", freq="MS")
    truth = np.where(time.year == 2001, 1.0, -1.0)
    table = pd.DataFrame({"site_id": "A", "time": time, "truth": truth, "prediction": truth})
    years = split_signal(table)["interannual"]
    assert years["truth"].tolist() == pytest.approx([1, -1])
    time = pd.date_range("2001-01-01", "2006-12-01", freq="MS")
    time = time[(time.month < 12) | (time.year == 2001)]
    table = pd.DataFrame(
        {"site_id": "A", "time": time, "truth": time.year * 1.0, "prediction": 0.0}
    )
    assert split_signal(table)["trend"]["truth"].tolist() == pytest.approx([1])
