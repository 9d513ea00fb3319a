"""Bags of a bounded number of rows: how many rows they have, of which sites."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from uflux_kedro.models.trees.bags import DRAWN, Bags
from uflux_kedro.models.trees.byte_forest import ForestGrower, Growth, Targets

ROWS = 4000


def counts(bags, trees=30):
    """Return the states of the rows in each tree's bag, (trees, rows)."""
    rng = np.random.default_rng(0)
    bins = rng.integers(0, 255, (ROWS, 3)).astype(np.uint8)
    targets = Targets.of(rng.normal(size=(ROWS, 1)), np.ones(ROWS), bags.most)
    in_bag = np.empty((trees, ROWS), np.uint8)
    with ThreadPoolExecutor(1) as executor:
        grower = ForestGrower(bins, targets, bags, executor, 1, int)
        growth = Growth(n_trees=trees, max_depth=1, min_samples_split=2, min_samples_leaf=1)
        grow = grower._tree_function(3, growth, False, in_bag, 1, False)
        for tree in range(trees):
            grow(tree, np.uint64(tree + 1))
    return in_bag


def test_few_rows_are_drawn_as_if_there_were_no_bound():
    units = np.arange(ROWS, dtype=np.uint32)
    bags = Bags.distinct(units, ROWS)
    assert (bags.draws, bags.most, len(bags.chances)) == (ROWS, ROWS, 0)
    np.testing.assert_array_equal(counts(bags), counts(Bags.of_rows(ROWS)))


def test_a_bag_holds_the_bound_on_average_and_the_rest_is_out_of_it():
    in_bag = counts(Bags.distinct(np.arange(ROWS, dtype=np.uint32), 500))
    assert set(np.unique(in_bag)) == {0, 1}
    assert in_bag.sum(axis=1).mean() == pytest.approx(500, abs=5 * np.sqrt(500 / 30))
    # Every row has its chance.
    assert (in_bag.sum(axis=0) > 0).mean() > 0.95


def test_sites_give_the_same_number_of_rows_or_all_that_they_have():
    sizes = np.array([40, 60, *[300] * 3, *[1000] * 3])
    sites = np.repeat(np.arange(8, dtype=np.uint32), sizes)
    bags = Bags.distinct(sites, 900)
    assert (bags.draws, bags.rows, bags.most) == (8, 900, 1800)
    share = bags.chances[np.cumsum(sizes) - 1] / 2**32
    quota = (900 - 100 * DRAWN) / 6
    np.testing.assert_allclose(share, np.minimum(1, quota / (sizes * DRAWN)), rtol=1e-6)
    in_bag = counts(bags, trees=200)
    assert (in_bag == 1).sum(axis=1).mean() == pytest.approx(900, rel=0.05)


def test_rows_of_a_drawn_site_that_are_left_out_are_not_out_of_bag():
    sites = np.repeat(np.arange(40, dtype=np.uint32), 100)
    in_bag = counts(Bags.distinct(sites, 500))
    assert (in_bag == 1).sum(axis=1).mean() == pytest.approx(500, rel=0.1)
    assert {0, 1, 2} == set(np.unique(in_bag))
    drawn = in_bag.reshape(len(in_bag), 40, 100) > 0
    assert np.all(drawn.all(axis=2) == drawn.any(axis=2))
    assert drawn.any(axis=2).mean() == pytest.approx(DRAWN, abs=0.05)


def test_draws_of_rows_are_bounded_for_a_plain_forest():
    bags = Bags.of_rows(ROWS, 300)
    assert (bags.draws, bags.most) == (300, 300)
    expected = ROWS * (1 - (1 - 1 / ROWS) ** 300)
    assert (counts(bags) > 0).sum(axis=1).mean() == pytest.approx(expected, abs=3)
