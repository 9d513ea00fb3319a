"""The blend: its three models, their weights, and storage."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from sklearn.datasets import make_friedman1
from sklearn.metrics import r2_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from uflux_kedro.ensemble import Member
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.models.blend import BlendRegressor, KernelMachine
from uflux_kedro.models.fitted import FittedMember, fit_member
from uflux_kedro.models.packing import pack
from uflux_kedro.models.persistence import load_model, save_model
from uflux_kedro.models.registry import make_model

SMALL = {"boosting_rounds": 20, "n_trees": 10, "n_landmarks": 40}


@pytest.fixture(scope="module")
def friedman():
    return make_friedman1(n_samples=300, n_features=6, noise=0.5, random_state=0)


@pytest.fixture(scope="module")
def groups():
    return np.repeat([f"XX-{i:03}" for i in range(15)], 20)


def blend(**parameters) -> BlendRegressor:
    return BlendRegressor(**SMALL | parameters, random_state=3)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@parametrize_with_checks([BlendRegressor(boosting_rounds=20, n_trees=10, n_landmarks=40)])
def test_it_is_a_scikit_learn_estimator(estimator, check):
    check(estimator)


def test_it_is_the_mean_of_its_parts_and_better_than_the_worst(friedman):
    X, y = friedman
    model = blend().fit(X[:200], y[:200])
    parts = [p.predict(X[200:]) for p in (model.boosted_, model.trees_, model.kernel_)]
    found = model.predict(X[200:])
    np.testing.assert_allclose(found, np.mean(parts, axis=0))
    assert r2_score(y[200:], found) > max(0.5, min(r2_score(y[200:], p) for p in parts))


def test_the_kernel_in_its_shortest_form_is_the_ridge_on_landmarks(friedman):
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import Ridge

    X, y = friedman
    machine = KernelMachine.fit(X, y, 50, seed=1)
    rows = np.clip((X - X.mean(axis=0)) / X.std(axis=0), -3, 3)
    features = Nystroem(gamma=0.005, n_components=50, random_state=1).fit(rows)
    line = Ridge(alpha=0.3).fit(features.transform(rows), y)
    np.testing.assert_allclose(
        machine.predict(X), line.predict(features.transform(rows)), rtol=1e-6
    )


def test_missing_values_take_the_kernels_median_and_far_ones_its_edge(friedman):
    X, y = friedman
    machine = KernelMachine.fit(X, y, 50, seed=1)
    gap, median = X[:5].copy(), X[:5].copy()
    gap[:, 2], median[:, 2] = np.nan, np.median(X[:, 2])
    np.testing.assert_array_equal(machine.predict(gap), machine.predict(median))
    far, farther = X[:5].copy(), X[:5].copy()
    far[:, 0], farther[:, 0] = 50.0, 5000.0
    np.testing.assert_array_equal(machine.predict(far), machine.predict(farther))


def test_a_column_without_any_value_changes_nothing(friedman):
    X, y = friedman
    empty = np.column_stack([X, np.full(len(X), np.nan)])
    with_it, without = (KernelMachine.fit(rows, y, 50, seed=1) for rows in (empty, X))
    np.testing.assert_allclose(with_it.predict(empty), without.predict(X))
    assert np.isfinite(blend().fit(empty, y).predict(empty)).all()


def test_stacked_weights_follow_what_predicts_unseen_groups(groups):
    """The kernel extrapolates a line to other groups best, and trees predict steps best."""
    rng = np.random.default_rng(0)
    level = np.repeat(np.linspace(-1, 1, 15), 20)
    X = np.column_stack([level, rng.normal(size=(300, 2))])
    straight = 3 * level + X[:, 1] + 0.1 * rng.normal(size=300)
    steps = np.where(X[:, 1] > 0, 4.0, 0.0) + np.where(X[:, 2] > 0.5, 3.0, 0.0)
    smooth = blend(weights="stacked").fit(X, straight, groups=groups).weights_
    stepped = blend(weights="stacked", boosting_rounds=100).fit(X, steps, groups=groups).weights_
    for weights in (smooth, stepped):
        assert (weights >= 0).all()
        assert weights.sum() == pytest.approx(1)
    assert smooth[2] > 0.8
    assert stepped[2] < 0.2


def test_weights_cannot_be_stacked_without_groups(friedman, groups):
    with pytest.raises(InputError, match="weights: equal"):
        blend(weights="stacked").fit(*friedman)
    with pytest.raises(InputError, match="found 1"):
        blend(weights="stacked").fit(*friedman, groups=np.zeros(300))
    with pytest.raises(ConfigurationError, match="expected one of equal, stacked"):
        blend(weights="best").fit(*friedman)


def test_same_seed_same_bytes_on_one_or_two_threads(friedman, groups, tmp_path):
    for threads in (1, 2):
        model = blend(weights="stacked", boosting_rounds=5, n_splits=2, n_jobs=threads)
        model.fit(*friedman, groups=groups)
        save_model(model, tmp_path / str(threads))
    assert files(tmp_path / "1") == files(tmp_path / "2")


def test_it_comes_back_from_disk_as_it_was(friedman, groups, tmp_path):
    import pandas as pd

    X = pd.DataFrame(friedman[0], columns=list("abcdef"))
    model = blend(weights="stacked").fit(X, friedman[1], groups=groups)
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(again.weights_, model.weights_)
    assert list(again.feature_names_in_) == list("abcdef")
    assert again.get_params()["weights"] == "stacked"
    save_model(again, tmp_path / "again")
    assert files(tmp_path / "again") == files(tmp_path / "model")


def test_what_is_no_blend_is_refused(friedman, tmp_path):
    def forge(payload: bytes, **attributes) -> None:
        description = json.loads((tmp_path / "model" / "model.json").read_text())
        description["attributes"] |= attributes
        description["sha256"] = hashlib.sha256(payload).hexdigest()
        (tmp_path / "model" / "model.zip").write_bytes(payload)
        (tmp_path / "model" / "model.json").write_text(json.dumps(description))

    save_model(blend().fit(*friedman), tmp_path / "model")
    whole = (tmp_path / "model" / "model.zip").read_bytes()
    forge(b"not a model")
    with pytest.raises(InputError):
        load_model(tmp_path / "model")
    forge(whole, n_features_in=5)
    with pytest.raises(InputError, match="different numbers of columns"):
        load_model(tmp_path / "model")


def test_packed_prediction_is_exact_on_any_number_of_threads(friedman):
    X, y = friedman[0].astype("float32"), friedman[1]
    model = blend().fit(X, y)
    packed = pack(model)
    np.testing.assert_allclose(packed.predict(X), model.predict(X), rtol=1e-6)
    many = np.tile(X, (60, 1))
    np.testing.assert_array_equal(packed.predict(many, 1), packed.predict(many, 2))


def test_it_is_a_model_of_members(friedman, tmp_path):
    import pandas as pd

    rows = pd.DataFrame(friedman[0][:, :2], columns=["ERA5_TA", "CARRY_APAR"])
    rows = rows.assign(site_id="XX-001", GPP=friedman[1])
    model = make_model("BLEND", SMALL, random_state=1)
    member = Member("CARRY", "GPP", "BLEND", ("ERA5_TA", "CARRY_APAR"))
    fit_member(member, rows, model, parameters=model.get_params(), seed=1).save(tmp_path / "m")
    loaded = FittedMember.load(tmp_path / "m")
    np.testing.assert_allclose(
        loaded.predict(rows), model.predict(rows[list(member.predictors)].to_numpy("float32")),
        rtol=1e-6,
    )  # fmt: skip
