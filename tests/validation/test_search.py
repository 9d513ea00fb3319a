from __future__ import annotations

import sys
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.tree import DecisionTreeRegressor

from tests.testing.project import PROJECT
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.validation import search as search_module
from uflux_kedro.validation.cross_validation import held_out_predictions
from uflux_kedro.validation.folds import leave_one_site_out, site_k_fold
from uflux_kedro.validation.metrics import score
from uflux_kedro.validation.parameters import SearchParameters, TrainingParameters
from uflux_kedro.validation.search import SiteSearchRegressor
from uflux_kedro.validation.search_space import ParameterRange, grid

DEPTHS = {"max_depth": [1, 6]}


@pytest.fixture(scope="module")
def rows():
    """Six sites; the first column is the site's number, the flux depends on the others."""
    rng = np.random.default_rng(0)
    number = np.repeat(np.arange(6), 40)
    X = np.column_stack([number, rng.uniform(-3, 3, (240, 2))]).astype("float32")
    y = 3 * np.sin(2 * X[:, 1]) + X[:, 2] + 0.1 * rng.standard_normal(240)
    sites = np.array([f"S{i}" for i in number])
    time = np.tile(pd.date_range("2001-01-01", periods=40, freq="MS"), 6)
    return X, y, sites, time


def tree(**parameters):
    return DecisionTreeRegressor(random_state=0, **parameters)


def searched(fold, **settings):
    return SiteSearchRegressor(tree(), DEPTHS, seed=fold, **settings)


class Spy(RegressorMixin, BaseEstimator):
    """Records, for each outer fold, the sites on which it was fitted and which it predicted."""

    seen: ClassVar[list[tuple[int, float, set[int], set[int]]]] = []

    def __init__(self, fold=0, level=0.0):
        self.fold = fold
        self.level = level

    def fit(self, X, y):
        self.sites_ = set(X[:, 0].astype(int))
        return self

    def predict(self, X):
        Spy.seen.append((self.fold, self.level, self.sites_, set(X[:, 0].astype(int))))
        return np.full(len(X), self.level)


@pytest.fixture
def seen():
    Spy.seen = []
    return Spy.seen


def test_search_never_sees_the_site_that_is_scored(rows, seen):
    levels = [-1.0, 0.0, 1.0]
    held_out_predictions(
        lambda fold: SiteSearchRegressor(Spy(fold), {"level": levels}, n_splits=2, seed=fold),
        *rows,
        leave_one_site_out(rows[2]),
        fit_with_sites=True,
    )
    for fold in range(6):
        *inner, last = [entry[1:] for entry in seen if entry[0] == fold]
        assert len(inner) == len(levels) * 2
        for _, learnt, predicted in inner:
            assert fold not in learnt | predicted
            assert not learnt & predicted, "inner folds must split whole sites"
        for level in levels:
            parts = [predicted for tried, _, predicted in inner if tried == level]
            assert set.union(*parts) == set(range(6)) - {fold}
        assert last[1:] == (set(range(6)) - {fold}, {fold})


def test_truth_of_a_site_does_not_touch_its_prediction(rows):
    X, y, sites, time = rows
    folds = leave_one_site_out(sites)
    one = held_out_predictions(searched, X, y, sites, time, folds, fit_with_sites=True)
    other = np.where(sites == "S3", 100 * y[::-1], y)
    two = held_out_predictions(searched, X, other, sites, time, folds, fit_with_sites=True)
    here = sites == "S3"
    np.testing.assert_array_equal(one["prediction"][here], two["prediction"][here])
    assert (one["prediction"][~here] != two["prediction"][~here]).any()


def test_better_setting_is_found_and_fitted_on_all_rows(rows):
    X, y, sites, _ = rows
    model = searched(0).fit(X, y, groups=sites)
    assert model.best_params_ == {"max_depth": 6}
    np.testing.assert_array_equal(
        model.predict(X), tree(max_depth=6).fit(X, y).predict(X)
    )  # fmt: skip

    results = model.search_results_
    assert results["max_depth"].tolist() == [1, 6]
    predicted = np.empty(len(y))
    for fold in site_k_fold(sites, 3, seed=0):
        fitted = tree(max_depth=1).fit(X[fold.train], y[fold.train])
        predicted[fold.test] = fitted.predict(X[fold.test])
    expected = score(y, predicted)
    assert results.loc[0, ["NSE", "RMSE"]].tolist() == [expected["NSE"], expected["RMSE"]]


def test_settings_that_remember_sites_lose(rows):
    X, _, sites, _ = rows
    # A site's number predicts its own flux; sites with near numbers have the opposite flux.
    y = X[:, 0] % 2 + 0.01 * X[:, 1]
    by_site = searched(0).fit(X, y, groups=sites)
    by_row = GridSearchCV(tree(), DEPTHS, cv=KFold(3, shuffle=True, random_state=0)).fit(X, y)
    assert by_row.best_params_ == {"max_depth": 6}
    assert by_site.best_params_ == {"max_depth": 1}


