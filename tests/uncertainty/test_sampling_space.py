"""Dissimilarity, area of applicability, density and completeness, by hand and by brute force."""

from __future__ import annotations

import io

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from uflux_kedro.errors import InputError
from uflux_kedro.uncertainty import SamplingSpace
from uflux_kedro.uncertainty.sampling_space import threshold
from uflux_kedro.validation.folds import site_k_fold

PREDICTORS = ("TA", "P", "IGBP", "Year")
IMPORTANCE = {"TA": 2.0, "P": 1.0, "IGBP": 0.5, "Year": -0.3}


@pytest.fixture(scope="module")
def rows():
    """Forty towers of 25 months in clusters, four classes."""
    rng = np.random.default_rng(1)
    site = np.repeat(np.arange(40), 25)
    centre = rng.normal(0, [8, 2], (40, 2))
    numbers = centre[site] + rng.normal(0, [4, 1], (1000, 2))
    igbp = rng.choice([1, 4, 10, 12], 40, p=[0.4, 0.3, 0.2, 0.1])[site]
    X = np.column_stack([numbers, igbp, 2000 + rng.integers(0, 10, 1000)])
    return X, np.array([f"S{i:02d}" for i in site])


def by_hand(X, sites, Q, without=None, n_splits=10, seed=0):
    """Dissimilarity, towers and points within the threshold, written down a second time."""
    mean, sd = X[:, :2].mean(axis=0), X[:, :2].std(axis=0, ddof=1)
    weight = np.array([1, 0.5])
    _, counts = np.unique(X[:, 2], return_counts=True)
    gap = 0.25 * np.sqrt(2 / (1 - np.sum((counts / len(X)) ** 2)))

    def distances(A, B):
        numbers = cdist((A[:, :2] - mean) / sd * weight, (B[:, :2] - mean) / sd * weight)
        return np.sqrt(numbers**2 + gap**2 * (A[:, 2, None] != B[:, 2]))

    own = distances(X, X)
    average = own.sum() / (len(X) * (len(X) - 1))
    of_training = np.empty(len(X))
    order = np.argsort(sites, kind="stable")
    for fold in site_k_fold(sites[order], n_splits, seed):
        test, train = order[fold.test], order[fold.train]
        of_training[test] = own[np.ix_(test, train)].min(axis=1) / average
    q1, q3 = np.percentile(of_training, [25, 75])
    limit = min(q3 + 1.5 * (q3 - q1), of_training.max())
    found = distances(Q, X) / average
    if without is not None:
        found[without[:, None] == sites] = np.inf
    within = found <= limit
    towers = np.array([len(set(sites[w])) for w in within])
    return found.min(axis=1), within.sum(axis=1), towers, limit, average


def test_all_measures_are_those_of_the_definitions(rows):
    X, sites = rows
    rng = np.random.default_rng(2)
    Q = np.column_stack(
        [rng.normal(0, [14, 4], (300, 2)), rng.choice([1, 4, 16], 300), np.full(300, 1950)]
    )
    shuffled = rng.permutation(len(X))
    space = SamplingSpace.fit(X[shuffled], sites[shuffled], PREDICTORS, IMPORTANCE, half=3)
    near, density, towers, limit, average = by_hand(X[shuffled], sites[shuffled], Q)
    found = space.places(Q)
    np.testing.assert_allclose(space.mean_distance, average, rtol=1e-6)
    np.testing.assert_allclose(space.threshold, limit, rtol=1e-5)
    np.testing.assert_allclose(found.dissimilarity, near, rtol=1e-5)
    np.testing.assert_array_equal(found.density, density)
    np.testing.assert_array_equal(found.towers, towers)
    np.testing.assert_allclose(found.completeness, towers / (towers + 3))
    assert 0 < np.mean(towers == 0) < 0.9
    assert towers.max() > 5


