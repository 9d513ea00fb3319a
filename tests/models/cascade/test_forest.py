"""The cascade forest: the algorithm, its options, and its checks of input."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import make_friedman1
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.models import CascadeForestRegressor


def make(**parameters):
    return CascadeForestRegressor(**({"n_trees": 15, "random_state": 0} | parameters))


@pytest.fixture(scope="module")
def friedman():
    X, y = make_friedman1(n_samples=900, n_features=8, noise=1.0, random_state=0)
    return X[:450], y[:450], X[450:], y[450:]


@parametrize_with_checks([CascadeForestRegressor(n_trees=5)])
def test_scikit_learns_contract(estimator, check):
    check(estimator)


def test_skill_beats_a_random_forest(friedman):
    X, y, X_new, y_new = friedman
    cascade = make(n_trees=50).fit(X, y)
    forest = RandomForestRegressor(200, random_state=0).fit(X, y)
    assert r2_score(y_new, cascade.predict(X_new)) > forest.score(X_new, y_new)
    # Out-of-bag predictions are as good as those of new rows, not better.
    out_of_bag = r2_score(y, cascade.oob_prediction_)
    assert abs(out_of_bag - cascade.score(X_new, y_new)) < 0.08


def test_trees_do_not_grow_with_the_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 4))
    y = X[:, 0] * X[:, 1] + rng.normal(0, 0.3, 6000)
    bounds = {"n_trees": 6, "max_layers": 1, "max_samples": 500, "max_leaves": 100}

    def nodes(rows, **parameters):
        model = make(**(bounds | parameters)).fit(X[:rows], y[:rows])
        return np.mean([len(f.trees.nodes) / 6 for f in model.layers_[0].forests])

    # 500 rows in leaves of at least 5 are at most 199 nodes, some of more rows.
    assert nodes(1500) == pytest.approx(nodes(6000), rel=0.1)
    assert nodes(6000) < 2 * (500 * 1.3 / 5)
    unbounded = {"max_samples": None, "max_leaves": None}
    assert nodes(6000, **unbounded) > 3 * nodes(1500, **unbounded) > 10 * nodes(1500)


def test_bounds_change_nothing_for_few_rows(friedman):
    X, y, X_new, _ = friedman
    plain = make(max_samples=None, max_leaves=None).fit(X, y)
    assert make().fit(X, y).predict(X_new).tobytes() == plain.predict(X_new).tobytes()


def test_bounded_bags_by_group_keep_a_groups_rows_together(friedman):
    """Each group counts the same, and its rows out of bag are of trees that never saw it."""
    rng = np.random.default_rng(1)
    sizes = np.repeat([20, 400], [30, 3])
    groups = np.repeat(np.arange(33), sizes)
    X = rng.normal(size=(len(groups), 3))
    X[:, 0] += groups
    y = rng.normal(size=33)[groups]
    settings = {"n_trees": 40, "max_layers": 1, "max_samples": 300}
    model = make(**settings).fit(X, y, groups=groups)
    by_row = make(**settings).fit(X, y)
    assert r2_score(y, model.oob_prediction_) < 0.1
    assert r2_score(y, by_row.oob_prediction_) > 0.4
    one, two = (make(**settings, n_jobs=n).fit(X, y, groups=groups) for n in (1, 2))
    assert one.predict(X).tobytes() == two.predict(X).tobytes()


def test_layers_are_kept_up_to_the_best_score(friedman):
    X, y, *_ = friedman
    model = make(n_tolerant_rounds=2).fit(X, y)
    best = int(np.argmin(model.scores_))
    assert model.n_layers_ == len(model.layers_) == best + 1
    assert len(model.scores_) == best + 1 + 2
    np.testing.assert_allclose(((model.oob_prediction_ - y) ** 2).mean(), min(model.scores_))


def test_delta_asks_for_more_and_max_layers_ends_it(friedman):
    X, y, *_ = friedman
    assert make(delta=1e3).fit(X, y).n_layers_ == 1
    # Layers without improvement are kept if the limit is reached.
    assert make(delta=1e3, max_layers=2).fit(X, y).n_layers_ == 2


def test_a_later_layer_sees_the_columns_and_the_layer_before(friedman):
    X, y, X_new, _ = friedman
    model = make(max_layers=2, n_tolerant_rounds=3, delta=0).fit(X, y)
    first, second = model.layers_
    bins = np.empty((len(X_new), 8 + 4), np.uint8)
    first.binner.transform(X_new, bins)
    outputs = np.empty((4, len(X_new), 1))
    for forest, out in zip(first.forests, outputs, strict=True):
        forest.predict_into(bins, out)
    second.binner.transform(outputs[:, :, 0].T, bins, 8)
    for forest, out in zip(second.forests, outputs, strict=True):
        forest.predict_into(bins, out)
    np.testing.assert_allclose(model.predict(X_new), outputs.mean(axis=0)[:, 0])


def test_same_seed_same_bytes_on_one_or_two_threads(friedman):
    X, y, X_new, _ = friedman
    one, two = make(n_jobs=1).fit(X, y), make(n_jobs=2).fit(X, y)
    for a, b in zip(one.layers_, two.layers_, strict=True):
        for p, q in zip(a.forests, b.forests, strict=True):
            assert p.trees.nodes.tobytes() == q.trees.nodes.tobytes()
            assert p.trees.leaves.tobytes() == q.trees.leaves.tobytes()
    assert one.predict(X_new).tobytes() == two.predict(X_new).tobytes()
    assert one.oob_prediction_.tobytes() == two.oob_prediction_.tobytes()
    assert not np.array_equal(one.predict(X_new), make(random_state=1).fit(X, y).predict(X_new))


def test_the_order_of_rows_does_not_matter(friedman):
    X, y, X_new, _ = friedman
    order = np.random.default_rng(0).permutation(len(X))
    model, shuffled = make().fit(X, y), make().fit(X[order], y[order])
    np.testing.assert_array_equal(model.predict(X_new), shuffled.predict(X_new))
    np.testing.assert_array_equal(model.oob_prediction_[order], shuffled.oob_prediction_)


def test_a_whole_weight_is_as_many_rows(friedman):
    X, y, X_new, _ = friedman
    weight = np.arange(len(X)) % 4
    weighted = make().fit(X, y, sample_weight=weight)
    repeated = make().fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(weighted.predict(X_new), repeated.predict(X_new))
    np.testing.assert_array_equal(np.isnan(weighted.oob_prediction_), weight == 0)


def test_weights_pull_the_prediction(friedman):
    X, y, *_ = friedman
    high = y > np.median(y)
    weighted = make(min_samples_leaf=40).fit(X, y, sample_weight=np.where(high, 20.0, 0.5))
    plain = make(min_samples_leaf=40).fit(X, y)
    assert weighted.predict(X).mean() > plain.predict(X).mean() + 1


def test_bags_by_group_keep_a_groups_rows_from_predicting_each_other():
    """Targets depend on the group alone: they leak out of bag by row, but not by group."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 12)
    place = rng.normal(size=(40, 3))[groups]
    y = rng.normal(size=40)[groups] + rng.normal(0, 0.1, 480)
    X = np.column_stack([place, rng.normal(size=480)])
    by_row = make().fit(X, y)
    by_group = make().fit(X, y, groups=[f"site {g}" for g in groups])
    assert r2_score(y, by_row.oob_prediction_) > 0.8
    assert r2_score(y, by_group.oob_prediction_) < 0.1


