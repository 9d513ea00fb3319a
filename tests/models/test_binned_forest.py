"""The random forest on binned columns against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_friedman1
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import r2_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.models.binned_forest import BinnedForestRegressor
from uflux_kedro.models.packing import pack

LIMITS = {"n_estimators": 60, "max_depth": 20, "min_samples_leaf": 3, "min_samples_split": 12}


@pytest.fixture(scope="module")
def friedman():
    X, y = make_friedman1(1600, n_features=8, noise=1, random_state=0)
    return X[:800], y[:800], X[800:], y[800:]


@parametrize_with_checks([BinnedForestRegressor(n_estimators=10, random_state=0)])
def test_it_is_an_estimator_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("limits", [LIMITS, {"n_estimators": 60}], ids=["limits", "full"])
def test_its_skill_is_that_of_scikit_learns(friedman, limits):
    X, y, X_new, y_new = friedman

    def skill(regressor):
        return np.array(
            [
                r2_score(y_new, regressor(**limits, random_state=seed).fit(X, y).predict(X_new))
                for seed in range(4)
            ]
        )

    ours, theirs = skill(BinnedForestRegressor), skill(RandomForestRegressor)
    # Bags of distinct rows, or limits that count draws as rows, would differ by more.
    noise = np.sqrt(ours.var(ddof=1) + theirs.var(ddof=1)) / 2
    assert abs(ours.mean() - theirs.mean()) < max(0.004, 3 * noise)


def test_threads_change_nothing_and_seeds_do(friedman):
    X, y, X_new, _ = friedman
    one, two, other = (
        BinnedForestRegressor(**LIMITS, n_jobs=jobs, random_state=seed).fit(X, y).predict(X_new)
        for jobs, seed in ((1, 0), (2, 0), (1, 1))
    )
    np.testing.assert_array_equal(one, two)
    assert np.any(one != other)


def test_arrays_hold_the_whole_model(friedman):
    X, y, X_new, _ = friedman
    model = BinnedForestRegressor(**LIMITS, random_state=0).fit(X, np.column_stack([y, -y]))
    read = BinnedForestRegressor().from_arrays(*model.to_arrays())
    np.testing.assert_array_equal(read.predict(X_new), model.predict(X_new))
    np.testing.assert_array_equal(pack(read).predict(X_new, n_jobs=2), model.predict(X_new))
    np.testing.assert_array_equal(read.feature_importances_, model.feature_importances_)


def test_leaves_hold_the_rows_that_they_need(friedman):
    X, y, *_ = friedman
    few = BinnedForestRegressor(n_estimators=1, min_samples_leaf=50, random_state=0).fit(X, y)
    # 50 rows are 79 draws: at most a tenth of 800.
    assert 2 <= len(np.unique(few.predict(X))) <= 800 // 79


def test_a_constant_target_and_one_column():
    x = np.linspace(0, 1, 300)[:, None]
    np.testing.assert_allclose(BinnedForestRegressor().fit(x, np.full(300, 2.5)).predict(x), 2.5)
    model = BinnedForestRegressor(random_state=0).fit(x, np.sin(6 * x[:, 0]))
    np.testing.assert_allclose(model.predict(x), np.sin(6 * x[:, 0]), atol=0.05)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_estimators", 0), ("max_depth", 0), ("max_depth", -1), ("min_samples_leaf", 0),
     ("min_samples_split", 1), ("min_samples_leaf", 0.1)],
)  # fmt: skip
def test_parameters_out_of_range_are_named(friedman, name, value):
    X, y, *_ = friedman
    with pytest.raises(ConfigurationError, match=rf"BinnedForestRegressor\({name}={value}\)"):
        BinnedForestRegressor(**{name: value}).fit(X, y)


def test_targets_beyond_single_precision_are_refused(friedman):
    X, y, *_ = friedman
    with pytest.raises(InputError, match="targets within"):
        BinnedForestRegressor(5).fit(X, y * 1e39)