def test_search_alone_leaves_the_fit_to_the_caller(rows):
    X, y, sites, _ = rows
    search = searched(0)
    model = search.search(X, y, sites)
    assert type(model) is DecisionTreeRegressor
    assert model.get_params() == tree(max_depth=6).get_params()
    assert not hasattr(model, "tree_")
    assert not hasattr(search, "best_estimator_")


def test_of_equals_the_first_wins(rows):
    X, y, sites, _ = rows
    search = SiteSearchRegressor(tree(max_depth=2), {"min_samples_leaf": [3, 2, 1]})
    best = search.fit(X, np.ones_like(y), sites).best_params_
    assert best == {"min_samples_leaf": 3}


@pytest.mark.parametrize("method", ["grid", "optuna"])
def test_number_of_jobs_changes_nothing(rows, method):
    folds = leave_one_site_out(rows[2])
    one, two = (
        held_out_predictions(
            lambda fold: searched(fold, method=method, n_trials=3),
            *rows,
            folds,
            fit_with_sites=True,
            n_jobs=n_jobs,
        )
        for n_jobs in (1, 2)
    )
    pd.testing.assert_frame_equal(one, two)


def test_optuna_searches_lists_and_ranges(rows, capfd):
    X, y, sites, _ = rows
    space = {
        "max_depth": ParameterRange(low=1, high=8, type="int"),
        "min_samples_leaf": ParameterRange(low=1, high=60, log=True, type="int"),
        "ccp_alpha": ParameterRange(low=1e-6, high=10, log=True),
        "max_features": [None, 1.0, 0.9],
    }
    models = [
        SiteSearchRegressor(tree(), space, method="optuna", n_trials=12, seed=seed).fit(X, y, sites)
        for seed in (1, 1, 2)
    ]
    first, again, other = (m.search_results_ for m in models)
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)
    assert len(first) == 12
    assert first["max_depth"].between(1, 8).all()
    assert first["min_samples_leaf"].between(1, 60).all()
    assert first["ccp_alpha"].between(1e-6, 10).all()
    assert set(first["max_features"]) <= {None, 1.0, 0.9}
    assert all(type(depth) is int for depth in first["max_depth"])

    best = first.loc[first["RMSE"].idxmin(), list(space)].to_dict()
    assert models[0].best_params_ == best
    assert best["max_depth"] > 2
    assert capfd.readouterr() == ("", "")


def test_optuna_learns_from_what_it_tried(rows):
    X, _, sites, _ = rows
    space = {"alpha": ParameterRange(low=1e-3, high=1e6, log=True)}
    model = SiteSearchRegressor(Ridge(), space, method="optuna", n_trials=40, seed=0)
    results = model.fit(X[:, 1:], X[:, 2], sites).search_results_
    # The first ten draws are random; the best setting here is no shrinkage at all.
    assert results["RMSE"][20:].median() < results["RMSE"][:10].median()


def test_without_optuna_the_error_says_how_to_get_it(rows, monkeypatch):
    X, y, sites, _ = rows
    monkeypatch.setitem(sys.modules, "optuna", None)
    search_module._optuna.cache_clear()
    with pytest.raises(ConfigurationError, match=r"pip install 'uflux_kedro\[search\]'"):
        searched(0, method="optuna").fit(X, y, sites)
    assert searched(0).fit(X, y, sites).best_params_ == {"max_depth": 6}


BAD_SPACES = {
    "no parameter 'max_dept'.*nearest: max_depth": {"max_dept": [1]},
    r"max_depth: method grid takes a list of values, found a range": {
        "max_depth": ParameterRange(low=1, high=3)
    },
    r"max_depth: expected a list of values or a range, found \[\]": {"max_depth": []},
    "max_depth: expected a list of values or a range, found 3": {"max_depth": 3},
    "criterion: expected a list of values or a range, found 'poisson'": {"criterion": "poisson"},
    "at least one parameter": {},
}


@pytest.mark.parametrize("message", BAD_SPACES)
def test_a_bad_space_is_refused_by_name(rows, message):
    X, y, sites, _ = rows
    with pytest.raises(ConfigurationError, match=f"DecisionTreeRegressor.*{message}"):
        SiteSearchRegressor(tree(), BAD_SPACES[message]).fit(X, y, sites)


def test_other_settings_that_cannot_work_are_refused(rows):
    X, y, sites, _ = rows
    with pytest.raises(
        ConfigurationError, match=r"Unknown search method 'random': expected.*optuna"
    ):
        searched(0, method="random").fit(X, y, sites)
    with pytest.raises(ConfigurationError, match="n_splits of at least 2, found 1"):
        searched(0, n_splits=1).fit(X, y, sites)
    with pytest.raises(ConfigurationError, match="n_trials of at least 1, found 0"):
        searched(0, method="optuna", n_trials=0).fit(X, y, sites)
    with pytest.raises(InputError, match=r"at least 7 sites.*found 6"):
        searched(0, n_splits=7).fit(X, y, sites)


