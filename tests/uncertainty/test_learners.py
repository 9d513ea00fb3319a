"""Trees of the size of errors: their losses, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from uflux_kedro.uncertainty.learners import (
    boost_by_tower,
    boost_crps,
    crps_objective,
    grow_distribution,
    quantiles_of,
    some_towers,
    squares_objective,
)
from uflux_kedro.uncertainty.parameters import IntervalParameters
from uflux_kedro.uncertainty.spread import fit_spread


def crps(s: float, error: float) -> float:
    """Integrate the squared difference of the distribution functions, as the score is defined."""
    below = quad(lambda y: norm.cdf(y, scale=s) ** 2, -12 * s, error)[0]
    above = quad(lambda y: norm.sf(y, scale=s) ** 2, error, 12 * s)[0]
    return below + above


@pytest.mark.parametrize(("s", "error"), [(1.0, 0.3), (0.5, 1.2), (3.0, 2.0)])
def test_the_gradient_is_that_of_the_crps(s, error):
    step = 1e-4
    numeric = (crps(s * np.exp(step), error) - crps(s * np.exp(-step), error)) / (2 * step)
    one = np.ones(1)
    gradient, _ = crps_objective(1.0)(error * one, np.log(s) * one, one)
    assert gradient[0] == pytest.approx(2 * np.sqrt(np.pi) * numeric, rel=1e-4)


def test_the_gradient_has_mean_zero_at_the_truth_and_the_curvature_is_expected():
    errors = np.abs(norm.ppf((np.arange(100_000) + 0.5) / 100_000, scale=2.0))
    log_s, one = np.full(len(errors), np.log(2.0)), np.ones(len(errors))
    gradient, curvature = crps_objective(5.0)(errors, log_s, one)
    assert gradient.mean() == pytest.approx(0, abs=1e-4)
    step = 1e-3
    beyond = crps_objective(5.0)(errors, log_s + step, one)[0].mean()
    assert curvature.mean() == pytest.approx(beyond / step, rel=0.01)


@pytest.fixture(scope="module")
def rows():
    """Errors whose standard deviation is 1 below zero and 4 above, in any unit."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(3000, 2)).astype("float32")
    s = np.where(features[:, 0] > 0, 4.0, 1.0)
    return features, np.abs(rng.normal(0, s)), np.ones(3000)


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_boosting_finds_the_standard_deviation(rows, unit):
    features, size, weights = rows
    parameters = IntervalParameters(trees=80, learning_rate=0.1)
    model = boost_crps(features, size * unit, weights, parameters, seed=0)
    found = np.exp(model.predict(np.array([[-1, 0], [1, 0]], "float32"))) / unit
    np.testing.assert_allclose(found, [1, 4], rtol=0.12)


def test_each_tree_counts_whole_towers_and_another_share_of_them():
    sites, one = np.repeat(np.arange(10), 3), np.ones(30)
    objective = some_towers(squares_objective, sites, seed=0)
    drawn = np.array([objective(0 * one, 2 * one, one)[1].reshape(10, 3) for _ in range(50)])
    assert (drawn == drawn[:, :, :1]).all()
    assert (drawn[:, :, 0].sum(axis=1) == 4).all()
    assert drawn[:, :, 0].sum(axis=0).min() > 10
    gradient, curvature = some_towers(squares_objective, sites, seed=0)(0 * one, 2 * one, one)
    np.testing.assert_array_equal(gradient, 2 * curvature)


def test_both_of_the_mean_find_the_size_of_errors(rows):
    features, size, weights = rows
    parameters = IntervalParameters(trees=80, learning_rate=0.1)
    sites = np.arange(len(size)) % 60
    places = np.array([[-1, 0], [1, 0]], "float32")
    roots, logs = boost_by_tower(features, size, weights, sites, parameters, 0, [0, 0])
    # The mean square root of |e| of a normal distribution is 0.822 times that of its deviation.
    np.testing.assert_allclose((roots.predict(places) / 0.822) ** 2, [1, 4], rtol=0.2)
    np.testing.assert_allclose(np.exp(logs.predict(places)), [1, 4], rtol=0.12)


def test_the_mean_is_geometric_and_widens_with_doubt():
    """Far from the towers few rows, by chance of small errors, would teach narrow intervals."""
    rng = np.random.default_rng(0)
    doubt = rng.uniform(0, 1, 2000).astype("float32")
    errors = rng.normal(0, np.where(doubt > 0.9, 0.3, 1 + doubt))
    features = np.column_stack([doubt, rng.normal(size=2000)]).astype("float32")
    sites, parameters = np.arange(2000) % 50, IntervalParameters()
    names = ("dissimilarity", "ERA_TA")
    places = np.zeros((41, 2), "float32")
    places[:, 0] = np.linspace(0, 1, 41)
    bound = fit_spread(features, errors, sites, parameters, 0, 0.9, names)
    free = fit_spread(features, errors, sites, parameters, 0, 0.9)
    assert np.diff(bound.predict(places)).min() >= 0
    assert np.diff(free.predict(places)).min() < 0
    roots, logs = (model.predict(places) for model in bound.models)
    np.testing.assert_allclose(bound.predict(places), roots * np.exp(logs / 2), rtol=1e-5)


def test_the_forest_is_a_quantile_regression_forest(rows):
    """The weight of a training row is the mean over trees of its share in the place's leaf."""
    features, size, weights = (values[:400] for values in rows)
    parameters = IntervalParameters(trees=7)
    forest, sizes = grow_distribution(features, size, weights, parameters, seed=0)
    places = features[:5]
    weight = np.zeros((len(places), len(size)))
    for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        counts = np.bincount(drawn, minlength=len(size))
        same = tree.apply(places)[:, None] == tree.apply(features)
        weight += same * counts / (same * counts).sum(axis=1, keepdims=True)
    expected = weight / len(forest.estimators_) @ (size[:, None] <= sizes)
    np.testing.assert_allclose(forest.predict(places), expected)
    assert sizes[-1] == size.max()


def test_long_records_do_not_rule_the_sizes():
    size = np.r_[np.full(900, 5.0), np.linspace(0, 1, 100)]
    weights = np.r_[np.full(900, 0.1 / 900), np.full(100, 0.9 / 100)] * 1000
    features = np.zeros((1000, 1), "float32")
    _, sizes = grow_distribution(features, size, weights, IntervalParameters(trees=1), seed=0)
    assert np.mean(sizes <= 1) == 0.9


def test_quantiles_are_linear_between_sizes():
    probabilities = np.array([[0.5, 0.8, 1.0], [0.95, 1.0, 1.0], [0.0, 0.0, 1.0]])
    found = quantiles_of(probabilities, np.array([1.0, 2.0, 4.0]), 0.9)
    np.testing.assert_allclose(found, [3.0, 0.9 / 0.95, 3.8])
