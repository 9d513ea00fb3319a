"""Nodes of model training: choice of predictors, search of settings, comparison of members."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.testing.dying import DiesOnce, fit_after_a_kill
from tests.testing.products import tree
from uflux_kedro.ensemble import Member
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.execution.parameters import DaskParameters
from uflux_kedro.models.binned_forest import BinnedForestRegressor
from uflux_kedro.models.fitted import FittedMember
from uflux_kedro.models.packing import pack
from uflux_kedro.models.registry import make_model
from uflux_kedro.pipelines.model_training import nodes
from uflux_kedro.pipelines.model_training.final_fit import fit_on_worker
from uflux_kedro.pipelines.model_training.nodes import (
    compare_with_reference,
    score_member,
    track_member,
)
from uflux_kedro.uncertainty.parameters import UncertaintyParameters
from uflux_kedro.validation import fold_progress
from uflux_kedro.validation.cross_validation import held_out_predictions
from uflux_kedro.validation.folds import leave_one_site_out
from uflux_kedro.validation.metrics import pooled
from uflux_kedro.validation.parameters import TrainingParameters
from uflux_kedro.validation.repeats import seed_of_repeat

PREDICTORS = ("ERA5_TA", "ERA5_SW_IN")
UNCERTAINTY = UncertaintyParameters.model_validate({})
MEMBER = Member("A", "GPP", "RF", PREDICTORS)
FIXED = {"n_estimators": 3, "min_samples_leaf": 1, "min_samples_split": 2}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    n = 6 * 24
    rows = pd.DataFrame(
        {
            "site_id": np.repeat([f"S{i}" for i in range(6)], 24),
            "time": np.tile(pd.date_range("2001-01-01", periods=24, freq="MS"), 6),
            "latitude": np.repeat(np.linspace(-50, 60, 6), 24),
            "longitude": 0.0,
            "ERA5_TA": rng.uniform(-10, 30, n),
            "ERA5_SW_IN": rng.uniform(0, 300, n),
            "IGBP": 1.0,
            "GPP_QC": 1.0,
        }
    )
    rows["GPP"] = 4 + 3 * np.sin(rows["ERA5_TA"] / 4) + 0.01 * rows["ERA5_SW_IN"]
    return rows


@pytest.fixture(scope="module")
def sites(table):
    return pd.DataFrame({"site_id": table["site_id"].unique(), "IGBP": "ENF", "climate": "Cfb"})


def predict_held_out(*given):
    """Predict on threads of this process."""
    return nodes.predict_held_out(*given, DaskParameters())


def fit_final_model(*given):
    """Fit in this process, which uses no folder."""
    return nodes.fit_final_model(*given, Path("unused"), DaskParameters())


def training(**search):
    return TrainingParameters.model_validate(
        {
            "n_splits": 3,
            "n_jobs": 1,
            "seed": 3,
            "model_parameters": {"RF": FIXED},
            "search": {"n_splits": 2, "space": {"RF": {"max_depth": [1, 8]}}} | search,
        }
    )


ONE_STUMP = {
    "n_estimators": 1,
    "max_depth": 1,
    "learning_rate": 1.0,
    "min_child_weight": 0,
    "subsample": 1.0,
    "colsample_bytree": 1.0,
    "reg_lambda": 0.0,
}
"""A tree of one cut whose leaves are the means of their rows; none with ``gamma`` above 1000."""


def test_each_fold_searches_among_its_own_sites(tmp_path):
    """Three sites of temperatures 0 and 1, where A and B agree and C contradicts them.

    Without C, the cut predicts A from B and B from A without error, so it wins: C is predicted
    0 and 2. Without A (or B), the cut predicts B from C as 4 and 0, and C from B as 0 and 2: the
    squared errors are 16, 4, 16, 4. The means, 2 for B and 1 for C, err by 4, 0, 9, 1 and win:
    A (or B) is predicted the mean of the other two sites, 1.5.
    """
    table = pd.DataFrame(
        {
            "site_id": list("AABBCC"),
            "time": pd.to_datetime(["2001-01-01", "2001-02-01"] * 3),
            "ERA5_TA": [0.0, 1.0] * 3,
            "GPP": [0.0, 2.0, 0.0, 2.0, 4.0, 0.0],
        }
    )
    member = Member("A", "GPP", "XGB", ("ERA5_TA",))
    searched = TrainingParameters.model_validate(
        {
            "scheme": "loso",
            "n_jobs": 1,
            "model_parameters": {"XGB": ONE_STUMP},
            "search": {"n_splits": 2, "space": {"XGB": {"gamma": [0, 1000]}}},
        }
    )
    found = predict_held_out(member, table, tmp_path, searched)
    assert found["site_id"].tolist() == list("AABBCC")
    assert found["prediction"].tolist() == pytest.approx([1.5, 1.5, 1.5, 1.5, 0, 2], abs=1e-5)
    assert len(list((tmp_path / member.name).iterdir())) == 3

    fixed = predict_held_out(member, table, tmp_path, searched.model_copy(update={"search": None}))
    assert fixed["prediction"].tolist() == pytest.approx([2, 1, 2, 1, 0, 2], abs=1e-5)


def test_final_model_is_the_plain_best_one(table, tmp_path):
    fitted = fit_final_model(MEMBER, table, {"NSE": 0.5}, training())
    assert type(fitted.model) is BinnedForestRegressor
    assert fitted.model.max_depth == 8
    expected = make_model("RF", FIXED | {"max_depth": 8}, random_state=3)
    X = table[list(PREDICTORS)].to_numpy("float32")
    expected.fit(X, table["GPP"].to_numpy())
    np.testing.assert_array_equal(fitted.predict(table), expected.predict(X).astype("float32"))

    assert fitted.card["parameters"]["max_depth"] == 8
    search = fitted.card["search"]
    assert search["method"] == "grid"
    assert search["n_splits"] == 2
    assert search["chosen"] == {"max_depth": 8}
    assert [row["max_depth"] for row in search["results"]] == [1, 8]
    assert search["results"][0]["NSE"] < search["results"][1]["NSE"]

    fitted.save(tmp_path / "member")
    loaded = FittedMember.load(tmp_path / "member")
    assert loaded.card["search"] == search
    np.testing.assert_array_equal(loaded.predict(table), fitted.predict(table))


def test_tracking_shows_what_was_chosen_and_what_was_tried(table, sites, tmp_path):
    parameters = training()
    predictions = predict_held_out(MEMBER, table, tmp_path, parameters)
    scores, site_scores, skill = score_member(
        MEMBER, predictions, table, sites, parameters, UNCERTAINTY
    )
    parts = (predictions, scores, site_scores, skill)
    model = fit_final_model(MEMBER, table, scores, parameters)
    run = track_member(MEMBER, *parts, model, parameters)
    assert run.params["max_depth"] == 8
    assert run.params["search.method"] == "grid"
    assert run.params["search.chosen"] == {"max_depth": 8}
    assert run.tables["search.csv"]["max_depth"].tolist() == [1, 8]
    assert 0 <= run.metrics["coverage"] <= 1
    assert run.metrics["interval_score"] > 0
    assert run.metrics["interval_score_constant"] > 0
    assert run.metrics["NSE_median"] == run.metrics["month.NSE_median"] == scores["NSE_median"]
    assert run.tables["steps.csv"]["step"].tolist() == [
        "month",
        "season",
        "anomaly",
        "year",
        "site",
    ]

    off = parameters.model_copy(update={"search": None})
    run = track_member(MEMBER, *parts, fit_final_model(MEMBER, table, scores, off), off)
    assert not [name for name in run.params if name.startswith("search")]
    assert "search.csv" not in run.tables


def test_a_model_without_a_search_space_is_refused(table, tmp_path):
    xgb = Member("A", "GPP", "XGB", PREDICTORS)
    with pytest.raises(ConfigurationError, match=r"A.GPP.XGB.*no entry for XGB, only for RF"):
        predict_held_out(xgb, table, tmp_path, training())
    with pytest.raises(ConfigurationError, match="no entry for XGB"):
        fit_final_model(xgb, table, {}, training())


def test_an_empty_space_keeps_the_settings(table):
    fitted = fit_final_model(MEMBER, table, {}, training(space={"RF": {}}))
    assert "search" not in fitted.card
    assert fitted.model.max_depth == 20


def test_members_of_a_flux_are_compared_with_the_first(table):
    truth = table[["site_id", "time"]].assign(truth=table["GPP"])
    noise = np.random.default_rng(1).standard_normal(len(table))
    members = tuple(Member(name, "GPP", "RF", PREDICTORS) for name in ("A", "B", "C"))
    predictions = [
        truth.assign(prediction=truth["truth"] + error * noise) for error in (1.0, 0.2, 1.5)
    ]
    compared = compare_with_reference(members, training(), *predictions)
    assert compared["flux"].tolist() == ["GPP", "GPP"]
    assert compared["predictor_set"].tolist() == ["B", "C"]
    assert compared["reference"].tolist() == ["A", "A"]
    assert compared.loc[0, "NSE_low"] > 0
    assert compared.loc[1, "NSE_high"] < 0

    alone = compare_with_reference(members[:1], training(), predictions[0])
    assert alone.empty
    assert list(alone.columns) == list(compared.columns)


GROUPS = (("LIGHT", ("ERA5_SW_IN",)), ("PLACE", ("ERA5_PA",)))
CHOOSER = Member("A", "GPP", "RF", (*PREDICTORS, "ERA5_PA"), GROUPS)


@pytest.fixture(scope="module")
def misleading(table):
    """Rows with air pressure, which identifies sites and does not help to predict other sites."""
    number = table["site_id"].str[1:].astype(int)
    level = 4 * (-1.0) ** number  # neighbours have the opposite level
    return table.assign(
        ERA5_PA=90.0 + number, GPP=table["GPP"] + 0.03 * table["ERA5_SW_IN"] + level
    )


def test_predictors_are_chosen_in_each_fold_and_shown(misleading, sites, tmp_path, caplog):
    parameters = training().model_copy(update={"search": None})
    with caplog.at_level("INFO"):
        predictions = predict_held_out(CHOOSER, misleading, tmp_path, parameters)
    assert "A.GPP.RF: optional groups chosen, by number of folds: LIGHT 3" in caplog.text

    without = Member("A", "GPP", "RF", PREDICTORS)
    plain = predict_held_out(without, misleading, tmp_path, parameters)
    pd.testing.assert_frame_equal(predictions, plain)

    parts = score_member(CHOOSER, predictions, misleading, sites, parameters, UNCERTAINTY)
    model = fit_final_model(CHOOSER, misleading, parts[0], parameters)
    assert model.predictors == PREDICTORS
    assert model.card["choice"]["chosen"] == ["LIGHT"]
    tried = [row["groups"] for row in model.card["choice"]["results"]]
    assert tried == ["LIGHT PLACE", "PLACE", "LIGHT", ""]
    expected = fit_final_model(without, misleading, parts[0], parameters)
    np.testing.assert_array_equal(model.predict(misleading), expected.predict(misleading))

    model.save(tmp_path / "member")
    loaded = FittedMember.load(tmp_path / "member")
    assert loaded.predictors == PREDICTORS
    assert loaded.card["choice"] == model.card["choice"]

    run = track_member(CHOOSER, predictions, *parts, model, parameters)
    assert run.params["predictors"] == "ERA5_TA, ERA5_SW_IN"
    assert run.params["step"] == "month"
    assert run.params["choice.chosen"] == "LIGHT"
    assert run.tables["choice.csv"]["groups"].tolist() == tried


PRESSED = (*PREDICTORS, "ERA5_PA")
ONE_OF = Member(
    "ONE-OF", "GPP", "RF", PRESSED, (), (("PRESSED", PRESSED), ("PLAIN", PREDICTORS[::-1]))
)


def test_a_set_is_chosen_in_each_fold_and_predicts_all_rows_that_it_has(
    misleading, sites, tmp_path, caplog
):
    parameters = training().model_copy(update={"search": None})
    gaps = misleading.copy()
    gaps.loc[::7, "ERA5_PA"] = np.nan  # the other set lacks them
    gaps.loc[::50, "ERA5_TA"] = np.nan  # both sets lack them
    with caplog.at_level("INFO"):
        predictions = predict_held_out(ONE_OF, gaps, tmp_path, parameters)
    assert "ONE-OF.GPP.RF: predictor set chosen, by number of folds: PLAIN 3" in caplog.text
    plain = Member("PLAIN", "GPP", "RF", PREDICTORS[::-1])
    expected = predict_held_out(plain, gaps, tmp_path, parameters)
    assert len(expected) == gaps["ERA5_TA"].notna().sum()
    pd.testing.assert_frame_equal(predictions, expected)

    parts = score_member(ONE_OF, predictions, gaps, sites, parameters, UNCERTAINTY)
    model = fit_final_model(ONE_OF, gaps, parts[0], parameters)
    alone = fit_final_model(plain, gaps, parts[0], parameters)
    assert model.predictors == alone.predictors == PREDICTORS[::-1]
    assert model.card["rows"] == alone.card["rows"] == len(expected)
    np.testing.assert_array_equal(model.predict(gaps), alone.predict(gaps))

    model.save(tmp_path / "member")
    assert FittedMember.load(tmp_path / "member").card["choice"] == model.card["choice"]
    run = track_member(ONE_OF, predictions, *parts, model, parameters)
    assert run.params["choice.chosen"] == "PLAIN"
    assert run.tables["choice.csv"]["set"].tolist() == ["PRESSED", "PLAIN"]


def test_rows_that_the_chosen_set_lacks_are_not_predicted(misleading, tmp_path):
    """The set with gaps wins on the common rows; a fold's rows are those that its set has."""
    parameters = training().model_copy(update={"search": None})
    gaps = misleading.copy()
    gaps.loc[::7, "ERA5_TA"] = np.nan
    gaps.loc[gaps["site_id"] == "S2", "ERA5_TA"] = np.nan  # a site that is not tested at all
    both = ("ERA5_SW_IN", "ERA5_PA")
    member = replace(
        ONE_OF, alternatives=(("PLAIN", PREDICTORS), ("NOISY", both)), predictors=PRESSED
    )
    found = predict_held_out(member, gaps, tmp_path, parameters)
    usable = gaps[gaps["ERA5_TA"].notna()]
    pd.testing.assert_frame_equal(
        found[["site_id", "time"]], usable[["site_id", "time"]].reset_index(drop=True)
    )
    assert np.isfinite(found["prediction"]).all()


