from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.validation.climate import extreme_sites
from uflux_kedro.validation.folds import (
    Fold,
    _warn_of_few,
    leave_one_site_out,
    make_folds,
    require_sites_apart,
    site_k_fold,
    spatial_blocks,
)
from uflux_kedro.validation.parameters import TrainingParameters

site_lists = st.lists(st.integers(0, 30), min_size=1, max_size=200).map(
    lambda numbers: np.array([f"S{n:02d}" for n in numbers])
)


def assert_partition(folds: list[Fold], sites: np.ndarray) -> None:
    """Every row is tested once and trained on in all other folds; no site is in both."""
    tested = np.concatenate([fold.test for fold in folds])
    assert sorted(tested) == list(range(len(sites)))
    for fold in folds:
        assert fold.test.size
        assert sorted([*fold.train, *fold.test]) == list(range(len(sites)))
        assert not set(sites[fold.train]) & set(sites[fold.test])


@settings(deadline=None)
@given(site_lists)
def test_leave_one_site_out_tests_every_site_once(sites):
    if len(set(sites)) < 2:
        with pytest.raises(InputError, match="at least 2 sites"):
            leave_one_site_out(sites)
        return
    folds = leave_one_site_out(sites)
    assert_partition(folds, sites)
    assert [fold.name for fold in folds] == sorted(set(sites))
    assert [fold.number for fold in folds] == list(range(len(folds)))
    assert all(set(sites[fold.test]) == {fold.name} for fold in folds)


def test_fewer_sites_than_folds_are_a_fold_each(caplog):
    parameters = TrainingParameters(scheme="kfold", n_splits=5)
    sites = np.repeat(["A", "B", "C"], 4)
    _warn_of_few.cache_clear()
    for _ in range(2):  # of two members, say
        folds = make_folds("kfold", pd.DataFrame({"site_id": sites}), parameters)
    assert_partition(folds, sites)
    assert [fold.name for fold in folds] == ["fold 1 of 3", "fold 2 of 3", "fold 3 of 3"]
    assert caplog.text.count("3 folds instead of 5: one for each site") == 1
    with pytest.raises(InputError, match=r"at least 2 sites.*found 1 .*add towers"):
        make_folds("kfold", pd.DataFrame({"site_id": ["A", "A"]}), parameters)


@settings(deadline=None)
@given(site_lists, st.integers(2, 8), st.integers(0, 5))
def test_site_k_fold_is_balanced(sites, n_splits, seed):
    _, rows = np.unique(sites, return_counts=True)
    if len(rows) < n_splits:
        with pytest.raises(InputError, match=f"at least {n_splits} sites"):
            site_k_fold(sites, n_splits, seed)
        return
    folds = site_k_fold(sites, n_splits, seed)
    assert_partition(folds, sites)
    sizes = [fold.test.size for fold in folds]
    assert max(sizes) - min(sizes) <= rows.max()


def test_site_k_fold_is_seeded():
    sites = np.repeat([f"S{i:02d}" for i in range(30)], 7)
    first, again, other = (site_k_fold(sites, 5, seed) for seed in (1, 1, 2))
    assert [fold.name for fold in first] == [f"fold {k} of 5" for k in (1, 2, 3, 4, 5)]
    assert all(np.array_equal(a.test, b.test) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a.test, b.test) for a, b in zip(first, other, strict=True))


def test_order_of_rows_does_not_change_the_groups():
    sites = np.repeat([f"S{i:02d}" for i in range(12)], np.arange(1, 13))
    shuffled = np.random.default_rng(0).permutation(sites)
    groups = [{frozenset(s[fold.test]) for fold in site_k_fold(s, 4, 3)} for s in (sites, shuffled)]
    assert groups[0] == groups[1]


def test_neighbours_stay_together():
    # Three pairs of towers, each pair within one cell of 10 degrees, each tower twice.
    latitude = np.repeat([51.0, 52.0, 5.0, 5.5, -33.0, -34.0], 2)
    longitude = np.repeat([10.0, 11.0, 100.0, 101.0, 149.0, 148.0], 2)
    pair = np.repeat([0, 1, 2], 4)
    folds = spatial_blocks(latitude, longitude, 10, 3, seed=0)
    assert sorted(tuple(set(pair[fold.test])) for fold in folds) == [(0,), (1,), (2,)]


# Quarters of degrees stay exact when 360 is added.
quarters = st.tuples(st.integers(-360, 360), st.integers(-720, 719))


