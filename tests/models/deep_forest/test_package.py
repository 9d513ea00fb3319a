"""The package deep-forest, and its comparison with the cascade forest.

Tests that run the package are skipped if there is no interpreter with it; ``python -m
uflux_kedro.models.deep_forest.environment`` makes one.
"""

from __future__ import annotations

import copy
import inspect
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.models.cascade.forest import CascadeForestRegressor
from uflux_kedro.models.deep_forest.environment import VARIABLE, check_interpreter, default_folder
from uflux_kedro.models.deep_forest.package import DeepForestError, DeepForestPackageRegressor
from uflux_kedro.models.persistence import load_model, save_model


@pytest.fixture(scope="session")
def python():
    """An interpreter with deep-forest, which `make test` makes, since tests use no network."""
    found = os.environ.get(VARIABLE) or default_folder() / "bin/python"
    if not Path(found).exists():
        pytest.skip(
            f"no interpreter with deep-forest 0.1.7: set {VARIABLE}, or make one by "
            "python -m uflux_kedro.models.deep_forest.environment"
        )
    check_interpreter(str(found))
    return str(found)


def towers(seed, sites, months=24):
    """Monthly towers: columns TA, SW_IN, VPD, NDVI, IGBP; GPP with noise and an effect of the site."""
    rng = np.random.default_rng(seed)
    n = sites * months

    def of_site(values):
        return np.repeat(values, months)

    season = np.tile(-np.cos(2 * np.pi * (np.arange(months) - 0.5) / 12), sites)
    wet = of_site(rng.uniform(0, 1, sites))
    ta = of_site(rng.normal(10, 8, sites)) + 10 * season + rng.normal(0, 2, n)
    sw = 180 + 110 * season + rng.normal(0, 20, n)
    vpd = np.maximum(0.2, 0.6 * np.exp(0.06 * ta) * (1.3 - wet)) + rng.gamma(2, 0.3, n)
    ndvi = np.clip(0.2 + 0.5 * wet * (ta > 5) + rng.normal(0, 0.08, n), 0, 1)
    gpp = 12 * ndvi * np.clip(ta / 25, 0, 1) * sw / 250 * np.exp(-0.03 * vpd)
    gpp += of_site(rng.normal(0, 0.7, sites)) * ndvi + rng.normal(0, 0.4, n)
    return np.column_stack([ta, sw, vpd, ndvi, of_site(rng.integers(0, 6, sites))]), gpp


X, y = towers(0, 12)
X_NEW, _ = towers(1, 12)


def model(python, **parameters):
    return DeepForestPackageRegressor(
        **{"n_trees": 30, "random_state": 0, "python": python, **parameters}
    )


@pytest.fixture(scope="module")
def fitted(python):
    return model(python).fit(X, y)


@pytest.fixture(scope="module")
def prediction(fitted):
    return fitted.predict(X_NEW)


def test_parameters_are_those_of_the_cascade_forest():
    ours = dict(inspect.signature(DeepForestPackageRegressor).parameters)
    assert ours.pop("python").default is None
    cascade = dict(inspect.signature(CascadeForestRegressor).parameters)
    # The package's trees have no bound.
    del cascade["max_samples"], cascade["max_leaves"]
    assert ours == cascade


def test_fit_and_predict(fitted, prediction):
    assert prediction.shape == (len(X_NEW),)
    assert fitted.oob_prediction_.shape == y.shape
    assert len(fitted.scores_) == fitted.n_layers_ >= 1
    assert np.isclose(np.mean((fitted.oob_prediction_ - y) ** 2), fitted.scores_[-1])
    assert fitted.fit_seconds_ > 0
    assert fitted.versions_["deep-forest"] == "0.1.7"
    assert r2_score(y, fitted.oob_prediction_) > 0.7