def test_settings_are_searched_with_the_predictors_that_were_chosen(misleading, tmp_path):
    parameters = training()
    without = Member("A", "GPP", "RF", PREDICTORS)
    pd.testing.assert_frame_equal(
        predict_held_out(CHOOSER, misleading, tmp_path, parameters),
        predict_held_out(without, misleading, tmp_path, parameters),
    )
    fitted = fit_final_model(CHOOSER, misleading, {}, parameters)
    assert fitted.card["choice"]["chosen"] == ["LIGHT"]
    plain = fit_final_model(without, misleading, {}, parameters)
    assert fitted.card["search"] == plain.card["search"]


def test_sites_reach_every_fit_of_a_model_that_takes_them(table, tmp_path):
    """They reach the folds of a search and the final model, but no model without ``groups``."""
    deep = Member(MEMBER.predictor_set, MEMBER.flux, "DF21", MEMBER.predictors)
    small = {"DF21": {"n_trees": 4, "max_layers": 2}, "RF": FIXED}
    by_site = training(space={"DF21": {"n_trees": [4]}}).model_copy(
        update={"fit_with_sites": True, "model_parameters": small}
    )
    plain = by_site.model_copy(update={"search": None})
    found = predict_held_out(deep, table, tmp_path / "a", by_site)
    pd.testing.assert_frame_equal(found, predict_held_out(deep, table, tmp_path / "b", plain))
    without = plain.model_copy(update={"fit_with_sites": False})
    assert not found.equals(predict_held_out(deep, table, tmp_path / "c", without))
    ours, theirs = (fit_final_model(deep, table, {}, p).predict(table) for p in (by_site, plain))
    np.testing.assert_array_equal(ours, theirs)

    forest = predict_held_out(MEMBER, table, tmp_path / "d", plain)
    pd.testing.assert_frame_equal(forest, predict_held_out(MEMBER, table, tmp_path / "e", without))
    fit_final_model(MEMBER, table, {}, plain)


