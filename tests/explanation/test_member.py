"""Explanation of fitted members, with and without exact contributions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.ensemble import Member
from uflux_kedro.errors import InputError
from uflux_kedro.explanation.member import explain, member_effects, split_predictions
from uflux_kedro.models.fitted import fit_member
from uflux_kedro.models.registry import make_model

PREDICTORS = ("IGBP", "ERA5_TA", "ERA5_VPD")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Ten towers; GPP follows temperature and class, not vapour pressure deficit."""
    random = np.random.default_rng(0)
    site = np.repeat(np.arange(10), 60)
    table = pd.DataFrame(
        {
            "site_id": [f"S{s}" for s in site],
            "time": np.tile(pd.date_range("2001-01-01", periods=60, freq="MS"), 10),
            "IGBP": np.where(site % 2, 1, 10),
            "ERA5_TA": random.uniform(0, 20, site.size),
            "ERA5_VPD": random.uniform(0, 20, site.size),
        }
    )
    return table.assign(GPP=0.3 * table["ERA5_TA"] + (table["IGBP"] == 1))


def fitted(rows, model, **settings):
    member = Member("SET", "GPP", model, PREDICTORS)
    return fit_member(member, rows, make_model(model, settings, random_state=0))


def test_a_boosted_member_is_explained_by_its_contributions(rows):
    found = explain(fitted(rows, "XGB", learning_rate=0.3), rows)
    assert found.remark == ""
    assert list(found.importance.index) == ["ERA5_TA", "IGBP", "ERA5_VPD"]
    assert found.importance.loc["ERA5_TA", "importance"] == pytest.approx(1.5, rel=0.1)
    assert (found.importance["low"] <= found.importance["high"]).all()
    assert len(found.shap) == 3 * len(rows)
    hottest = found.shap[found.shap["predictor"] == "ERA5_TA"].nlargest(1, "value").iloc[0]
    assert hottest["effect"] == pytest.approx(3, abs=0.5)
    line = found.effects[found.effects["predictor"] == "ERA5_TA"]
    rise = np.polyfit(line["value"], line["effect"], 1)[0]
    assert rise == pytest.approx(0.3, abs=0.03)
    classes = found.effects[found.effects["predictor"] == "IGBP"].set_index("value")["effect"]
    assert classes[1] - classes[10] == pytest.approx(1, abs=0.1)


def test_any_other_member_is_explained_by_shuffling_and_says_so(rows):
    member = fitted(rows, "BLEND", boosting_rounds=100, n_trees=20, n_landmarks=50)
    found = explain(member, rows, n_bins=5)
    assert found.shap is None
    assert "BlendRegressor are not exact" in found.remark
    assert found.importance.index[0] == "ERA5_TA"
    assert found.importance.loc["ERA5_VPD", "importance"] < 0.2
    assert set(found.effects["predictor"]) == set(PREDICTORS)
    with pytest.raises(InputError, match="GPP: expected the flux"):
        explain(member, rows.drop(columns="GPP"))


def test_incomplete_rows_are_left_out_and_many_are_drawn_from(rows):
    holes = rows.copy()
    holes.loc[::2, "ERA5_VPD"] = np.nan
    member = fitted(rows, "XGB")
    assert len(explain(member, holes).shap) == 3 * 300
    few = explain(member, holes.drop(columns=["GPP", "time"]), max_rows=100)
    assert len(few.shap) == 300
    assert few.shap["value"].notna().all()


def test_what_cannot_be_explained_is_named(rows):
    member = fitted(rows, "XGB")
    with pytest.raises(InputError, match="ERA5_TA: expected columns of these names"):
        explain(member, rows.drop(columns="ERA5_TA"))
    with pytest.raises(InputError, match="a row without missing values; found none of 600"):
        explain(member, rows.assign(ERA5_TA=np.nan))


def test_predictions_of_a_deep_forest_are_split_by_a_model_in_its_place(rows):
    member = fitted(rows, "DF21", n_trees=5, max_layers=1)

    def stand_in():
        return make_model("XGB", {"learning_rate": 0.3}, random_state=0)

    found = split_predictions(member, rows, stand_in, max_rows=100)
    assert "are not exact" in found.remark
    assert len(found.shap) == 3 * 100
    assert list(found.importance.index) == ["ERA5_TA", "IGBP", "ERA5_VPD"]
    # With the mean, the contributions are the prediction of a model of all rows.
    known = rows.sample(100, random_state=0).sort_index()[list(PREDICTORS)].to_numpy("float32")
    everything = rows[list(PREDICTORS)].to_numpy("float32"), rows["GPP"].to_numpy(float)
    predicted = stand_in().fit(*everything).predict(known)
    added = found.shap["effect"].to_numpy().reshape(100, 3).sum(axis=1)
    np.testing.assert_allclose(added - added.mean(), predicted - predicted.mean(), atol=1e-4)
    with pytest.raises(InputError, match="GPP"):
        split_predictions(member, rows.drop(columns="GPP"), stand_in)


def test_a_boosted_member_is_split_itself_and_a_tower_alone_has_no_band(rows):
    alone = rows[rows["site_id"] == "S1"]
    member = fitted(alone, "XGB")
    found = split_predictions(member, alone, lambda: None)
    assert found.remark == ""
    pd.testing.assert_frame_equal(found.shap, explain(member, alone).shap)
    assert found.importance["low"].isna().all()


def test_effects_alone_are_those_of_the_explanation(rows):
    member = fitted(rows, "XGB")
    wanted = explain(member, rows, n_bins=5, max_rows=200, seed=3).effects
    found = member_effects(member, rows, n_bins=5, max_rows=200, seed=3)
    pd.testing.assert_frame_equal(found, wanted)
