"""Binning against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from uflux_kedro.models.trees.binning import Binner


def fit(X, n_bins=255, bin_type="percentile", subsample=10**6):
    return Binner.fit(
        X,
        n_bins=n_bins,
        bin_type=bin_type,
        subsample=subsample,
        random_state=np.random.RandomState(0),
    )


def bins(binner, X):
    table = np.empty(X.shape, np.uint8)
    binner.transform(X, table)
    return table


def test_few_distinct_values_get_a_bin_each_cut_at_midpoints():
    X = np.array([[3.0], [1.0], [1.0], [7.0]])
    binner = fit(X)
    np.testing.assert_array_equal(bins(binner, X)[:, 0], [1, 0, 0, 2])
    np.testing.assert_array_equal(binner.thresholds[0, :3], [2.0, 5.0, np.inf])
    # A value on a threshold belongs to the bin below it.
    np.testing.assert_array_equal(
        bins(binner, np.array([[2.0], [2.1], [-9.0], [99.0]]))[:, 0], [0, 1, 0, 2]
    )


@pytest.mark.parametrize("n_bins", [2, 7, 255])
def test_percentile_bins_count_thresholds_strictly_below(n_bins):
    X = np.random.default_rng(1).normal(size=(1000, 2)).round(2)
    shares = np.linspace(0, 100, n_bins + 1)[1:-1]
    found = bins(fit(X, n_bins), X)
    for column in range(2):
        distinct = np.unique(X[:, column])
        thresholds = (
            np.percentile(X[:, column], shares, method="midpoint")
            if len(distinct) > n_bins
            else (distinct[1:] + distinct[:-1]) / 2
        )
        expected = (thresholds < X[:, [column]]).sum(axis=1)
        np.testing.assert_array_equal(found[:, column], expected)
        assert found[:, column].max() <= n_bins - 1


def test_interval_bins_are_of_equal_width():
    X = np.linspace(0, 10, 1001)[:, None]
    np.testing.assert_array_equal(
        bins(fit(X, 5, "interval"), X)[:, 0], np.clip(np.ceil(X[:, 0] / 2) - 1, 0, 4)
    )


def test_thresholds_come_from_a_subsample_without_replacement():
    X = np.arange(1000.0)[:, None]
    drawn = np.random.RandomState(0).choice(1000, 50, replace=False)
    distinct = np.sort(drawn)
    np.testing.assert_array_equal(
        fit(X, subsample=50).thresholds[0, :49], (distinct[1:] + distinct[:-1]) / 2
    )


def test_bins_stand_where_they_are_told_to():
    X = np.array([[0.0], [1.0]])
    table = np.full((2, 3), 9, np.uint8)
    fit(X).transform(X, table, first=1)
    np.testing.assert_array_equal(table, [[9, 0, 9], [9, 1, 9]])


@given(arrays(np.float64, st.integers(2, 300), elements=st.floats(-1e6, 1e6)))
def test_bins_keep_the_order_of_values(values):
    found = bins(fit(values[:, None], n_bins=16), values[:, None])[:, 0].astype(int)
    order = np.argsort(values, kind="stable")
    assert np.all(np.diff(found[order]) >= 0)
    assert found.max() < 16