@settings(deadline=None)
@given(
    st.lists(quarters, min_size=1, max_size=40),
    st.sampled_from([1.0, 5.0, 10.0, 30.0]),
)
def test_blocks_partition_and_know_both_conventions_of_longitude(places, size):
    latitude, longitude = np.repeat(places, 3, axis=0).T / 4
    sites = np.array([f"{a},{b}" for a, b in zip(latitude, longitude, strict=True)])
    regions = {
        (a // size, (b + 180) // size) for a, b in zip(latitude + 90, longitude, strict=True)
    }
    if len(regions) < 2:
        with pytest.raises(InputError, match="regions of"):
            spatial_blocks(latitude, longitude, size, 2, seed=0)
        return
    folds = spatial_blocks(latitude, longitude, size, 2, seed=0)
    assert_partition(folds, sites)
    elsewhere = spatial_blocks(latitude, longitude % 360, size, 2, seed=0)
    assert all(np.array_equal(a.test, b.test) for a, b in zip(folds, elsewhere, strict=True))


@pytest.mark.parametrize(
    ("latitude", "longitude", "apart"),
    [
        # Cells of 50 degrees from the south pole and the date line: ends at 10 N and 20 E.
        ([9.9, 10.0], [0.0, 0.0], True),
        ([10.0, 59.9], [0.0, 0.0], False),
        ([-40.1, -40.0], [0.0, 0.0], True),
        ([0.0, 0.0], [19.9, 20.0], True),
        ([0.0, 0.0], [20.0, 69.9], False),
        ([0.0, 0.0], [-180.0, 180.0], False),
        ([0.0, 0.0], [179.9, -179.9], True),
    ],
)
def test_regions_begin_at_the_pole_and_the_date_line(latitude, longitude, apart):
    if apart:
        assert len(spatial_blocks(latitude, longitude, 50, 2, seed=0)) == 2
    else:
        with pytest.raises(InputError, match="found 1 with usable rows"):
            spatial_blocks(latitude, longitude, 50, 2, seed=0)


def test_a_row_without_place_is_refused():
    with pytest.raises(InputError, match="1 rows without"):
        spatial_blocks([50.0, np.nan], [10.0, 10.0], 5, 2, seed=0)


def test_guard_names_fold_and_site():
    sites = np.array(["A", "B", "B"])
    shared = Fold(0, "fold 1", train=np.array([0, 1]), test=np.array([2]))
    with pytest.raises(InputError, match="B in both train and test rows of fold fold 1"):
        require_sites_apart([shared], sites)


@pytest.mark.parametrize(("scheme", "number"), [("loso", 12), ("kfold", 3), ("blocks", 3)])
def test_make_folds_by_scheme(scheme, number):
    table = pd.DataFrame(
        {
            "site_id": np.repeat([f"S{i:02d}" for i in range(12)], 5),
            "latitude": np.repeat(np.linspace(-60, 60, 12), 5),
            "longitude": np.repeat(np.linspace(-170, 170, 12), 5),
        }
    )
    folds = make_folds(scheme, table, TrainingParameters(n_splits=3, block_size=10.0, seed=4))
    assert len(folds) == number
    assert_partition(folds, table["site_id"].to_numpy())


CLIMATE = pd.DataFrame(
    {
        "site_id": np.repeat(list("ABCDEFGHIJ"), 24),
        "time": np.tile(pd.date_range("2001-01-01", periods=24, freq="MS"), 10),
        "ERA5_TA": np.repeat(np.arange(10.0), 24) + np.tile([0.0] * 6 + [20.0] * 6, 20),
        "ERA5_P": np.repeat(np.arange(10.0) % 4, 24),
        "TA": 0.0,
        "GPP": 1.0,
    }
)


@pytest.mark.parametrize(("scheme", "tested"), [("warmest", "IJ"), ("driest", "AE")])
def test_the_most_extreme_sites_are_tested_and_the_others_trained_on(scheme, tested):
    (fold,) = make_folds(scheme, CLIMATE, TrainingParameters(test_share=0.2))
    sites = CLIMATE["site_id"].to_numpy()
    assert set(sites[fold.test]) == set(tested)
    assert set(sites[fold.train]) == set("ABCDEFGHIJ") - set(tested)


def test_a_record_of_summers_is_not_warm_by_its_length():
    """A site seen in two summers and one winter is ranked by its calendar, not by its rows."""
    winter = CLIMATE["time"].dt.month <= 6
    cut = CLIMATE[~((CLIMATE["site_id"] == "H") & winter & (CLIMATE["time"].dt.year == 2002))]
    assert extreme_sites("warmest", cut, 0.2) == ["J", "I"]


def test_all_members_are_tested_at_the_same_sites():
    rows = CLIMATE[CLIMATE["site_id"] != "J"].reset_index(drop=True)
    (fold,) = make_folds("warmest", rows, TrainingParameters(test_share=0.2), CLIMATE)
    assert set(rows["site_id"].to_numpy()[fold.test]) == {"I"}
    with pytest.raises(InputError, match="usable rows both at the warmest sites and at others"):
        make_folds("warmest", rows, TrainingParameters(test_share=0.1), CLIMATE)
    with pytest.raises(InputError, match=r"ERA5_P.*driest"):
        make_folds("driest", rows.drop(columns="ERA5_P"), TrainingParameters())


def test_a_site_that_moves_between_regions_is_found():
    table = pd.DataFrame(
        {"site_id": ["A", "A", "B"], "latitude": [1.0, 61.0, 1.0], "longitude": [0.0, 0.0, 0.0]}
    )
    with pytest.raises(InputError, match="A in both"):
        make_folds("blocks", table, TrainingParameters(n_splits=2, block_size=10.0, seed=0))


def test_unknown_scheme():
    table = pd.DataFrame({"site_id": ["A", "B"]})
    with pytest.raises(ConfigurationError, match=r"'random'.*loso, kfold, blocks"):
        make_folds("random", table, TrainingParameters(n_splits=2, block_size=10.0, seed=0))
