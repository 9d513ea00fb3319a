"""Fitted members: card, columns, warnings and storage."""

from __future__ import annotations

import json
import logging
import pickle
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.ensemble import Member
from uflux_kedro.errors import InputError
from uflux_kedro.models import fitted
from uflux_kedro.models.fitted import FittedMember, fit_member
from uflux_kedro.models.registry import make_model

PREDICTORS = ("ERA5_TA", "ERA5_SW_IN", "IGBP")


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    n = 240
    table = pd.DataFrame(
        {
            "site_id": np.repeat([f"XX-{i:03}" for i in range(12)], n // 12),
            "ERA5_TA": rng.uniform(-5, 25, n),
            "ERA5_SW_IN": rng.uniform(20, 300, n),
            "IGBP": rng.choice([1, 4, 10], n),
        }
    )
    table["GPP"] = 0.02 * table["ERA5_SW_IN"] + 0.1 * table["ERA5_TA"] + rng.normal(0, 0.2, n)
    return table


def member(rows, model="DF21", **parameters):
    small = {"DF21": {"n_trees": 5}, "XGB": {"n_estimators": 20}, "RF": {"n_estimators": 5}}
    estimator = make_model(model, small[model] | parameters, random_state=1)
    who = Member("MODIS-NIRv-ERA5", "GPP", model, PREDICTORS)
    return fit_member(who, rows, estimator, parameters=estimator.get_params(), seed=1)


@pytest.mark.parametrize("model", ["DF21", "XGB", "RF"])
def test_it_predicts_as_its_model_does_before_and_after_the_disk(rows, model, tmp_path):
    fresh = member(rows, model)
    X = rows[list(PREDICTORS)].to_numpy("float32")
    expected = fresh.model.predict(X)
    fresh.save(tmp_path / "member")
    loaded = FittedMember.load(tmp_path / "member")
    for one in (fresh, loaded, pickle.loads(pickle.dumps(loaded))):
        np.testing.assert_allclose(one.predict(rows), expected, rtol=1e-6)
        np.testing.assert_array_equal(one.predict(X, n_jobs=2), one.predict(X))
        assert one.name == f"MODIS-NIRv-ERA5.GPP.{model}"
    # A loaded member is sent to workers as a path, not as a model.
    assert len(pickle.dumps(loaded)) < 10_000


def test_the_card_says_what_it_is(rows, tmp_path):
    rows.attrs["collections"] = "FLUXNET2015"
    member(rows, "XGB").save(tmp_path / "member")

    def strict(constant):
        raise ValueError(constant)

    card = json.loads((tmp_path / "member" / "card.json").read_text(), parse_constant=strict)
    assert card["unit"] == "gC m-2 d-1"
    assert card["rows"] == 240
    assert len(card["sites"]) == 12
    assert card["collections"] == "FLUXNET2015"
    assert list(card["predictors"]) == list(PREDICTORS)
    np.testing.assert_allclose(
        [card["predictors"]["ERA5_TA"][end] for end in ("min", "max")],
        [rows["ERA5_TA"].min(), rows["ERA5_TA"].max()],
        rtol=1e-6,
    )
    assert card["predictors"]["ERA5_SW_IN"]["unit"] == "W m-2"
    assert card["parameters"]["max_depth"] == 6


def test_columns_are_found_by_name_and_missing_ones_named(rows):
    fresh = member(rows)
    shuffled = rows[[*reversed(PREDICTORS), "GPP"]]
    np.testing.assert_array_equal(fresh.predict(shuffled), fresh.predict(rows))
    with pytest.raises(InputError, match="ERA5_TA, IGBP: expected a column"):
        fresh.predict(rows.drop(columns=["ERA5_TA", "IGBP"]))
    with pytest.raises(InputError, match=r"shape \(n, 3\): ERA5_TA, ERA5_SW_IN, IGBP"):
        fresh.predict(rows[["ERA5_TA"]].to_numpy())


def test_a_row_without_a_predictor_has_no_prediction(rows):
    fresh = member(rows)
    holed = rows.astype({"IGBP": float})
    holed.loc[3, "ERA5_TA"] = np.nan
    holed.loc[5, "IGBP"] = np.inf
    predicted = fresh.predict(holed)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(predicted)), [3, 5])
    kept = ~np.isnan(predicted)
    np.testing.assert_array_equal(predicted[kept], fresh.predict(rows)[kept])
    assert np.isnan(fresh.predict(holed.assign(ERA5_TA=np.nan))).all()