def test_several_targets_share_trees(friedman):
    X, y, X_new, y_new = friedman
    both = make(n_trees=30).fit(X, np.column_stack([y, -3 * y + 1]))
    predicted = both.predict(X_new)
    assert predicted.shape == (450, 2)
    np.testing.assert_allclose(predicted[:, 1], -3 * predicted[:, 0] + 1, atol=1e-4)
    assert r2_score(y_new, predicted[:, 0]) > 0.75
    assert both.oob_prediction_.shape == (450, 2)


@pytest.mark.parametrize(
    ("predictor", "parameters"),
    [
        ("forest", {"n_trees": 30, "min_samples_leaf": 2}),
        ("xgboost", {"learning_rate": 0.1, "n_estimators": 60}),
        ("lightgbm", {"n_estimators": 60}),
    ],
)
def test_heads_predict_from_columns_and_best_layer(friedman, predictor, parameters):
    X, y, X_new, y_new = friedman
    if predictor == "lightgbm":
        pytest.importorskip("lightgbm")
    settings = {"use_predictor": True, "predictor": predictor, "predictor_kwargs": parameters}
    model = make(**settings).fit(X, y)
    assert model.n_layers_ == int(np.argmin(model.scores_)) + 1
    assert r2_score(y_new, model.predict(X_new)) > 0.7
    np.testing.assert_array_equal(
        model.predict(X_new), make(n_jobs=2, **settings).fit(X, y).predict(X_new)
    )
    # Without use_predictor the head's name has no effect.
    plain = make(predictor=predictor).fit(X, y)
    np.testing.assert_array_equal(plain.predict(X_new), make().fit(X, y).predict(X_new))


