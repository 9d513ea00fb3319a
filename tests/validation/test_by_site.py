"""Skill by site, choice of sites, intervals by group, and what Taylor diagrams show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.testing.synthetic import make_predictions, make_sites, make_training_table
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.validation.by_site import SITE_COLUMNS, choose_sites, skill_by_site
from uflux_kedro.validation.metrics import score
from uflux_kedro.validation.skill_groups import skill_intervals
from uflux_kedro.validation.taylor import taylor_statistics


@pytest.fixture(scope="module")
def sites():
    return make_sites()


@pytest.fixture(scope="module")
def held_out(sites):
    return make_predictions(make_training_table(sites))


def test_one_row_for_each_site_and_flux(sites, held_out):
    table = skill_by_site(held_out, sites)
    assert list(table) == list(SITE_COLUMNS)
    assert len(table) == 8 * 5
    row = table.query("flux == 'LE' and site_id == 'XX-003'").iloc[0]
    rows = held_out["LE"].query("site_id == 'XX-003'")
    expected = score(rows["truth"], rows["prediction"])
    assert row[["n", "NSE", "r2", "RMSE", "MBE"]].to_dict() == {
        name: pytest.approx(expected[name]) for name in ("n", "NSE", "r2", "RMSE", "MBE")
    }
    assert list(table["unit"].unique()) == ["gC m-2 d-1", "W m-2"]
    place = sites.set_index("site_id").loc["XX-003"]
    assert (row["IGBP"], row["climate"]) == (place["IGBP"], place["climate"])
    assert (row["latitude"], row["longitude"]) == (place["latitude"], place["longitude"])


def test_best_median_and_worst_are_chosen_by_nse():
    skill = pd.DataFrame(
        {"flux": "GPP", "site_id": list("EDCBA"), "n": [30, 30, 30, 30, 23], "NSE": [0.1, 0.5, 0.5, -3, 0.9]}
    )  # fmt: skip
    assert choose_sites(skill, "GPP") == {"C": "best", "D": "median", "B": "worst"}
    assert choose_sites(skill.query("site_id == 'E'"), "GPP") == {"E": "best, median, worst"}
    assert choose_sites(skill.assign(n=3), "GPP") == {}
    assert choose_sites(skill, "GPP", ["A"]) == {"A": "chosen"}, "however short its record"
    assert choose_sites(skill, "LE", ["A"]) == {}
    with pytest.raises(ConfigurationError, match=r"reporting\.towers.*Z"):
        choose_sites(skill, "GPP", ["Z"])


def test_groups_have_the_nse_of_their_rows_and_an_interval_around_it(sites, held_out):
    table = skill_intervals({"GPP": held_out["GPP"]}, sites, n_resamples=200)
    assert list(table["kind"].unique()) == ["part", "IGBP", "climate"]
    assert list(table.query("kind == 'part'")["group"]) == [
        "across-site", "seasonal cycle", "anomaly", "interannual",
    ]  # fmt: skip
    row = table.query("kind == 'IGBP' and group == 'ENF'").iloc[0]
    names = sites.query("IGBP == 'ENF'")["site_id"]
    rows = held_out["GPP"][held_out["GPP"]["site_id"].isin(names)]
    assert row["sites"] == 2
    assert row["n"] == len(rows)
    assert row["NSE"] == pytest.approx(score(rows["truth"], rows["prediction"])["NSE"])
    assert row["low"] <= row["NSE"] <= row["high"]
    without = skill_intervals(
        {"GPP": held_out["GPP"]}, sites.drop(columns="climate"), n_resamples=9
    )
    assert "climate" not in set(without["kind"])


def test_taylors_triangle_closes(held_out):
    rows = held_out["H"]
    members = pd.concat(
        [rows.assign(predictor_set="b"), rows.assign(predictor_set="a", prediction=5.0)]
    )
    table = taylor_statistics(members, rows).set_index("member")
    assert list(table.index) == ["a", "b", "ensemble"]
    assert np.isnan(table.loc["a", "correlation"]), "a constant has none"
    one = table.loc["b"]
    assert one.equals(table.loc["ensemble"])
    truth, prediction = rows["truth"], rows["prediction"]
    assert one["correlation"] == pytest.approx(truth.corr(prediction))
    assert one["deviation"] == pytest.approx(prediction.std() / truth.std())
    centred = (prediction - prediction.mean()) - (truth - truth.mean())
    assert one["error"] == pytest.approx(np.sqrt((centred**2).mean()) / truth.std(ddof=0))
    assert (one["sites"], one["n"]) == (8, len(rows))


def test_no_correlation_exceeds_one(held_out):
    rows = held_out["H"]
    lines = [rows.assign(predictor_set=f"{a}", prediction=a * rows["truth"] + 0.3) for a in (0.3, 0.5, 0.7, 1.1, 1.3)]  # fmt: skip
    table = taylor_statistics(pd.concat(lines), rows)
    assert table["correlation"].iloc[:-1].tolist() == pytest.approx([1] * len(lines))
    assert table["correlation"].max() <= 1