def test_sites_reach_the_fits_of_days_but_not_of_months_unless_told(table, tmp_path):
    deep = Member(MEMBER.predictor_set, MEMBER.flux, "DF21", MEMBER.predictors)
    number = table.groupby("site_id").cumcount()
    days = table.assign(time=pd.Timestamp("2019-01-01") + pd.to_timedelta(number, "D"))
    months = table.assign(time=pd.Timestamp("2010-01-01") + pd.to_timedelta(31 * number, "D"))
    settings = {"model_parameters": {"DF21": {"n_trees": 4, "max_layers": 2}}}
    auto, always, never = (
        training().model_copy(update={"fit_with_sites": to, "search": None, **settings})
        for to in ("auto", True, False)
    )
    for rows, like in ((days, always), (months, never)):
        found, expected = (fit_final_model(deep, rows, {}, p).predict(rows) for p in (auto, like))
        np.testing.assert_array_equal(found, expected)
        held_out = [
            predict_held_out(deep, rows, tmp_path / f"{number}", p)
            for number, p in enumerate((auto, like))
        ]
        pd.testing.assert_frame_equal(*held_out)
    by_site, by_row = (fit_final_model(deep, days, {}, p).predict(days) for p in (always, never))
    assert not np.array_equal(by_site, by_row)


