"""The mean of several models: what it is made of, its packed form, and storage."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_friedman1
from sklearn.utils.estimator_checks import parametrize_with_checks

from uflux_kedro.ensemble import Member
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.models.fitted import FittedMember, fit_member
from uflux_kedro.models.mean import MeanRegressor
from uflux_kedro.models.packing import pack
from uflux_kedro.models.persistence import load_model, save_model
from uflux_kedro.models.registry import make_model

SETTINGS = {
    "XGB": {"n_estimators": 10},
    "RF": {"n_estimators": 3},
    "DF21": {"n_trees": 2},
    "BLEND": {"boosting_rounds": 5, "n_trees": 5, "n_landmarks": 20},
    "RF-sklearn": {"n_estimators": 3},
}
DEFAULT = ("XGB", "RF", "DF21")


@pytest.fixture(scope="module")
def friedman():
    X, y = make_friedman1(n_samples=200, n_features=6, noise=0.5, random_state=0)
    return X.astype("float32"), y


def mean(models=DEFAULT, **changes) -> MeanRegressor:
    settings = {name: SETTINGS[name] for name in models}
    return MeanRegressor(models, settings=settings, random_state=3, **changes)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@parametrize_with_checks([mean(("RF-sklearn",))])
def test_it_is_a_scikit_learn_estimator(estimator, check):
    check(estimator)


def test_it_is_the_mean_of_models_as_the_registry_makes_them(friedman):
    X, y = friedman
    model = mean().fit(X[:150], y[:150])
    seed = int(np.random.RandomState(3).randint(2**31 - 1))
    alone = [
        make_model(name, SETTINGS[name], random_state=seed).fit(X[:150], y[:150])
        for name in DEFAULT
    ]
    expected = np.mean([part.predict(X[150:]) for part in alone], axis=0)
    np.testing.assert_allclose(model.predict(X[150:]), expected, rtol=1e-6)


@pytest.mark.parametrize("models", [DEFAULT, ("BLEND", "RF-sklearn")])
def test_it_comes_back_from_disk_as_it_was_and_packs_exactly(models, friedman, tmp_path):
    X = pd.DataFrame(friedman[0], columns=list("abcdef"))
    model = mean(models).fit(X, friedman[1])
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_allclose(pack(again).predict(friedman[0]), model.predict(X), rtol=1e-6)
    assert list(again.feature_names_in_) == list("abcdef")
    save_model(again, tmp_path / "again")
    assert files(tmp_path / "again") == files(tmp_path / "model")


def test_same_seed_same_bytes_on_one_or_two_threads(friedman, tmp_path):
    for threads in (1, 2):
        save_model(mean(n_jobs=threads).fit(*friedman), tmp_path / str(threads))
    assert files(tmp_path / "1") == files(tmp_path / "2")


def test_parts_that_do_not_belong_together_are_refused(friedman, tmp_path):
    def forge(change) -> None:
        description = json.loads((tmp_path / "model" / "model.json").read_text())
        change(description["attributes"])
        payload = (tmp_path / "model" / "model.zip").read_bytes()
        assert description["sha256"] == hashlib.sha256(payload).hexdigest()
        (tmp_path / "model" / "model.json").write_text(json.dumps(description))

    for change in (
        lambda found: found.update(n_features_in=5),
        lambda found: found["parts"].pop(),
        lambda found: found["parts"][0].update(kind="Pickle"),
    ):
        save_model(mean().fit(*friedman), tmp_path / "model")
        forge(change)
        with pytest.raises(InputError):
            load_model(tmp_path / "model")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"models": ["XGB", "XGB"]}, "found models XGB, XGB"),
        ({"models": []}, r"found models \(none\)"),
        ({"models": ["XGB"], "settings": {"RF": {}}}, "settings of RF"),
        ({"models": ["XGB", "MEAN"]}, "Unknown model 'MEAN'"),
        ({"models": ["XGB"], "settings": {"XGB": {"max_dept": 3}}}, "nearest: max_depth"),
    ],
)
def test_what_is_no_mean_is_refused(parameters, message, friedman):
    with pytest.raises(ConfigurationError, match=message):
        make_model("MEAN", parameters).fit(*friedman)


def test_it_is_a_model_of_members(friedman, tmp_path):
    rows = pd.DataFrame(friedman[0][:, :2], columns=["ERA5_TA", "ERA5_P"])
    rows = rows.assign(site_id="XX-001", GPP=friedman[1])
    small = {"models": ["XGB", "RF"], "settings": {k: SETTINGS[k] for k in ("XGB", "RF")}}
    model = make_model("MEAN", small, random_state=1)
    member = Member("A", "GPP", "MEAN", ("ERA5_TA", "ERA5_P"))
    fit_member(member, rows, model, seed=1).save(tmp_path / "m")
    loaded = FittedMember.load(tmp_path / "m")
    assert loaded.card["parameters"]["models"] == ["XGB", "RF"]
    X = rows[list(member.predictors)].to_numpy("float32")
    np.testing.assert_allclose(loaded.predict(rows), model.predict(X), rtol=1e-6)
