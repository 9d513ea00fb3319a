"""Predictors are chosen on whole sites, never on those that are scored."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from uflux_kedro.errors import InputError
from uflux_kedro.validation import choice as choice_module
from uflux_kedro.validation.choice import (
    BUNDLES,
    Alternatives,
    Candidates,
    ColumnsRegressor,
    choose_groups,
    choose_in_folds,
    choose_set,
)
from uflux_kedro.validation.cross_validation import held_out_predictions
from uflux_kedro.validation.folds import leave_one_site_out, site_k_fold

COLUMNS = ("light", "greenness", "site", "noise")
CANDIDATES = Candidates(COLUMNS, {"VEGETATION": ("greenness",), "PLACE": ("site", "noise")})
SETS = Alternatives(
    COLUMNS, {"NOISY": ("noise", "light"), "GREEN": ("greenness", "light"), "PLACE": ("site",)}
)
SITES = 24


@pytest.fixture(scope="module")
def rows():
    """Flux of light and greenness; a site's number tells its own level and misleads elsewhere."""
    rng = np.random.default_rng(0)
    number = np.repeat(np.arange(SITES), 30)
    light, greenness, noise = rng.uniform(0, 1, (3, len(number)))
    X = np.column_stack([light, greenness, number, noise]).astype("float32")
    y = 3 * light + 2 * greenness + (-1.0) ** number  # neighbours have the opposite level
    sites = np.array([f"S{i:02d}" for i in number])
    return X, y, sites, np.tile(pd.date_range("2001-01-01", periods=30, freq="MS"), SITES)


def tree():
    return DecisionTreeRegressor(max_depth=6, random_state=0)


def test_columns_of_a_choice_keep_their_order():
    assert CANDIDATES.with_groups(()) == ("light",)
    assert CANDIDATES.with_groups(("PLACE",)) == ("light", "site", "noise")
    assert CANDIDATES.with_groups(("PLACE", "VEGETATION")) == COLUMNS


def test_a_column_of_two_groups_stays_with_either():
    both = Candidates(COLUMNS, {"A": ("greenness", "noise"), "B": ("noise",)})
    assert both.with_groups(("B",)) == ("light", "site", "noise")


def test_what_helps_is_taken_and_what_recognises_sites_is_not(rows):
    X, y, sites, _ = rows
    choice = choose_groups(CANDIDATES, tree(), X, y, sites, seed=0)
    assert choice.chosen == ("VEGETATION",)
    assert choice.columns == ("light", "greenness")
    results = choice.results
    assert results["groups"].tolist() == ["VEGETATION PLACE", "PLACE", "VEGETATION", ""]
    assert results["RMSE"][2] < 0.98 * results["RMSE"][0]
    assert results["RMSE"].idxmin() == 2
    assert results["NSE"].idxmax() == 2


def test_the_score_of_a_choice_is_that_of_sites_held_out(rows):
    X, y, sites, time = rows
    results = choose_groups(CANDIDATES, tree(), X, y, sites, seed=3).results
    held_out = held_out_predictions(
        lambda _: tree(), X[:, :2], y, sites, time, site_k_fold(sites, 5, 3)
    )
    error = held_out["prediction"] - held_out["truth"]
    assert results["RMSE"][2] == pytest.approx(np.sqrt((error**2).mean()))


def test_a_group_that_does_no_harm_stays(rows):
    X, y, sites, _ = rows
    choice = choose_groups(CANDIDATES, tree(), X, np.ones_like(y), sites, seed=0)
    assert choice.chosen == ("VEGETATION", "PLACE")
    assert choice.columns == COLUMNS


def test_a_group_leaves_where_its_absence_saves_two_percent(rows, monkeypatch):
    """Rounds of made-up errors: which groups are left when the search stops."""
    X, y, sites, _ = rows
    candidates = Candidates(COLUMNS, {"A": ("greenness",), "B": ("site",), "C": ("noise",)})

    def left(**errors):
        errors["ABC"] = 1.0

        def tried(choices, *_):
            found = [errors.get("".join(c), 2.0) for c in choices]
            return pd.DataFrame({"groups": choices, "NSE": 0.0, "RMSE": found})

        monkeypatch.setattr(choice_module, "_try", tried)
        return "".join(choose_groups(candidates, tree(), X, y, sites, seed=0).chosen)

    assert left(BC=0.9801) == "ABC"
    assert left(BC=0.98) == "ABC"
    assert left(BC=0.9799) == "BC"
    # Each round is measured by the one before: 0.98 of 0.5 is 0.49.
    assert left(BC=0.5, C=0.4901) == "BC"
    assert left(BC=0.5, C=0.4899) == "C"
    assert left(BC=0.5, C=0.4, **{"": 0.3}) == ""


class Spy(RegressorMixin, BaseEstimator):
    """Records the sites of each fit; the flux is the number of the site."""

    seen: ClassVar[list[set[int]]] = []

    def fit(self, X, y):
        Spy.seen.append(set(y.astype(int)))
        return self

    def predict(self, X):
        return np.zeros(len(X))