def test_a_hybrid_is_told_columns_and_sites(table, tmp_path):
    """With predictors that are chosen too, and in a search; its baseline needs all but the optional."""
    climate = {"ERA5_VPD": 8.0, "ERA5_PA": 95.0, "MODIS_EVI": table["ERA5_SW_IN"] / 500}
    rows = table.assign(**climate, ERA5_TS=np.tile([0.0, 1.0], len(table) // 2))
    names = (*PREDICTORS, *climate)
    settings = {"base_parameters": {"n_estimators": 5}}
    space = {"HYBRID": {"form": ["residual", "predictor"]}}
    searched = training(space=space).model_copy(update={"model_parameters": {"HYBRID": settings}})
    plain = searched.model_copy(update={"search": None})
    member = Member("A", "GPP", "HYBRID", names)
    chooser = replace(member, predictors=("ERA5_TS", *names), optional=(("SOIL", ("ERA5_TS",)),))

    fitted = fit_final_model(member, rows, {}, plain)
    expected = make_model("HYBRID", settings, random_state=3, predictors=names, flux="GPP")
    X = rows[list(names)].to_numpy("float32")
    expected.fit(X, rows["GPP"].to_numpy(), groups=rows["site_id"])
    np.testing.assert_array_equal(fitted.predict(rows), pack(expected).predict(X).astype("float32"))
    assert predict_held_out(chooser, rows, tmp_path, searched)["prediction"].notna().all()


def test_stacked_weights_can_be_searched(table, tmp_path):
    blend = Member(MEMBER.predictor_set, MEMBER.flux, "BLEND", MEMBER.predictors)
    settings = training(space={"BLEND": {"n_trees": [2, 4]}}).model_copy(
        update={
            "fit_with_sites": True,
            "model_parameters": {
                "BLEND": {"weights": "stacked", "boosting_rounds": 3, "n_splits": 2}
            },
        }
    )
    assert predict_held_out(blend, table, tmp_path, settings)["prediction"].notna().all()


def test_training_goes_on_when_a_worker_is_killed_in_a_fold_and_in_the_final_fit(table, tmp_path):
    """The fold and the fit go to the other worker, or to the one that starts anew: the same bytes."""
    workers = DaskParameters(local_workers=2).execution(1)
    y, sites, time = (table[name].to_numpy() for name in ("GPP", "site_id", "time"))
    X = table[list(PREDICTORS)].to_numpy("float32")

    def held_out(name, execution):
        return held_out_predictions(
            lambda seed: DiesOnce(seed, str(tmp_path / "killed")),
            *(X, y, sites, time, leave_one_site_out(sites)),
            execution=execution,
            cache_folder=tmp_path / name,
        )

    found = held_out("there", workers)
    killed = int((tmp_path / "killed").read_text())
    assert killed != os.getpid()
    pd.testing.assert_frame_equal(found, held_out("here", None))
    assert tree(tmp_path / "there") == tree(tmp_path / "here")
    assert len(list((tmp_path / "there").iterdir())) == 6, "finished folds, and no file of rows"

    fit = partial(
        nodes._fit_on_all, MEMBER, table, {}, training().model_copy(update={"search": None})
    )
    marker = str(tmp_path / "killed too")
    fitted = fit_on_worker(partial(fit_after_a_kill, marker, fit), workers, tmp_path / "there")
    assert int(Path(marker).read_text()) not in (os.getpid(), killed)
    for name, one in (("worker", fitted), ("process", fit(1))):
        one.save(tmp_path / name)
    assert tree(tmp_path / "worker") == tree(tmp_path / "process")


def test_a_worker_trains_the_same_bytes(table, tmp_path, caplog, monkeypatch):
    """Folds and the final fit run in another process, which reads the rows from a file."""
    monkeypatch.setattr(fold_progress, "_WORTH_TELLING", 0.0)
    deep = replace(MEMBER, model="DF21")
    parameters = TrainingParameters.model_validate(
        {
            "n_splits": 3,
            "model_parameters": {"DF21": {"n_trees": 2, "max_layers": 1}},
            "fit_with_sites": True,
        }
    )
    there, here = tmp_path / "there", tmp_path / "here"
    workers = DaskParameters(local_workers=2)
    with caplog.at_level("INFO"):
        found = nodes.predict_held_out(deep, table, there, parameters, workers)
    pd.testing.assert_frame_equal(found, predict_held_out(deep, table, here, parameters))
    assert tree(there) == tree(here), "finished folds, and no file of rows"
    assert f"{deep.name}: a fold takes" in caplog.text
    assert "3 folds at this rate" in caplog.text
    assert "on 2 workers" in caplog.text
    assert "3 folds fitted and 0 kept" in caplog.text

    member = nodes.fit_final_model(deep, table, {}, parameters, there, workers)
    expected = fit_final_model(deep, table, {}, parameters)
    for name, one in (("worker", member), ("process", expected)):
        one.save(tmp_path / name)
    assert tree(tmp_path / "worker") == tree(tmp_path / "process")
    assert (there / deep.name / "final").is_dir()
    del member, one
    assert tree(there) == tree(here), "the worker's folder goes with the member"


def test_repeats_split_the_sites_anew_and_leave_the_first_as_it_is(table, sites, tmp_path):
    """The third repeat by hand: folds and models of its own seed."""
    once = training().model_copy(update={"search": None})
    thrice = once.model_copy(update={"repeats": 3})
    first = predict_held_out(MEMBER, table, tmp_path, once)
    found = predict_held_out(MEMBER, table, tmp_path, thrice)
    pd.testing.assert_frame_equal(found[first.columns], first)
    assert list(found.columns[len(first.columns) :]) == ["prediction_2", "prediction_3"]
    third = predict_held_out(
        MEMBER, table, tmp_path, once.model_copy(update={"seed": seed_of_repeat(once.seed, 2)})
    )
    np.testing.assert_array_equal(found["prediction_3"], third["prediction"])
    assert not third["fold"].equals(first["fold"])

    scores, _, _ = score_member(MEMBER, found, table, sites, thrice, UNCERTAINTY)
    alone, _, _ = score_member(MEMBER, first, table, sites, once, UNCERTAINTY)
    splits = scores.pop("splits")
    assert scores["NSE"] == alone["NSE"]
    nse = [
        pooled(found.assign(prediction=found[c]))["NSE"]
        for c in ("prediction", "prediction_2", "prediction_3")
    ]
    assert splits["NSE"] == {"low": min(nse), "median": sorted(nse)[1], "high": max(nse)}
    assert "splits" not in alone
    flux = nodes.collect_predictions((MEMBER,), found)
    pd.testing.assert_frame_equal(flux, nodes.collect_predictions((MEMBER,), first))
    for scheme in ("loso", "warmest", "driest"):
        with pytest.raises(ValueError, match=f"repeats: expected 1 with scheme {scheme}"):
            TrainingParameters.model_validate({"scheme": scheme, "repeats": 2})