def test_another_unit_is_doubted_once(rows, caplog):
    fresh = member(rows)
    with caplog.at_level(logging.WARNING):
        fresh.predict(rows)
        fresh.predict(rows.assign(ERA5_TA=rows["ERA5_TA"].where(rows.index > 20, 40)))
        assert not caplog.records
        fahrenheit = rows.assign(ERA5_TA=32 + rows["ERA5_TA"])
        fresh.predict(fahrenheit)
        fresh.predict(fahrenheit)
    (record,) = caplog.records
    assert re.search(r"\d\d % of 240 rows have ERA5_TA outside the tr", record.getMessage())
    assert "degC" in record.getMessage()


def test_impossible_values_give_no_prediction_and_are_counted(rows, caplog):
    fresh = member(rows)
    given = rows.astype({"IGBP": float})
    given.loc[[1, 2], "ERA5_TA"] = [-9999, 300]  # missing, kelvin
    given.loc[3, "ERA5_SW_IN"] = np.inf
    given.loc[[4, 5, 6], "IGBP"] = [17, 4.5, 255]
    given.loc[7, "IGBP"] = np.nan
    before = given.copy()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            predicted = fresh.predict(given)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(predicted)), range(1, 8))
    np.testing.assert_array_equal(predicted[8:], fresh.predict(rows)[8:])
    pd.testing.assert_frame_equal(given, before)
    assert len(caplog.records) == 2, "predictions are missing each time"
    said = caplog.records[0].getMessage()
    assert "no prediction for rows of 240" in said
    assert "2 values of ERA5_TA are not within -80 to 60 degC (found -9999 to 300)" in said
    assert "1 values of ERA5_SW_IN are not within 0 to 600 W m-2 (found inf to inf)" in said
    assert "3 values of IGBP are not of an IGBP class (found 4.5 to 255)" in said


def test_what_the_towers_had_is_possible(rows, caplog):
    """Days may exceed the bounds of months."""
    bright = rows.assign(ERA5_SW_IN=rows["ERA5_SW_IN"] * 2.5)
    assert bright["ERA5_SW_IN"].max() > 600
    with caplog.at_level(logging.WARNING):
        assert np.isfinite(member(bright).predict(bright)).all()
    assert not caplog.records


@pytest.mark.parametrize("kind", ["int64", "int8", "UInt8", "Int64", "Float64", "object", "str"])
def test_whole_numbers_are_numbers(kind, rows):
    fresh = member(rows)
    whole = rows.assign(ERA5_TA=rows["ERA5_TA"].abs().round(), ERA5_SW_IN=100.0)
    expected = fresh.predict(whole)
    columns = dict.fromkeys(PREDICTORS, "int64")
    given = whole.astype(columns).astype(dict.fromkeys(PREDICTORS, kind))
    np.testing.assert_array_equal(fresh.predict(given), expected)
    if kind not in ("int64", "int8"):
        given.loc[0, "ERA5_TA"] = None
        assert np.isnan(fresh.predict(given)[0])


def test_the_model_is_read_late_and_once_a_process(rows, tmp_path, monkeypatch):
    member(rows).save(tmp_path / "member")
    read = []
    real = fitted.load_model
    monkeypatch.setattr(fitted, "load_model", lambda folder: read.append(folder) or real(folder))
    members = [FittedMember.load(tmp_path / "member") for _ in range(4)]
    assert read == []
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda one: one.predict(rows), members)
    assert len(read) == 1
    for other in others:
        np.testing.assert_array_equal(first, other)


def test_a_new_fit_is_read_anew_and_a_foreign_model_refused(rows, tmp_path):
    member(rows).save(tmp_path / "member")
    before = FittedMember.load(tmp_path / "member").predict(rows)
    member(rows, n_trees=9).save(tmp_path / "member")
    assert not np.array_equal(FittedMember.load(tmp_path / "member").predict(rows), before)

    for name, model in (("forest", "RF"), ("booster", "XGB")):
        member(rows, model).save(tmp_path / name)
    (tmp_path / "forest" / "model").rename(tmp_path / "gone")
    (tmp_path / "booster" / "model").rename(tmp_path / "forest" / "model")
    with pytest.raises(InputError, match="not the one that the card describes"):
        FittedMember.load(tmp_path / "forest").predict(rows)
    with pytest.raises(InputError, match=r"card\.json"):
        FittedMember.load(tmp_path / "nowhere")