@pytest.mark.parametrize("candidates", [CANDIDATES, SETS])
@pytest.mark.parametrize("n_splits", [None, 4])
def test_no_choice_sees_a_site_that_its_fold_tests(rows, n_splits, candidates):
    X, _, sites, _ = rows
    number = X[:, 2].astype(float)
    folds = leave_one_site_out(sites) if n_splits is None else site_k_fold(sites, n_splits, 0)
    Spy.seen = []
    choose_in_folds(candidates, Spy(), X, number, sites, folds, seed=0)
    made = min(BUNDLES, len(folds))
    shown = [set().union(*fits) for fits in np.split(np.array(Spy.seen), made)]
    for fold in folds:
        assert shown[fold.number % made].isdisjoint(number[fold.test])
    trained_on = {i for k in range(made) for i in shown[k]}
    assert trained_on == set(range(SITES))


def test_truth_of_a_site_does_not_touch_its_choice(rows):
    X, y, sites, _ = rows
    folds = leave_one_site_out(sites)
    bent = np.where(sites == "S05", 100 * y[::-1], y)
    one, two = (
        choose_in_folds(CANDIDATES, tree(), X, flux, sites, folds, seed=0) for flux in (y, bent)
    )
    for number in range(SITES):
        same = one[number].results.equals(two[number].results)
        assert same == (number % BUNDLES == 5 % BUNDLES)


def test_the_set_with_the_least_error_on_other_sites_is_chosen(rows):
    X, y, sites, time = rows
    choice = choose_set(SETS, tree(), X, y, sites, seed=3)
    assert choice.chosen == ("GREEN",)
    assert choice.columns == ("greenness", "light")
    assert choice.results["set"].tolist() == ["NOISY", "GREEN", "PLACE"]
    assert choice.results["RMSE"].idxmin() == 1
    held_out = held_out_predictions(
        lambda _: tree(), X[:, [1, 0]], y, sites, time, site_k_fold(sites, 5, 3)
    )
    error = held_out["prediction"] - held_out["truth"]
    assert choice.results["RMSE"][1] == pytest.approx(np.sqrt((error**2).mean()))


def test_a_set_does_not_win_by_lacking_the_difficult_rows(rows):
    """Half of the rows are of noise alone; a set that lacks them would have half the error."""
    X, y, sites, _ = rows
    rng = np.random.default_rng(1)
    difficult = rng.uniform(size=len(y)) < 0.5
    y = np.where(difficult, rng.normal(0, 5, len(y)), y)
    gaps = X.copy()
    gaps[difficult, 3] = np.nan  # the noise of the worse set
    choice = choose_set(SETS, tree(), gaps, y, sites, seed=0)
    common = [array[~difficult] for array in (X, y, sites)]
    expected = choose_set(SETS, tree(), *common, seed=0)
    assert choice.chosen == expected.chosen == ("GREEN",)
    pd.testing.assert_frame_equal(choice.results, expected.results)


def test_sets_without_a_row_in_common_are_refused(rows):
    X, y, sites, _ = rows
    gaps = X.copy()
    gaps[::2, 1], gaps[1::2, 3] = np.nan, np.nan
    with pytest.raises(InputError, match=r"predictors of NOISY, GREEN, PLACE.*found none"):
        choose_set(SETS, tree(), gaps, y, sites, seed=0)


def test_folds_beyond_five_share_choices_and_jobs_change_nothing(rows):
    X, y, sites, _ = rows
    folds = leave_one_site_out(sites)
    one, two = (
        choose_in_folds(CANDIDATES, tree(), X, y, sites, folds, seed=0, n_jobs=n) for n in (1, 2)
    )
    assert one[3] is one[8] is one[23]
    assert one[3] is not one[4]
    for a, b in zip(one, two, strict=True):
        pd.testing.assert_frame_equal(a.results, b.results)


def test_a_model_sees_its_columns_alone_and_gets_its_groups(rows):
    X, y, sites, _ = rows
    model = ColumnsRegressor(LinearRegression(), (1, 0)).fit(X, y)
    expected = LinearRegression().fit(X[:, [1, 0]], y)
    np.testing.assert_array_equal(model.predict(X), expected.predict(X[:, [1, 0]]))

    class Grouped(LinearRegression):
        def fit(self, X, y, groups):
            self.groups_ = groups
            return super().fit(X, y)

    fitted = ColumnsRegressor(Grouped(), (0,)).fit(X, y, groups=sites)
    np.testing.assert_array_equal(fitted.estimator_.groups_, sites)


def test_two_sites_are_enough_and_one_is_refused(rows):
    X, y, sites, _ = rows
    for names, works in ((["S00", "S01"], True), (["S00"], False)):
        few = np.isin(sites, names)
        arrays = (X[few], y[few], sites[few])
        if works:
            assert choose_groups(CANDIDATES, tree(), *arrays, seed=0).columns[0] == "light"
        else:
            with pytest.raises(InputError, match="site_id: expected two or more sites"):
                choose_groups(CANDIDATES, tree(), *arrays, seed=0)