def test_a_training_row_leaves_its_own_tower_out(rows):
    X, sites = rows
    space = SamplingSpace.fit(X, sites, PREDICTORS, IMPORTANCE)
    with_own, found = space.places(X), space.places(X, without=sites)
    near, density, towers, _, _ = by_hand(X, sites, X, without=sites)
    assert with_own.dissimilarity.max() < 1e-6
    np.testing.assert_allclose(found.dissimilarity, near, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(found.density, density)
    np.testing.assert_array_equal(found.towers, towers)
    stranger = space.places(X, without=np.full(len(X), "elsewhere"))
    np.testing.assert_array_equal(stranger.towers, with_own.towers)


def test_the_threshold_is_the_one_that_cast_prints():
    """Dissimilarity of training points and their threshold, from CAST's own tests."""
    of_training = np.array([
        0.09043580, 0.14046341, 0.16584582, 0.57617177, 0.26840303, 0.14353894, 0.19768329,
        0.24022059, 0.06832037, 0.29150668, 0.18471625, 0.57617177, 0.12344463, 0.09043580,
        0.14353894, 0.26896008, 0.22713731, 0.24022059, 0.20388725, 0.06832037, 0.23604264,
        0.20388725, 0.91513568, 0.09558666, 0.14046341, 0.16214832, 0.37107762, 0.16214832,
        0.18471625, 0.12344463,
    ])  # fmt: skip
    assert threshold(of_training) == pytest.approx(0.38986, abs=5e-6)
    assert threshold(np.array([0.1, 0.1, 0.2, 0.2])) == 0.2  # no outlier: the maximum
    assert threshold(np.array([np.inf])) == 0


def test_a_climate_without_towers_is_outside(rows):
    X, sites = rows
    space = SamplingSpace.fit(X, sites, PREDICTORS, IMPORTANCE)
    known, hot, class_unknown = X[0].copy(), X[0].copy(), X[0].copy()
    hot[0] += 80
    class_unknown[2] = 16
    completeness, dissimilarity = space.completeness(np.array([known, hot, class_unknown]))
    assert completeness[0] > 0.3
    assert completeness[1] == 0
    assert dissimilarity[1] > space.threshold
    assert dissimilarity[2] == pytest.approx(space.gap[2] / space.mean_distance, rel=1e-5)


def test_missing_predictors_give_nan_unless_they_have_no_weight(rows):
    X, sites = rows
    space = SamplingSpace.fit(X, sites, PREDICTORS, IMPORTANCE)
    Q = np.repeat(X[:1], 4, axis=0)
    Q[[1, 2, 3], [0, 2, 3]] = np.nan
    found = space.places(Q)
    for values in (*found, *space.completeness(Q)):
        np.testing.assert_array_equal(np.isnan(values), [False, True, True, False])


def test_importance_absent_or_worthless_weights_all_equally(rows, caplog):
    X, sites = rows
    equal = SamplingSpace.fit(X, sites, PREDICTORS)
    np.testing.assert_array_equal(equal.weight, 1)
    worthless = SamplingSpace.fit(X, sites, PREDICTORS, {"TA": -1.0})
    np.testing.assert_array_equal(worthless.points, equal.points)
    assert "weighted equally" in caplog.text


def test_scale_of_importance_and_of_units_does_not_matter(rows):
    X, sites = rows
    space = SamplingSpace.fit(X, sites, PREDICTORS, IMPORTANCE)
    other = SamplingSpace.fit(
        X * [10, 100, 1, 1], sites, PREDICTORS, {k: 7 * v for k, v in IMPORTANCE.items()}
    )
    assert other.threshold == pytest.approx(space.threshold, rel=1e-5)


def cells(count: int, seed: int = 3) -> np.ndarray:
    """Return 24 months of each cell, in clusters."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 3, (count, 1, 2)) + rng.normal(0, 0.5, (count, 24, 2))


def test_towers_of_a_cell_are_one_fold_and_two_towers():
    """Twenty towers in ten cells: each twin knows the other's months."""
    once = cells(10).reshape(-1, 2)
    names = np.repeat([f"A{i}" for i in range(10)], 24)
    twins = np.char.replace(names, "A", "B")
    alone = SamplingSpace.fit(once, names, ("TA", "P"))
    shared = SamplingSpace.fit(np.tile(once, (2, 1)), np.r_[names, twins], ("TA", "P"))
    assert alone.threshold > 0.05
    assert shared.threshold == pytest.approx(alone.threshold, rel=0.01)
    found = shared.places(once)
    np.testing.assert_array_equal(found.towers % 2, 0)
    assert found.towers.mean() == pytest.approx(2 * alone.places(once).towers.mean(), rel=0.02)
    other = shared.places(once, without=names)
    np.testing.assert_array_equal(other.towers, found.towers - 1)


def test_towers_of_a_cell_need_not_have_the_same_months():
    months = cells(10)
    X = np.concatenate([months[:, :18].reshape(-1, 2), months[:, 8:].reshape(-1, 2)])
    names = np.r_[
        np.repeat([f"A{i}" for i in range(10)], 18), np.repeat([f"B{i}" for i in range(10)], 16)
    ]
    shared = SamplingSpace.fit(X, names, ("TA", "P"))
    alone = SamplingSpace.fit(
        months.reshape(-1, 2), np.repeat([f"A{i}" for i in range(10)], 24), ("TA", "P")
    )
    assert shared.threshold == pytest.approx(alone.threshold, rel=0.05)


def test_a_few_equal_months_do_not_join_towers(rows):
    """Snow, or a missing growing season, makes months equal far apart; towers stay their own."""
    X, sites = rows
    few = X.copy()
    for name in ("S03", "S17", "S29"):
        few[np.flatnonzero(sites == name)[:2]] = X[0]
    changed = SamplingSpace.fit(few, sites, PREDICTORS, IMPORTANCE)
    _, _, _, limit, _ = by_hand(few, sites, few[:1])
    assert changed.threshold == pytest.approx(limit, rel=1e-5)


def test_towers_of_a_class_are_not_at_one_place(rows):
    X, sites = rows
    space = SamplingSpace.fit(X, sites, PREDICTORS, {"IGBP": 1.0})
    known, unknown = X[0], np.array([0, 0, 16, 0])
    towers = len(set(sites[X[:, 2] == X[0, 2]]))
    np.testing.assert_array_equal(space.places(np.array([known, unknown])).towers, [towers, 0])


def test_all_towers_in_one_cell():
    once = cells(1).reshape(-1, 2)
    names = np.repeat(["A", "B", "C"], 24)
    space = SamplingSpace.fit(np.tile(once, (3, 1)), names, ("TA", "P"))
    assert space.threshold > 0
    np.testing.assert_array_equal(space.places(once).towers, 3)


@pytest.mark.parametrize("towers", [1, 2, 3])
def test_few_towers(rows, towers):
    X, sites = rows
    few = sites < f"S{towers:02d}"
    space = SamplingSpace.fit(X[few], sites[few], PREDICTORS, IMPORTANCE)
    found = space.places(X[few])
    assert np.isfinite(space.threshold)
    assert found.towers.max() <= towers
    assert np.isfinite(found.completeness).all()
    alone = space.places(X[few], without=sites[few])
    if towers == 1:
        assert np.isinf(alone.dissimilarity).all()
        assert (alone.completeness == 0).all()


def test_one_row_and_equal_rows_know_only_themselves():
    X = np.array([[10.0, 1.0, 4.0, 2000.0]] * 3)
    for count in (1, 3):
        space = SamplingSpace.fit(X[:count], ["A", "B", "B"][:count], PREDICTORS)
        assert (space.weight == 0).all()
        assert space.places(X).dissimilarity.max() == 0


def test_rows_without_predictors_are_an_error(rows):
    X, sites = rows
    with pytest.raises(InputError, match="none of 1000"):
        SamplingSpace.fit(np.full_like(X, np.nan), sites, PREDICTORS)
    with pytest.raises(InputError, match="3 columns"):
        SamplingSpace.fit(X, sites, PREDICTORS[:3])


def test_a_space_is_stored_without_pickle(rows):
    X, sites = rows
    space = SamplingSpace.fit(X, sites, PREDICTORS, IMPORTANCE, half=2)
    stream = io.BytesIO()
    np.savez(stream, **space.to_arrays())
    stream.seek(0)
    with np.load(stream, allow_pickle=False) as arrays:
        restored = SamplingSpace.from_arrays(arrays)
    assert (restored.predictors, restored.towers) == (space.predictors, space.towers)
    assert (restored.half, restored.threshold) == (space.half, space.threshold)
    for ours, theirs in zip(space.places(X[::7]), restored.places(X[::7]), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_threads_change_nothing(rows):
    X, sites = rows
    one = SamplingSpace.fit(X, sites, PREDICTORS, IMPORTANCE)
    two = SamplingSpace.fit(X, sites, PREDICTORS, IMPORTANCE, n_jobs=2)
    assert (one.threshold, one.mean_distance) == (two.threshold, two.mean_distance)
    np.testing.assert_array_equal(one.places(X)[2], two.places(X, n_jobs=2)[2])
