from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.validation.bootstrap import compare_members
from uflux_kedro.validation.comparison import compare_with_first, mean_of_members
from uflux_kedro.validation.metrics import pooled


def predictions(noise, seed, years=range(2001, 2003)):
    truth = np.random.default_rng(0).normal(5, 3, (30, 10, 12))
    error = np.random.default_rng(seed).normal(0, noise, truth.shape)
    table = pd.DataFrame(
        {
            "site_id": np.repeat([f"S{i:02d}" for i in range(30)], 120),
            "time": np.tile(pd.date_range("2001-01-01", periods=120, freq="MS"), 30),
            "truth": truth.ravel(),
            "prediction": (truth + error).ravel(),
        }
    )
    return table[table["time"].dt.year.isin(years)].reset_index(drop=True)


@pytest.fixture(scope="module")
def members():
    return {
        "reference": predictions(1.0, 1),
        "better": predictions(0.5, 2),
        "worse": predictions(2.0, 3),
        "alike": predictions(1.0, 4),
    }


def test_every_member_is_compared_with_the_first(members):
    table = compare_with_first(members, seed=0)
    assert table.index.tolist() == ["better", "worse", "alike"]
    assert (table["reference"] == "reference").all()
    assert (table["sites"] == 30).all()
    assert (table["n"] == 720).all()

    assert table.loc["better", "NSE_low"] > 0
    assert table.loc["better", "RMSE_high"] < 0
    assert table.loc["worse", "NSE_high"] < 0
    assert table.loc["worse", "RMSE_low"] > 0
    assert (table.loc[["better", "worse"], ["NSE_p_value", "RMSE_p_value"]] < 0.01).all(axis=None)
    assert table.loc["alike", "NSE_p_value"] > 0.05


def test_numbers_are_those_of_the_pair(members):
    row = compare_with_first(members, seed=5).loc["worse"]
    pair = compare_members(members["reference"], members["worse"], seed=5)
    for metric in ("NSE", "RMSE"):
        assert row[metric] == pair.loc[metric, "second"]
        assert row[metric] == pytest.approx(pooled(members["worse"])[metric])
        for what in ("difference", "low", "high", "p_value"):
            assert row[f"{metric}_{what}"] == pair.loc[metric, what]


def test_nse_and_rmse_have_one_p(members):
    # Both have the same truth, so in each resample RMSE falls if and only if NSE rises.
    table = compare_with_first(members)
    assert (table["NSE_p_value"] == table["RMSE_p_value"]).all()


def test_only_rows_of_both_count(members):
    later = predictions(1.0, 6, years=range(2002, 2005))
    row = compare_with_first({"reference": members["reference"], "later": later}).loc["later"]
    assert row["n"] == 30 * 12
    common = later[later["time"].dt.year == 2002]
    assert row["NSE"] == pytest.approx(pooled(common)["NSE"])


def test_a_member_of_other_years_is_listed_and_not_scored(members):
    apart = predictions(1.0, 6, years=[2009])
    table = compare_with_first({**members, "apart": apart})
    row = table.loc["apart"]
    assert row["n"] == row["sites"] == 0
    assert row.drop(["reference", "sites", "n"]).isna().all()
    assert table.loc["better", "NSE"] > 0


def test_one_member_gives_an_empty_table_with_its_columns(members):
    table = compare_with_first({"reference": members["reference"]})
    assert table.empty
    assert list(table.columns) == list(compare_with_first(members).columns)


def test_members_of_two_fluxes_are_refused(members):
    other = members["alike"].assign(truth=lambda t: t["truth"] + 1)
    with pytest.raises(InputError, match="different truths"):
        compare_with_first({"reference": members["reference"], "other": other})


def test_the_ensemble_has_mean_and_spread_of_the_members_that_predict_a_row():
    rows = pd.DataFrame(
        {"site_id": ["A", "A", "A"], "time": [1, 1, 2], "truth": [5.0, 5.0, 7.0], "prediction": [2.0, 6.0, 3.0]}
    )  # fmt: skip
    found = mean_of_members(rows)
    assert list(found) == ["site_id", "time", "truth", "prediction", "spread"]
    assert found["prediction"].tolist() == [4.0, 3.0]
    assert found["spread"].tolist()[0] == 2.0
    assert np.isnan(found["spread"][1]), "one member says nothing of the spread"
