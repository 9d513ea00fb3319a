"""SHAP values, against the definition worked out for a small tree."""

from __future__ import annotations

import sys
from itertools import combinations
from math import factorial

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from xgboost import XGBRegressor

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.explanation.shapley import contributions, mean_contributions
from uflux_kedro.models.registry import make_model


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 3)).astype("float32")
    return X, X[:, 0] * (X[:, 1] > 0) + 0.5 * X[:, 2]


def shapley(tree, row) -> np.ndarray:
    """Shapley values of a row from the definition, on a tree of scikit-learn."""
    n = len(row)

    def expected(node, known):
        if tree.children_left[node] < 0:
            return tree.value[node, 0, 0]
        left, right = tree.children_left[node], tree.children_right[node]
        feature = tree.feature[node]
        if feature in known:
            return expected(left if row[feature] <= tree.threshold[node] else right, known)
        share = tree.weighted_n_node_samples[left] / tree.weighted_n_node_samples[node]
        return share * expected(left, known) + (1 - share) * expected(right, known)

    found = np.zeros(n)
    for feature in range(n):
        others = [f for f in range(n) if f != feature]
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            for known in combinations(others, size):
                gain = expected(0, {*known, feature}) - expected(0, {*known})
                found[feature] += weight * gain
    return found


def test_contributions_to_a_boosted_model_add_up_to_its_predictions(data):
    X, y = data
    model = make_model("XGB", {"n_estimators": 20}, random_state=0).fit(X, y)
    found = contributions(model, X)
    assert found.values.shape == X.shape
    np.testing.assert_allclose(found.values.sum(1) + found.mean, model.predict(X), atol=1e-5)


def test_a_predictor_that_no_tree_uses_contributes_nothing(data):
    X, y = data
    X = np.column_stack([X, np.ones(len(X), "float32")])
    model = XGBRegressor(n_estimators=5, max_depth=3, n_jobs=1).fit(X, y)
    assert (contributions(model, X).values[:, 3] == 0).all()


def test_contributions_of_boosted_stumps_are_their_departures_from_the_mean():
    X = np.repeat([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], 25, axis=0).astype("float32")
    y = 4 * X[:, 0] + X[:, 1]
    model = XGBRegressor(n_estimators=50, max_depth=1, reg_lambda=0, n_jobs=1).fit(X, y)
    found = contributions(model, X[[0, 25, 50, 75]])
    expected = [[-2, -0.5], [-2, 0.5], [2, -0.5], [2, 0.5]]
    np.testing.assert_allclose(found.values, expected, atol=0.01)
    assert found.mean == pytest.approx(2.5, abs=0.01)


def test_contributions_to_a_forest_are_shapley_values(data):
    pytest.importorskip("shap")
    X, y = data
    model = RandomForestRegressor(n_estimators=3, max_depth=3, random_state=0).fit(X, y)
    found = contributions(model, X[:5])
    for row, values in zip(X[:5], found.values, strict=True):
        expected = np.mean([shapley(tree.tree_, row) for tree in model.estimators_], axis=0)
        np.testing.assert_allclose(values, expected, atol=1e-6)
    np.testing.assert_allclose(found.values.sum(1) + found.mean, model.predict(X[:5]), atol=1e-6)


def test_without_the_library_its_extra_is_named(data, monkeypatch):
    X, y = data
    monkeypatch.setitem(sys.modules, "shap", None)
    model = RandomForestRegressor(n_estimators=2).fit(X, y)
    with pytest.raises(ConfigurationError, match=r"uflux_kedro\[explain\]"):
        contributions(model, X)


def test_what_is_not_exact_is_refused_and_the_way_out_is_named(data):
    X, _ = data
    with pytest.raises(
        ConfigurationError, match=r"CascadeForestRegressor are not exact.*ermutation"
    ):
        contributions(make_model("DF21"), X)


def test_no_row_has_no_contribution(data):
    X, y = data
    model = XGBRegressor(n_estimators=2, n_jobs=1).fit(X, y)
    assert contributions(model, X[:0]).values.shape == (0, 3)


def test_the_mean_size_gives_each_site_equal_weight():
    values = np.array([[1.0, 0.0], [-3.0, 0.0], [4.0, -8.0]])
    table = mean_contributions(values, ["TA", "VPD"], ["A", "A", "B"])
    assert table["importance"].to_dict() == {"VPD": 4.0, "TA": 3.0}
    assert table.loc["TA", ["low", "high"]].tolist() == [2.0, 4.0]
    alone = mean_contributions(values[:2], ["TA", "VPD"], ["A", "A"])
    assert alone[["low", "high"]].isna().all(axis=None)
