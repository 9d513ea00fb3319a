"""Packed trees against scikit-learn and XGBoost."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from xgboost import XGBRegressor

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.models.packing import pack
from uflux_kedro.models.trees.library_trees import pack_random_forest
from uflux_kedro.models.trees.packed_trees import PackedTrees
from uflux_kedro.models.trees.shallow_trees import ShallowTrees


def data(missing=False, targets=1):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 6)).astype(np.float32)
    X[:, 2] = rng.integers(0, 4, 500)
    X[::7, 0] = -0.0
    y = X[:, 0] + np.sin(3 * X[:, 1]) + X[:, 2] ** 2 + rng.normal(0, 0.1, 500)
    if missing:
        X[rng.random(X.shape) < 0.1] = np.nan
    return X, (y if targets == 1 else np.column_stack([y, -2 * y]))


@pytest.mark.parametrize("missing", [False, True])
def test_xgboost_agrees_to_the_last_bit(missing):
    X, y = data(missing)
    model = XGBRegressor(n_estimators=40, subsample=0.8, random_state=0, n_jobs=1).fit(X, y)
    for rows in (X, np.where(np.arange(6) == 1, np.nan, X), X.astype(np.float64) + 1e-12):
        np.testing.assert_array_equal(pack(model).predict(rows), model.predict(rows))


@pytest.mark.parametrize(("missing", "targets"), [(False, 1), (True, 1), (False, 2)])
def test_random_forest_agrees(missing, targets):
    X, y = data(missing, targets)
    model = RandomForestRegressor(20, min_samples_leaf=2, random_state=0).fit(X, y)
    packed = pack(model)
    np.testing.assert_allclose(packed.predict(X), model.predict(X), rtol=1e-12)
    assert packed.predict(X).dtype == np.float64


def test_rows_with_missing_values_agree_among_complete_ones():
    X, y = data()
    model = RandomForestRegressor(20, min_samples_leaf=2, random_state=0).fit(X, y)
    packed = pack(model)
    # Nodes that saw no missing value send it to their larger side, left in some and right in others.
    assert len(packed.columns) > len(np.unique(packed.columns))
    lacking, _ = data(missing=True)
    for rows in (X, lacking, np.concatenate([X] * 20 + [lacking])):
        np.testing.assert_allclose(packed.predict(rows), model.predict(rows), rtol=1e-12)


@pytest.mark.parametrize(
    ("parameters", "shallow"),
    [
        ({"max_depth": 1}, True),
        ({"max_depth": 4}, True),
        ({"max_depth": 6, "max_bin": 64}, True),
        ({"max_depth": 7}, False),
        ({"max_depth": 6, "tree_method": "exact"}, False),
    ],
)
def test_shallow_trees_of_few_thresholds_take_the_quick_form(parameters, shallow):
    X, y = data(missing=True)
    X, y = np.tile(X, (3, 1)), np.tile(y, 3)
    X += np.random.default_rng(1).normal(0, 0.1, X.shape).astype(np.float32)
    model = XGBRegressor(n_estimators=60, random_state=0, n_jobs=1, **parameters).fit(X, y)
    packed = pack(model)
    assert isinstance(packed.trees, ShallowTrees) == shallow
    # Numbers of rows that are no multiple of a vector or a block.
    for rows in (X, X[:1], X[:63], X[:64], X[:257], np.full((3, 6), np.nan)):
        np.testing.assert_array_equal(packed.predict(rows), model.predict(rows))


def test_shallow_forests_of_several_targets_agree():
    X, y = data(missing=True, targets=2)
    X = np.round(X, 1)
    model = RandomForestRegressor(20, max_depth=5, random_state=0).fit(X, y)
    packed = pack(model)
    assert isinstance(packed.trees, ShallowTrees)
    np.testing.assert_allclose(packed.predict(X), model.predict(X), rtol=1e-12)


def test_values_on_a_threshold_go_the_librarys_way():
    X = np.linspace(-1, 1, 41, dtype=np.float32)[:, None]
    y = (X[:, 0] > 0.02).astype(float)
    boosted = XGBRegressor(n_estimators=3, tree_method="exact", n_jobs=1).fit(X, y)
    forest = RandomForestRegressor(3, random_state=0).fit(X, y)
    thresholds = np.concatenate([t.tree_.threshold for t in forest.estimators_])
    near = np.unique(np.concatenate([X[:, 0], thresholds.astype(np.float32)]))
    near = np.concatenate([near, np.nextafter(near, np.float32(9)), [-0.0, 0.0]])[:, None]
    np.testing.assert_array_equal(pack(boosted).predict(near), boosted.predict(near))
    np.testing.assert_allclose(pack(forest).predict(near), forest.predict(near), rtol=1e-12)


def test_threads_change_nothing():
    X, y = data()
    packed = pack(XGBRegressor(n_estimators=20, random_state=0, n_jobs=1).fit(X, y))
    many = np.tile(X, (40, 1))
    np.testing.assert_array_equal(packed.predict(many, n_jobs=2), packed.predict(many))


_DIRTY = """
import numpy as np
from uflux_kedro.models.trees.walk_kernels import add_leaves, crowns_of

