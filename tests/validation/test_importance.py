"""Importance is measured on sites that the model never saw."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from uflux_kedro.validation import (
    importance_by_site,
    leave_one_site_out,
    mean_importance,
    site_k_fold,
)

PREDICTORS = ("light", "place", "IGBP", "noise")


@pytest.fixture(scope="module")
def rows():
    """Flux of light and of a class constant at each site; the site's number is no help elsewhere."""
    rng = np.random.default_rng(0)
    number = np.repeat(np.arange(30), 24)
    light, noise = rng.uniform(0, 1, (2, len(number)))
    igbp = np.where(rng.random(30) < 0.5, 1, 10)[number]
    level = rng.normal(0, 1, 30)[number]
    X = np.column_stack([light, number, igbp, noise]).astype("float32")
    y = 3 * light + 2 * (igbp == 10) + level
    return X, y, np.array([f"S{i:02d}" for i in number])


def tree(_):
    return DecisionTreeRegressor(max_depth=8, min_samples_leaf=5, random_state=0)


def test_what_helps_unseen_sites_counts_and_what_remembers_sites_does_not(rows):
    X, y, sites = rows
    folds = site_k_fold(sites, 5, 0)
    by_site = importance_by_site(tree, X, y, sites, folds, PREDICTORS)
    table = mean_importance(by_site)
    assert list(table.index[:2]) == ["light", "IGBP"]
    assert table.loc["light", "low"] > 0.1
    # By its errors in training the number of the site counts more, since it recalls the level.
    fitted = tree(0).fit(X, y).feature_importances_
    in_training, unseen = (
        fitted[1] / fitted[2],
        table["importance"]["place"] / table["importance"]["IGBP"],
    )
    assert unseen < in_training / 2
    assert table.loc["noise", "low"] < 0.05
    assert by_site.shape == (30, 4)
    np.testing.assert_allclose(table["spread"], by_site[table.index].std())


def test_constant_predictors_of_a_site_count_with_one_site_a_fold_too(rows):
    X, y, sites = rows
    folds = leave_one_site_out(sites)
    by_site = importance_by_site(
        lambda _: LinearRegression(), X, y, sites, folds, PREDICTORS, n_repeats=1
    )
    assert mean_importance(by_site).loc["IGBP", "low"] > 0.1


def test_the_increase_is_that_of_the_rmse_by_hand(rows):
    X, y, sites = rows
    folds = site_k_fold(sites, 3, 0)
    by_site = importance_by_site(
        lambda _: LinearRegression(), X, y, sites, folds, PREDICTORS, n_repeats=1, seed=3
    )
    order = np.random.default_rng(3).permutation(len(y))
    shuffled = X.copy()
    shuffled[:, 0] = X[order, 0]
    fold = folds[1]
    model = LinearRegression().fit(X[fold.train], y[fold.train])
    of_site = np.flatnonzero(sites == sites[fold.test[0]])
    raised = [
        np.sqrt(np.mean((model.predict(values[of_site]) - y[of_site]) ** 2))
        for values in (shuffled, X)
    ]
    found = by_site.loc[sites[fold.test[0]], "light"]
    assert found == pytest.approx(raised[0] - raised[1], rel=1e-4)


def test_two_that_say_the_same_count_together(rows):
    X, y, sites = rows
    twice = np.column_stack([X[:, 0], X[:, 0] + 1e-3 * X[:, 3]])
    folds = site_k_fold(sites, 5, 0)
    together = {"both": ("a", "b"), "first": ("a",)}
    found = mean_importance(
        importance_by_site(tree, twice, y, sites, folds, ("a", "b"), together=together)
    )
    assert found.loc["both", "importance"] > 1.2 * found.loc["first", "importance"]


def test_seeded_and_independent_of_threads(rows):
    X, y, sites = rows
    folds = site_k_fold(sites, 3, 0)
    one, two, other = (
        importance_by_site(tree, X, y, sites, folds, PREDICTORS, n_jobs=n_jobs, seed=seed)
        for n_jobs, seed in ((1, 0), (2, 0), (1, 1))
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_one_site_has_no_interval(rows):
    X, y, sites = rows
    folds = leave_one_site_out(sites)[:1]
    table = mean_importance(
        importance_by_site(lambda _: LinearRegression(), X, y, sites, folds, PREDICTORS)
    )
    assert table["importance"].notna().all()
    assert table[["spread", "low", "high"]].isna().all(axis=None)
