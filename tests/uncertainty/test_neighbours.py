"""The search finds what a comparison with every point finds."""

from __future__ import annotations

import numpy as np
import pytest

from uflux_kedro.uncertainty.neighbours import Neighbours, mean_distance


def compare_all(points, gaps, group, places, radius, without):
    squares = np.zeros((len(places), len(points)))
    for c, gap in enumerate(gaps):
        apart = places[:, c, None].astype(float) - points[:, c].astype(float)
        squares += gap**2 * (apart != 0) if gap else apart**2
    squares[without[:, None] == group] = np.inf
    distance = np.sqrt(squares)
    within = distance <= radius
    return distance.min(axis=1), within.sum(axis=1), [len(set(group[w])) for w in within]


@pytest.mark.parametrize("n", [1, 31, 33, 1500, 40_000])
@pytest.mark.parametrize("gaps", [(0, 0, 0), (0, 0.7, 0, 0.4), (1.0,)], ids=str)
def test_the_search_finds_what_comparing_all_finds(n, gaps):
    """Leaves, branches and tops that are full and not full; numbers and categories."""
    rng = np.random.default_rng(n)
    gaps = np.array(gaps, dtype=float)
    size = 150

    def draw(count, spread):
        values = rng.normal(0, spread, (count, len(gaps)))
        values[:, gaps > 0] = rng.integers(0, 4, (count, int(np.sum(gaps > 0))))
        return values.astype(np.float32)

    points, places = draw(n, 1), draw(size, 2)
    places[::3] = points[rng.integers(0, n, len(places[::3]))]  # at a point
    group = np.sort(rng.integers(0, max(n // 20, 1), n)).astype(np.int32)
    without = rng.integers(-1, group.max() + 1, size).astype(np.int32)
    radius = 0.45
    nearest, counts, groups = compare_all(points, gaps, group, places, radius, without)
    arranged = Neighbours.of(points, gaps, group)
    found = arranged.search(places, radius, without)
    np.testing.assert_allclose(found.nearest, nearest, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.points, counts)
    np.testing.assert_array_equal(found.groups, groups)
    backwards = arranged.search(places[::-1], radius, without[::-1], n_jobs=2)
    for one, other in zip(found, backwards, strict=True):
        np.testing.assert_array_equal(one, other[::-1])


def test_the_order_of_the_places_changes_no_bit():
    """The distance to the point nearest to the place before is added up in another way."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(500, 8)).astype(np.float32)
    places = (np.repeat(points[:200], 30, axis=0) + rng.normal(0, 0.05, (6000, 8))).astype(
        "float32"
    )
    arranged = Neighbours.of(points, np.zeros(8), np.arange(500, dtype=np.int32))
    order = rng.permutation(len(places))
    for one, other in zip(
        arranged.search(places, 0.5), arranged.search(places[order], 0.5), strict=True
    ):
        np.testing.assert_array_equal(one[order], other)


def test_places_with_nan_find_nothing():
    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    places = points[:2].copy()
    places[1, 2] = np.nan
    found = Neighbours.of(points, np.zeros(3), np.zeros(50, np.int32)).search(places, 10.0)
    np.testing.assert_array_equal(found.nearest, [0, np.nan])
    np.testing.assert_array_equal(found.points, [50, 0])
    np.testing.assert_array_equal(found.groups, [1, 0])


def test_the_mean_distance_is_that_of_all_pairs():
    points = np.array([[0, 1], [3, 1], [3, 2]], dtype=np.float32)
    assert mean_distance(points, np.array([0.0, 0.0])) == pytest.approx((3 + 1 + np.sqrt(10)) / 3)
    assert mean_distance(points, np.array([0.0, 4.0])) == pytest.approx((3 + 4 + 5) / 3)
    assert np.isnan(mean_distance(points[:1], np.zeros(2)))