def test_partial_mode_predicts_the_same_and_leaves_nothing(
    python, prediction, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    other = model(python, partial_mode=True).fit(X, y)
    np.testing.assert_array_equal(other.predict(X_NEW), prediction)
    assert list(tmp_path.iterdir()) == []


def test_several_targets_weights_and_a_generator(python):
    several = model(
        python, max_layers=1, random_state=np.random.RandomState(0), predictor_kwargs={}
    ).fit(X, np.column_stack([y, -2 * y]), sample_weight=np.ones(len(y)))
    predicted = several.predict(X_NEW)
    assert predicted.shape == (len(X_NEW), 2)
    np.testing.assert_allclose(predicted[:, 1], -2 * predicted[:, 0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(several.to_cascade().predict(X_NEW), predicted, atol=1e-5)


def test_taken_over_it_predicts_the_same(fitted, prediction, tmp_path):
    # The trees are the same; their code and the rounding of leaves differ.
    cascade = fitted.to_cascade()
    np.testing.assert_allclose(cascade.predict(X_NEW), prediction, rtol=0, atol=1e-6)
    save_model(cascade, tmp_path / "model")
    read = load_model(tmp_path / "model")
    np.testing.assert_array_equal(read.predict(X_NEW), cascade.predict(X_NEW))
    assert read.scores_ == fitted.scores_


def test_a_head_is_not_taken_over(python):
    head = model(python, use_predictor=True, max_layers=1).fit(X, y)
    assert head.predict(X_NEW).shape == (len(X_NEW),)
    with pytest.raises(ConfigurationError, match="with a head"):
        head.to_cascade()


def test_a_fitted_model_is_not_stored(fitted, tmp_path):
    for store in (pickle.dumps, copy.deepcopy, copy.copy):
        with pytest.raises(TypeError, match=r"cannot be pickled.*to_cascade"):
            store(fitted)
    with pytest.raises(InputError, match="found DeepForestPackageRegressor"):
        save_model(fitted, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_an_unfitted_one_is_cloned_and_pickled(fitted):
    unfitted = clone(fitted)
    assert unfitted.get_params() == fitted.get_params()
    assert pickle.loads(pickle.dumps(unfitted)).get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        unfitted.predict(X)


def test_a_failing_package_is_quoted_and_the_earlier_fit_stays(python):
    estimator = model(python, max_layers=1).fit(X, y)
    folder = Path(estimator._folder.name)
    with pytest.raises(DeepForestError, match=r"failed in fit.*\n(.*\n)*.*raise n_trees"):
        estimator.set_params(n_trees=1).fit(X, y)
    assert Path(estimator._folder.name) == folder
    (folder / "model/param.pkl").write_bytes(b"no pickle")
    with pytest.raises(DeepForestError, match="failed in predict"):
        estimator.predict(X_NEW)
    del estimator
    assert not folder.exists()


def test_bad_input_is_refused_before_the_package_runs(fitted):
    with pytest.raises(ValueError, match="NaN"):
        fitted.predict(np.full_like(X, np.nan))
    with pytest.raises(ValueError, match="features"):
        fitted.predict(X[:, :3])
    with pytest.raises(ConfigurationError, match="found builtin_function_or_method"):
        model("/nowhere", predictor_kwargs={"objective": len}).fit(X, y)


def test_an_interpreter_without_the_package_is_refused():
    with pytest.raises(ConfigurationError, match=r"expected Python 3\.7 to 3\.9.*found python 3"):
        model(sys.executable).fit(X, y)
    with pytest.raises(ConfigurationError, match="To get it, install Python"):
        model("/nowhere/python").fit(X, y)


def test_cascade_forest_is_on_par_with_the_package(python):
    """Fit both with some seeds on the same rows and compare them on towers that neither saw."""
    X, y = towers(0, 20)
    X_new, y_new = towers(1, 60)
    seeds = range(0, 500, 100)

    def predictions(regressor, **parameters):
        models = [regressor(n_trees=30, random_state=s, **parameters).fit(X, y) for s in seeds]
        first_layer = np.mean([model.scores_[0] for model in models])
        return np.array([model.predict(X_new) for model in models]), first_layer

    package, package_score = predictions(DeepForestPackageRegressor, python=python)
    ours, our_score = predictions(CascadeForestRegressor)

    def skill(runs):
        return np.mean([r2_score(y_new, run) for run in runs])

    assert abs(skill(ours) - skill(package)) < 0.005
    # The out-of-bag error and the mean prediction of each row are sharper: leaves of five rows, or
    # a cascade of one layer, pass by R2 and fail here.
    assert our_score == pytest.approx(package_score, rel=0.06)
    apart = np.mean((ours.mean(axis=0) - package.mean(axis=0)) ** 2)
    by_chance = (ours.var(axis=0, ddof=1) + package.var(axis=0, ddof=1)).mean() / len(seeds)
    assert apart < 1.5 * by_chance