nodes, leaves = np.array([65536 + 7, 255, 255], np.uint32), np.float32([[0], [1], [2]])
roots = np.zeros(1, np.uint64)
columns, thresholds, starts = crowns_of(nodes, roots)
around = np.full((12, 32), 2**32 - 1, np.uint32)  # what is beyond the starts leads astray
around[:1] = starts
rows = np.arange(62, dtype=np.uint8)[:, None]
out = np.zeros((62, 1))
bags, unseen = np.zeros((1, 0), np.uint8), np.zeros(0, np.uint32)
crowns = columns, thresholds.astype(np.uint8), around[:1]
add_leaves(nodes, leaves, roots, crowns, rows, out, bags, 0, unseen)
np.testing.assert_array_equal(out[:, 0], 1 + (rows[:, 0] > 7))
"""


def test_what_memory_held_before_has_no_effect():
    """Groups of twelve rows go beyond the last vector of sixty-four: there must be a start too."""
    dirty = os.environ | {"MALLOC_PERTURB_": "1"}  # glibc fills new memory with bytes of 254
    done = subprocess.run(
        [sys.executable, "-c", _DIRTY], check=False, env=dirty, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_early_stopping_keeps_the_trees_up_to_the_best_round():
    X, y = data()
    model = XGBRegressor(n_estimators=300, learning_rate=0.5, early_stopping_rounds=5, n_jobs=1)
    model.fit(X[:300], y[:300], eval_set=[(X[300:], y[300:])], verbose=False)
    packed = pack(model)
    assert len(packed.trees) == model.best_iteration + 1 < 300
    np.testing.assert_array_equal(packed.predict(X), model.predict(X))


def test_a_round_may_be_of_several_trees():
    X, y = data()
    model = XGBRegressor(
        n_estimators=300, learning_rate=0.5, early_stopping_rounds=5, num_parallel_tree=3,
        subsample=0.7, n_jobs=1,
    )  # fmt: skip
    model.fit(X[:300], y[:300], eval_set=[(X[300:], y[300:])], verbose=False)
    packed = pack(model)
    assert len(packed.trees) == 3 * (model.best_iteration + 1) < 900
    np.testing.assert_array_equal(packed.predict(X), model.predict(X))


def test_what_no_packed_form_holds_is_refused():
    X, y = data()
    with pytest.raises(ConfigurationError, match="several targets"):
        pack(XGBRegressor(n_estimators=2, n_jobs=1).fit(X, np.column_stack([y, y])))
    with pytest.raises(ConfigurationError, match=r"missing=0\.0: expected NaN"):
        pack(XGBRegressor(n_estimators=2, n_jobs=1, missing=0.0).fit(X, y))


def test_forests_of_lone_leaves_and_extra_trees():
    X, y = data()
    constant = RandomForestRegressor(3, random_state=0).fit(X, np.full(500, 2.5))
    np.testing.assert_array_equal(pack(constant).predict(X), 2.5)
    extra = ExtraTreesRegressor(5, random_state=0).fit(X, y)
    np.testing.assert_allclose(pack_random_forest(extra).predict(X), extra.predict(X), rtol=1e-12)


@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        XGBRegressor(booster="gblinear", n_jobs=1),
        XGBRegressor(booster="dart", n_estimators=2, n_jobs=1),
        XGBRegressor(objective="reg:gamma", n_estimators=2, n_jobs=1),
    ],
    ids=["linear", "gblinear", "dart", "gamma"],
)
def test_other_models_are_refused_by_name(model):
    X, y = data()
    with pytest.raises(ConfigurationError, match="No packed form"):
        pack(model.fit(X, np.abs(y) + 1))


def test_other_numbers_of_columns_are_refused():
    X, y = data()
    packed = pack(XGBRegressor(n_estimators=2, n_jobs=1).fit(X, y))
    with pytest.raises(InputError, match="6 columns"):
        packed.predict(X[:, :5])


@pytest.mark.parametrize(
    "change",
    [
        lambda nodes: nodes | np.uint32(200 << 8),
        lambda nodes: nodes + np.uint32(5 << 16),
        lambda nodes: nodes & np.uint32(0xFFFFFF7F),
    ],
    ids=["column", "distance", "leaf with a threshold"],
)
def test_trees_with_numbers_out_of_range_are_refused(change):
    inner, leaf = (1 << 16) | (2 << 8) | 7, 255
    nodes = np.array([inner, leaf, leaf], np.uint32)
    leaves, roots = np.zeros((3, 1), np.float32), np.zeros(1, np.uint64)
    PackedTrees(nodes, leaves, roots).check(3)
    with pytest.raises(ValueError, match="numbers out of range"):
        PackedTrees(change(nodes), leaves, roots).check(3)