def test_the_ends_of_a_range():
    assert ParameterRange(low=-1, high=0).log is False
    assert ParameterRange(low=1e-9, high=1, log=True).type == "float"
    for low, high, settings in ((1, 1, {}), (0, 1, {"log": True}), (1, 2.5, {"type": "int"})):
        with pytest.raises(ValidationError):
            ParameterRange(low=low, high=high, **settings)


def test_what_a_search_does_unless_told_otherwise():
    settings = SiteSearchRegressor(tree(), DEPTHS).get_params(deep=False)
    assert settings["n_splits"] == 3
    assert settings["method"] == "grid"
    assert settings["n_trials"] == 50
    assert settings["seed"] == 0
    assert settings["fit_with_sites"] is False


def test_grid_holds_every_combination():
    assert grid({"a": (1, 2), "b": ("x", None)}) == [
        {"a": 1, "b": "x"}, {"a": 1, "b": None}, {"a": 2, "b": "x"}, {"a": 2, "b": None},
    ]  # fmt: skip


def test_cache_knows_the_model_inside_and_the_sites(rows, tmp_path):
    X, y, sites, time = rows
    folds = site_k_fold(sites, 2, seed=0)

    def files_after(make_model, sites=sites):
        held_out_predictions(
            make_model, X, y, sites, time, folds, fit_with_sites=True, cache_folder=tmp_path
        )
        return len(list(tmp_path.iterdir()))

    def leafy(fold):
        return SiteSearchRegressor(tree(min_samples_leaf=5), DEPTHS, seed=fold)

    def deeper(fold):
        return SiteSearchRegressor(tree(), {"max_depth": [1, 7]}, seed=fold)

    assert files_after(searched) == 2
    assert files_after(searched) == 2
    assert files_after(leafy) == 4
    assert files_after(deeper) == 6
    assert files_after(lambda fold: searched(fold, n_splits=2)) == 8
    # Sites with other names are in other inner folds.
    assert files_after(searched, sites=np.char.add(sites[::-1], "x")) == 10


def test_parameters_of_the_configuration_are_read():
    search = SearchParameters.model_validate(
        {
            "method": "optuna",
            "space": {
                "XGB": {"max_depth": [3, None], "learning_rate": {"low": 0.01, "high": 1, "log": True}},
                "DF21": {},
            },
        }
    )  # fmt: skip
    assert search.space["XGB"] == {
        "max_depth": (3, None),
        "learning_rate": ParameterRange(low=0.01, high=1, log=True),
    }
    assert search.space["DF21"] == {}
    assert TrainingParameters().search is None


def test_the_example_in_the_configuration_is_the_grid_of_the_published_scripts():
    text = (PROJECT / "conf/base/parameters_model_training.yml").read_text()
    training, example = text.split("  # search:\n")
    assert yaml.safe_load(training)["training"]["search"] is None
    lines = ("search:\n" + example).replace("  #   ", "  ")
    search = SearchParameters.model_validate(yaml.safe_load(lines)["search"])
    assert {name: list(values) for name, values in search.space["XGB"].items()} == {
        "n_estimators": [50, 100],
        "max_depth": [3, 5],
        "learning_rate": [0.01, 0.1],
        "subsample": [0.8, 1.0],
        "colsample_bytree": [0.8, 1.0],
    }
    assert len(grid(search.space["XGB"])) == 32


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"space": {}}, "space"),
        ({"space": {"XBG": {"max_depth": [3]}}}, "unknown model 'XBG', expected some of .*XGB"),
        ({"space": {"RF": {"max_dept": [3]}}}, "RF has no parameter 'max_dept'.*max_depth"),
        ({"space": {"RF": {"random_state": [1, 2]}}}, "RF has no parameter 'random_state'"),
        ({"space": {"RF": {"max_depth": []}}}, "RF.max_depth"),
        ({"space": {"RF": {"max_depth": 3}}}, "RF.max_depth"),
        (
            {"space": {"RF": {"max_depth": {"low": 1, "high": 9}}}},
            "RF.max_depth: method grid takes",
        ),
        ({"space": {"RF": {"max_depth": {"low": 9, "high": 1}}}}, "expected low below high"),
        ({"space": {"RF": {"max_depth": {"low": 0, "high": 1, "log": True}}}}, "range with log"),
        ({"space": {"RF": {"max_depth": {"low": 1.5, "high": 3, "type": "int"}}}}, "whole numbers"),
        ({"space": {"RF": {"max_depth": [3]}}, "method": "random"}, "method"),
        ({"space": {"RF": {"max_depth": [3]}}, "trials": 5}, "trials"),
    ],
)
def test_a_bad_block_is_refused_by_name(block, message):
    with pytest.raises(ValidationError, match=f"(?s){message}"):
        SearchParameters.model_validate(block)


@pytest.mark.parametrize(
    ("name", "lowest", "below"),
    [
        ("seed", 0, -1),
        ("n_splits", 2, 1),
        ("min_qc", 0, -0.01),
        ("block_size", 0.01, 0),
    ],
)
def test_the_least_that_training_takes(name, lowest, below):
    assert getattr(TrainingParameters(**{name: lowest}), name) == lowest
    with pytest.raises(ValidationError, match=name):
        TrainingParameters(**{name: below})
