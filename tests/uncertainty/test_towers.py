"""The tower, not the row, is what counts."""

from __future__ import annotations

import numpy as np
import pytest

from uflux_kedro.uncertainty.towers import tower_folds, tower_quantile, tower_weights


def test_each_tower_has_the_same_weight():
    weights = tower_weights(["a", "a", "b", "a", "c", "c"])
    assert weights == pytest.approx([1 / 3, 1 / 3, 1, 1 / 3, 1 / 2, 1 / 2])


def test_folds_are_whole_towers_and_test_each_once():
    sites = np.repeat(list("abcdefg"), [1, 5, 2, 9, 3, 4, 2])
    folds = list(tower_folds(sites, 3, seed=1))
    assert np.sum(folds, axis=0).tolist() == [1] * len(sites)
    for test in folds:
        assert not set(sites[test]) & set(sites[~test])
    assert len(list(tower_folds(["a", "b"], 5, seed=0))) == 2


def test_of_single_rows_it_is_the_quantile_of_split_conformal_prediction():
    scores = np.random.default_rng(0).random(99)
    sites = np.arange(99)
    # The k-th smallest of n, k = ceil((n + 1) level): Papadopoulos et al. (2002).
    for level, k in ((0.9, 90), (0.5, 50), (0.95, 95)):
        assert tower_quantile(scores, sites, level) == np.sort(scores)[k - 1]


def test_a_long_record_does_not_crowd_out_others():
    scores = np.concatenate([np.zeros(1000), np.arange(1, 20)])
    sites = np.concatenate([np.zeros(1000), np.arange(1, 20)])
    assert tower_quantile(scores, sites, 0.9) == 18


def test_few_towers_give_the_highest_score():
    assert tower_quantile([1.0, 2.0, 3.0], ["a", "b", "c"], 0.9) == 3.0