def test_without_lightgbm_the_error_says_how_to_install_it(friedman, monkeypatch):
    X, y, *_ = friedman
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ConfigurationError, match="not installed: pip install"):
        make(n_trees=2, use_predictor=True, predictor="lightgbm").fit(X, y)


def test_partial_mode_reads_forests_from_disk_with_the_same_results(friedman):
    X, y, X_new, _ = friedman
    model, partial = make().fit(X, y), make(partial_mode=True, n_jobs=2).fit(X, y)
    folder = partial.layers_[0].forests._folder.name
    np.testing.assert_array_equal(model.predict(X_new), partial.predict(X_new))
    for twin in (copy.deepcopy(partial), pickle.loads(pickle.dumps(partial))):
        assert twin.layers_[0].forests._folder.name != folder
        np.testing.assert_array_equal(twin.predict(X_new), partial.predict(X_new))


def test_importances_sum_to_one_and_find_the_columns_that_matter(friedman):
    X, y, *_ = friedman
    # The last three of Friedman's columns are noise.
    importances = make().fit(X, y).feature_importances_
    assert importances.shape == (8,)
    np.testing.assert_allclose(importances.sum(), 1)
    assert importances[:5].min() > importances[5:].max()


@pytest.mark.parametrize("targets", [1, 2])
def test_a_constant_target_gives_a_constant_model(targets):
    X = np.random.default_rng(0).normal(size=(30, 3))
    y = np.full((30, targets), 0.1)
    model = make().fit(X, y[:, 0] if targets == 1 else y)
    assert model.n_layers_ == 0
    np.testing.assert_array_equal(model.predict(X[:4]), y[:4, 0] if targets == 1 else y[:4])
    np.testing.assert_array_equal(model.feature_importances_, 0)


def test_one_column_and_columns_that_tell_nothing():
    x = np.linspace(0, 1, 200)[:, None]
    model = make(n_trees=30).fit(x, np.sin(6 * x[:, 0]))
    np.testing.assert_allclose(model.predict(x), np.sin(6 * x[:, 0]), atol=0.1)
    y = np.arange(200.0)
    blind = make().fit(np.zeros((200, 2)), y)
    np.testing.assert_allclose(blind.predict(np.zeros((3, 2))), y.mean(), rtol=0.05)


def test_many_columns_take_wide_nodes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 300))
    y = X[:, 290] + X[:, 299]
    model = make(n_trees=30, max_layers=2).fit(X, y)
    assert next(iter(model.layers_[0].forests)).trees.nodes.dtype == np.uint64
    assert set(np.argsort(model.feature_importances_)[-2:]) == {290, 299}


