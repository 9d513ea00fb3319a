"""One tree against plain NumPy: bag, best split of every node, leaves, out-of-bag means."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from uflux_kedro.models.trees.bags import Bags
from uflux_kedro.models.trees.byte_forest import ForestGrower, Growth, Targets
from uflux_kedro.models.trees.forest_kernels import grow_tree

MASK = (1 << 64) - 1
FORMATS = {np.uint32: (8, 8, 16), np.uint64: (32, 12, 44)}
"""Bits of the threshold and of the column, first bit of the distance."""


def grow(
    bins, y, *, seed=1, extra=False, weight=None, groups=None, depth=None, leaf=1, wide=False,
    repeat=False,
):  # fmt: skip
    """Grow one tree; return nodes (column, threshold, left child), leaves, in_bag, importance."""
    rows, columns = bins.shape
    y = y.reshape(rows, -1)
    targets = Targets.of(y, np.ones(rows) if weight is None else weight)
    groups = np.arange(rows) if groups is None else groups
    in_bag = np.empty(rows, np.uint8)
    inverse = np.full(rows + 1, -np.inf)
    inverse[leaf:] = 1 / np.arange(leaf, rows + 1)
    kind = np.uint64 if wide else np.uint32
    threshold_bits, column_bits, distance_shift = FORMATS[kind]
    u = np.uint64
    nodes, leaves, importance = grow_tree(
        targets.records(bins), groups.astype(np.uint32), u(groups.max() + 1), u(groups.max() + 1),
        np.empty(0, np.uint32), repeat, u(seed), extra,
        u(columns), u(targets.n_float), u(targets.shift), targets.origin, targets.scale, inverse,
        u(max(1, int(np.sqrt(columns)))), u(rows if depth is None else depth), u(2), u(leaf),
        in_bag, np.empty(0, kind), u(threshold_bits), u(distance_shift),
    )  # fmt: skip
    place = np.arange(len(nodes))
    distance = (nodes >> kind(distance_shift)).astype(int)
    column = ((nodes >> kind(threshold_bits)) & kind((1 << column_bits) - 1)).astype(int)
    threshold = (nodes & kind((1 << threshold_bits) - 1)).astype(int)
    left = np.where(distance > 0, place + distance, -1)
    return (column, threshold, left), leaves, in_bag.astype(bool), importance


def rows_of_nodes(tree, bins, rows):
    """Return the rows that reach each node."""
    column, threshold, left = tree
    reached = {0: rows}
    for node in range(len(left)):
        if left[node] > 0:
            here = reached[node]
            goes_left = bins[here, column[node]] <= threshold[node]
            reached[left[node]], reached[left[node] + 1] = here[goes_left], here[~goes_left]
    return reached


def saved_error(y, weight, goes_left):
    """Return the reduction of the squared error by a split, summed over targets."""

    def error(rows):
        mean = np.average(y[rows], axis=0, weights=weight[rows])
        return (weight[rows, None] * (y[rows] - mean) ** 2).sum()

    return error(np.full(len(y), True)) - error(goes_left) - error(~goes_left)


def splitmix(state):
    """SplitMix64 with Python integers."""
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
        yield z ^ (z >> 31)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    columns = [rng.integers(low, high, 700) for low, high in ((0, 255), (0, 9), (40, 200), (0, 60))]
    columns.insert(3, np.full(700, 3))
    bins = np.column_stack(columns).astype(np.uint8)
    y = bins[:, 0] / 50 + (bins[:, 1] > 4) + rng.normal(size=700)
    return bins, y


def test_a_bag_is_the_unique_rows_of_as_many_draws(table):
    bins, y = table
    _, _, in_bag, _ = grow(bins, y, seed=123)
    numbers = splitmix(123)
    drawn = {((next(numbers) >> 32) * 700) >> 32 for _ in range(700)}
    assert set(np.flatnonzero(in_bag)) == drawn
    assert 0.58 < in_bag.mean() < 0.68


@pytest.mark.parametrize("case", ["plain", "weights"])
def test_a_bag_with_repeats_weighs_a_row_by_its_draws(table, case):
    bins, y = table
    weight = np.linspace(1, 2, 700) if case == "weights" else np.ones(700)
    _, leaves, in_bag, _ = grow(bins, y, seed=123, depth=0, repeat=True, weight=weight)
    numbers = splitmix(123)
    draws = np.bincount([((next(numbers) >> 32) * 700) >> 32 for _ in range(700)], minlength=700)
    np.testing.assert_array_equal(in_bag, draws > 0)
    np.testing.assert_allclose(leaves, np.average(y, weights=draws * weight), rtol=1e-6)


def test_a_bag_of_groups_holds_whole_groups(table):
    bins, y = table
    groups = np.arange(700) % 23
    _, _, in_bag, _ = grow(bins, y, groups=groups)
    share = np.bincount(groups, in_bag) / np.bincount(groups)
    assert set(share) == {0.0, 1.0}


@pytest.mark.parametrize("case", ["plain", "weights", "targets"])
def test_every_cut_of_a_random_forest_is_the_best_of_its_column(table, case):
    """Node sizes from 2 to 440 reach all branches of the kernel; ``plain`` those of packed weights."""
    bins, y = table
    rng = np.random.default_rng(5)
    weight = rng.uniform(0.5, 3, 700) if case == "weights" else np.ones(700)
    targets = np.column_stack([y, rng.normal(size=700)]) if case == "targets" else y[:, None]
    tree, leaves, in_bag, importance = grow(bins, targets, weight=weight)
    column, threshold, left = tree
    total = np.zeros(bins.shape[1])
    reached = rows_of_nodes(tree, bins, np.flatnonzero(in_bag))
    for node, rows in reached.items():
        if left[node] < 0:
            mean = np.average(targets[rows], axis=0, weights=weight[rows])
            np.testing.assert_allclose(leaves[node], mean, rtol=1e-6, atol=1e-7)
            # Without limits a leaf is one row, or rows that are the same in every column.
            assert len(rows) == 1 or np.all(bins[rows] == bins[rows[0]])
            continue
        values = bins[rows, column[node]].astype(int)
        occupied = np.unique(values)
        cuts = (occupied[1:] + occupied[:-1]) // 2
        gains = [saved_error(targets[rows], weight[rows], values <= cut) for cut in cuts]
        best = max(gains)
        assert threshold[node] in cuts
        assert gains[list(cuts).index(threshold[node])] >= best - 1e-9 * (1 + best)
        total[column[node]] += best
    assert left[0] > 0
    # Packed targets are summed in other units, so only shares can be compared.
    np.testing.assert_allclose(importance / importance.sum(), total / total.sum(), atol=1e-6)


def test_the_best_of_the_candidate_columns_wins(table):
    """If all columns but one are constant, columns are drawn until that one comes."""
    bins, y = table
    lonely = np.zeros_like(bins)
    lonely[:, 4] = bins[:, 4]
    for seed in range(5):
        (column, _, left), *_ = grow(lonely, y, seed=seed, depth=1)
        assert left[0] > 0
        assert column[0] == 4


@pytest.mark.parametrize("case", ["plain", "weights"])
def test_extra_trees_draw_thresholds_evenly_between_lowest_and_highest(table, case):
    bins, y = table
    weight = np.linspace(1, 2, 700) if case == "weights" else None
    one = bins[:, :1] % 5
    drawn = []
    for seed in range(400):
        (_, threshold, left), *_ = grow(one, y, seed=seed, extra=True, weight=weight, depth=1)
        assert left[0] > 0
        drawn.append(threshold[0])
    share = np.bincount(drawn, minlength=5) / 400
    assert share[4] == 0
    np.testing.assert_allclose(share[:4], 0.25, atol=0.08)


def test_extra_trees_take_the_better_of_two_columns():
    rng = np.random.default_rng(3)
    good = rng.integers(0, 2, 300)
    bins = np.column_stack([good, rng.integers(0, 2, 300), rng.integers(0, 2, 300), good])
    chosen = [
        grow(bins.astype(np.uint8), good + rng.normal(0, 0.1, 300), seed=s, extra=True, depth=1)[0][
            0
        ][0]
        for s in range(100)
    ]
    # Two of four columns are drawn; one pair in six is that of the two bad columns.
    share = np.mean(np.isin(chosen, (0, 3)))
    assert 0.72 < share < 0.95


@pytest.mark.parametrize("case", ["plain", "weights"])
def test_limits_of_depth_and_leaf_size_hold(table, case):
    bins, y = table
    weight = np.linspace(1, 2, 700) if case == "weights" else None
    for extra in (False, True):
        tree, _, in_bag, _ = grow(bins, y, leaf=7, extra=extra, weight=weight)
        reached = rows_of_nodes(tree, bins, np.flatnonzero(in_bag))
        assert min(len(rows) for rows in reached.values()) >= 7
    tree, *_ = grow(bins, y, depth=3, weight=weight)
    assert len(tree[0]) <= 15


def test_wide_nodes_hold_the_same_tree(table):
    bins, y = table
    narrow, leaves, *_ = grow(bins, y)
    wide, wide_leaves, *_ = grow(bins, y, wide=True)
    np.testing.assert_array_equal(leaves, wide_leaves)
    inner = narrow[2] > 0
    for a, b in zip(narrow, wide, strict=True):
        np.testing.assert_array_equal(a[inner], b[inner])


def test_constant_rows_of_a_node_end_in_a_leaf(table):
    bins, _ = table
    y = np.repeat([0.1, 0.7], 350)
    tree, leaves, in_bag, _ = grow(bins, y)
    reached = rows_of_nodes(tree, bins, np.flatnonzero(in_bag))
    for node, rows in reached.items():
        assert (tree[2][node] < 0) == (len(set(y[rows])) == 1)
    assert set(leaves[tree[2] < 0].ravel()) == {np.float32(0.1), np.float32(0.7)}


def test_out_of_bag_means_leave_out_each_trees_own_bag(table):
    bins, y = table
    targets = Targets.of(y[:, None], np.ones(700))
    growth = Growth(n_trees=6, max_depth=None, min_samples_split=2, min_samples_leaf=1)
    with ThreadPoolExecutor(2) as executor:
        grower = ForestGrower(bins, targets, Bags.of_rows(700), executor, 2, int)
        forest, out_of_bag = grower.grow(5, growth, extra=False, seed=9)
    seeds = np.random.SeedSequence(9).generate_state(6, np.uint64)
    total, count, everywhere = np.zeros(700), np.zeros(700), np.zeros(700)
    for seed in seeds:
        tree, leaves, in_bag, _ = grow(bins, y, seed=int(seed))
        value = np.empty(700)
        for node, rows in rows_of_nodes(tree, bins, np.arange(700)).items():
            if tree[2][node] < 0:
                value[rows] = leaves[node, 0]
        everywhere += value / 6
        total += np.where(in_bag, 0, value)
        count += ~in_bag
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(out_of_bag[:, 0], total / count, rtol=1e-12)
    assert np.isnan(out_of_bag[count == 0]).all()
    predicted = np.empty((700, 1))
    forest.predict_into(bins, predicted)
    np.testing.assert_allclose(predicted[:, 0], everywhere, rtol=1e-12)