NO_CARDS = {
    "a list": lambda card: [card],
    "a text": lambda card: "card",
    "nothing": lambda card: {},
    "without predictors": lambda card: card | {"predictors": {}},
    "predictors as a list": lambda card: card | {"predictors": list(card["predictors"])},
    "an unknown predictor": lambda card: card | {"predictors": {"ERA5_XX": {"unit": "1", "min": 0, "max": 1}}},
    "a predictor in kelvin": lambda card: (
        card | {"predictors": card["predictors"] | {"ERA5_TA": {"unit": "K", "min": 0, "max": 1}}}
    ),
    "a range that is none": lambda card: (
        card
        | {"predictors": card["predictors"] | {"IGBP": {"unit": "1", "min": float("nan"), "max": 1}}}
    ),
    "another flux": lambda card: card | {"flux": "CH4"},
    "another unit": lambda card: card | {"unit": "umol m-2 s-1"},
    "a checksum that is none": lambda card: card | {"checksum": None},
    "a name that is a path": lambda card: card | {"member": "../../etc/passwd"},
    "fewer predictors than the model": lambda card: (
        card | {"predictors": {"ERA5_TA": card["predictors"]["ERA5_TA"]}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_CARDS)
def test_a_card_that_is_none_is_refused(name, rows, tmp_path):
    member(rows, "XGB").save(tmp_path / "member")
    path = tmp_path / "member" / "card.json"
    card = json.loads(path.read_text())
    del card["card_sha256"]  # as in a card of an earlier version
    path.write_text(json.dumps(NO_CARDS[name](card)))
    with pytest.raises(InputError, match=r"card\.json.*expected .*found"):
        FittedMember.load(tmp_path / "member").predict(rows[["ERA5_TA"]].to_numpy())


def test_a_changed_bit_in_a_card_is_noticed(rows, tmp_path):
    member(rows, "XGB").save(tmp_path / "member")
    path = tmp_path / "member" / "card.json"
    whole, card = path.read_bytes(), FittedMember.load(tmp_path / "member").card
    assert "card_sha256" not in card
    rng = np.random.default_rng(0)
    inside = whole.index(b'"card_sha256"')
    for place in rng.integers(0, inside, 100):
        changed = bytearray(whole)
        changed[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        with pytest.raises(InputError, match=r"card\.json"):
            FittedMember.load(tmp_path / "member")
    path.write_bytes(whole)
    assert FittedMember.load(tmp_path / "member").card == card


def test_the_card_has_the_same_bytes_on_one_thread_or_two(rows, tmp_path):
    who = Member("MODIS-NIRv-ERA5", "GPP", "RF", PREDICTORS)
    for threads in (1, 2):
        estimator = make_model("RF", {"n_estimators": 2}, random_state=1, n_jobs=threads)
        fit_member(who, rows, estimator, seed=1).save(tmp_path / str(threads))
    cards = [(tmp_path / str(threads) / "card.json").read_bytes() for threads in (1, 2)]
    assert cards[0] == cards[1]
    assert b"n_estimators" in cards[0]


def test_each_predictor_is_doubted_for_itself(rows, caplog):
    fresh = member(rows)
    with caplog.at_level(logging.WARNING):
        fresh.predict(rows.assign(ERA5_TA=rows["ERA5_TA"] + 30))
        fresh.predict(rows.assign(ERA5_SW_IN=rows["ERA5_SW_IN"] + 290))
    assert ["ERA5_TA" in r.getMessage() for r in caplog.records] == [True, False]


def test_a_column_that_appears_twice_or_holds_text_is_named(rows):
    fresh = member(rows)
    twice = pd.concat([rows, rows[["ERA5_TA"]]], axis=1)
    with pytest.raises(InputError, match="ERA5_TA: expected one column of that name; found 2"):
        fresh.predict(twice)
    with pytest.raises(InputError, match=r"IGBP: expected numbers; found .*ENF"):
        fresh.predict(rows.assign(IGBP="ENF"))