def test_few_rows_are_refused_and_a_handful_is_enough():
    X = np.arange(10.0).reshape(5, 2)
    with pytest.raises(InputError, match="at least 5 rows; found n_samples = 4"):
        make().fit(X[:4], np.arange(4.0))
    with pytest.raises(InputError, match="of a positive weight; found n_samples = 3"):
        make().fit(X, np.arange(5.0), sample_weight=[1, 1, 1, 0, 0])
    assert np.isfinite(make().fit(X, np.arange(5.0)).predict(X)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_missing_and_infinite_values_are_refused(friedman, bad):
    X, y, X_new, _ = (part.copy() for part in friedman)
    model = make(n_trees=2, max_layers=1).fit(X, y)
    X_new[3, 2] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        model.predict(X_new)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        make().fit(X_new, y)
    y[0] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        make().fit(X, y)


def test_targets_beyond_float32_and_odd_groups_are_refused(friedman):
    X, y, *_ = friedman
    with pytest.raises(InputError, match="1e\\+37"):
        make().fit(X, y * 1e38)
    with pytest.raises(InputError, match="one label for each row"):
        make().fit(X, y, groups=[1, 2])
    with pytest.raises(InputError, match="at least 2 groups"):
        make().fit(X, y, groups=np.zeros(len(y)))
    with pytest.raises(NotFittedError):
        make().predict(X)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("n_bins", 256),
        ("n_bins", 1),
        ("n_trees", 0),
        ("n_trees", 2.5),
        ("n_estimators", True),
        ("max_layers", 0),
        ("max_depth", 0),
        ("min_samples_split", 1),
        ("delta", -1e-3),
        ("bin_type", "quantile"),
        ("predictor", "catboost"),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(friedman, parameter, value):
    X, y, *_ = friedman
    with pytest.raises(ConfigurationError, match=f"{parameter}="):
        make(**{parameter: value}).fit(X, y)


def test_unknown_parameters_of_a_head_are_refused(friedman):
    X, y, *_ = friedman
    with pytest.raises(ConfigurationError, match="no trees; expected some of n_trees"):
        make(use_predictor=True, predictor_kwargs={"trees": 3}).fit(X, y)


def test_progress_shows_layers_and_trees(friedman, capsys):
    X, y, *_ = friedman
    model = make(n_trees=3, verbose=1).fit(X, y)
    shown = capsys.readouterr()
    assert f"layer 0: out-of-bag mean squared error {model.scores_[0]:.6g}" in shown.out
    assert f"{12 * len(model.scores_)}tree" in shown.err


def test_importing_the_package_imports_neither_numba_nor_scikit_learn():
    code = (
        "import sys, uflux_kedro.models as m; "
        "assert 'CascadeForestRegressor' in dir(m); "
        "print(*{'numba', 'sklearn', 'xgboost'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


@pytest.mark.parametrize("scale", [1e-200, 1e155, 1e200])
def test_the_scale_of_weights_is_no_matter(friedman, scale):
    X, y, *_ = friedman
    weight = np.linspace(1, 2, len(y))
    plain = make(n_trees=5, max_layers=1).fit(X, y, sample_weight=weight)
    scaled = make(n_trees=5, max_layers=1).fit(X, y, sample_weight=weight * scale)
    np.testing.assert_allclose(scaled.predict(X), plain.predict(X), atol=0.3 * y.std())
    assert scaled.score(X, y) == pytest.approx(plain.score(X, y), abs=0.02)
    powers = make(n_trees=5, max_layers=1).fit(X, y, sample_weight=weight * 2.0**40)
    np.testing.assert_array_equal(powers.predict(X), plain.predict(X))


def test_one_weight_may_outweigh_all(friedman):
    X, y, *_ = friedman
    weight = np.ones(len(y))
    weight[0] = 1e17
    model = make(n_trees=10, max_layers=1).fit(X, y, sample_weight=weight)
    assert np.isfinite(model.feature_importances_).all()
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"delta": np.inf}, r"delta=inf\): expected a finite number"),
        (
            {"use_predictor": True, "predictor_kwargs": {"n_trees": 0}},
            r"predictor_kwargs\(n_trees=0",
        ),
    ],
)
def test_more_parameters_out_of_range(friedman, parameters, message):
    with pytest.raises(ConfigurationError, match=message):
        make(**parameters).fit(*friedman[:2])
