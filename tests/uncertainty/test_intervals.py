"""Conformal quantiles by tower, and intervals of unseen towers."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from crepes import ConformalRegressor

from uflux_kedro.uncertainty import (
    SamplingSpace,
    UncertaintyParameters,
    calibrate,
    group_quantile,
    jackknife_plus,
    judge,
)
from uflux_kedro.uncertainty.intervals import fit_thresholds
from uflux_kedro.uncertainty.scores import interval_score, score_by_tower


def test_one_row_a_tower_is_split_conformal_prediction():
    scores = np.random.default_rng(0).exponential(size=40)
    for level in (0.5, 0.8, 0.9):
        expected = np.sort(scores)[math.ceil(level * 41) - 1]
        assert group_quantile(scores, np.arange(40), level) == expected


@pytest.mark.parametrize("towers", [15, 40, 117])
@pytest.mark.parametrize("level", [0.55, 0.8, 0.9])
def test_one_row_a_tower_gives_the_intervals_of_crepes(towers, level):
    """Exchangeable rows: normalised split conformal prediction of another library."""
    rng = np.random.default_rng(towers)
    sigma = rng.uniform(0.5, 3, towers)
    errors = rng.standard_t(3, towers) * sigma
    oracle = ConformalRegressor().fit(residuals=errors, sigmas=sigma)
    new, new_sigma = rng.normal(size=5), rng.uniform(0.5, 3, 5)
    expected = oracle.predict_int(new, sigmas=new_sigma, confidence=level)
    scores, sites = np.abs(errors) / sigma, rng.permutation(towers)
    half = new_sigma * group_quantile(scores, sites, level)
    np.testing.assert_allclose(np.column_stack([new - half, new + half]), expected)
    fitted = fit_thresholds(scores, sites, np.ones(towers), level, 30)
    assert fitted.of([1.0, np.nan]) == pytest.approx(half[0] / new_sigma[0])


def test_rows_of_towers_taken_as_exchangeable_give_narrower_intervals():
    """Why crepes does not serve: most rows are those of the few towers of long record."""
    rows = np.r_[np.full(5, 200), np.full(35, 4)]
    sites = np.repeat(np.arange(40), rows)
    errors = np.random.default_rng(0).normal(0, np.r_[np.full(5, 1.0), np.full(35, 3.0)][sites])
    by_row = ConformalRegressor().fit(residuals=errors).predict_int(np.zeros(1), confidence=0.9)
    assert group_quantile(np.abs(errors), sites, 0.9) > 1.5 * by_row[0, 1]


def unseen_coverage(own: float, count: int, guarantee: str) -> float:
    """Mean coverage over new towers, of which ``own`` is the share of the variance of errors."""
    rng, rows, covered = np.random.default_rng(8), 30, []
    for _ in range(400):
        level = rng.normal(size=(count + 20, 1))
        error = np.sqrt(own) * level + np.sqrt(1 - own) * rng.normal(size=(count + 20, rows))
        known, new = np.abs(error[:count]).ravel(), np.abs(error[count:])
        sites = np.repeat(np.arange(count), rows)
        covered.append(np.mean(new <= group_quantile(known, sites, 0.9, guarantee)))
    return float(np.mean(covered))


@pytest.mark.parametrize("count", [10, 30])
def test_at_least_covers_more_than_the_level_and_on_average_covers_it(count):
    least, average = (unseen_coverage(0.3, count, g) for g in ("at_least", "on_average"))
    assert least > 0.9 + 0.6 / (count + 1)
    assert average == pytest.approx(0.9, abs=0.012)


def test_on_average_keeps_its_bound_where_rows_of_a_tower_are_alike():
    assert 0.9 * 20 / 21 < unseen_coverage(0.99, 20, "on_average") < 0.89


def test_one_row_a_tower_leaves_no_choice_of_the_guarantee():
    scores = np.random.default_rng(0).exponential(size=40)
    for level in (0.5, 0.8, 0.9):
        least, average = (
            group_quantile(scores, np.arange(40), level, g) for g in ("at_least", "on_average")
        )
        assert least == average


def test_eight_towers_are_too_few_for_ninety_percent():
    assert group_quantile(np.ones(8), np.arange(8), 0.9) == np.inf
    assert group_quantile(np.ones(9), np.arange(9), 0.9) == 1


def test_long_records_do_not_rule():
    scores = np.r_[np.full(1000, 5.0), np.ones(30)]
    sites = np.r_[np.zeros(1000), np.arange(1, 31)]
    assert group_quantile(scores, sites, 0.9) == 1


def test_jackknife_plus_of_one_model_is_split_conformal():
    residuals = np.random.default_rng(1).exponential(size=30)
    predictions = np.tile([2.0, -1.0], (30, 1))
    lower, upper = jackknife_plus(predictions, residuals, np.arange(30), 0.9)
    half = np.sort(residuals)[math.ceil(0.9 * 31) - 1]
    np.testing.assert_allclose(lower, np.array([2.0, -1.0]) - half)
    np.testing.assert_allclose(upper, np.array([2.0, -1.0]) + half)


def test_a_class_is_shrunk_to_all_and_an_unknown_one_is_all():
    sites = np.arange(60)
    scores = np.linspace(0.1, 1, 60)
    scores[:20] *= 3
    fitted = fit_thresholds(scores, sites, np.where(sites < 20, 2, 1), 0.9, 30)
    alone = fit_thresholds(scores, sites, np.where(sites < 20, 2, 1), 0.9, 1e-9)
    assert alone.classes[1] > fitted.pooled * 0.9
    assert min(fitted.pooled, alone.classes[2]) <= fitted.classes[2]
    assert fitted.of([7.0, np.nan]).tolist() == [fitted.pooled] * 2


def test_the_interval_score_by_hand():
    found = interval_score([1.0, 5.0, -2.0], [0.0, 0.0, 0.0], [2.0, 2.0, 2.0], 0.9)
    np.testing.assert_allclose(found, [2, 2 + 20 * 3, 2 + 20 * 2])


def towers(count: int, seed: int, months: int = 24) -> pd.DataFrame:
    """Return rows whose error is mostly the tower's own, and follows no predictor."""
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(count), months)
    place = rng.normal(size=count)[site]
    error = rng.normal(size=count)[site] + rng.normal(0, 0.2, len(site))
    return pd.DataFrame(
        {
            "site_id": [f"S{seed}-{s:03d}" for s in site],
            "time": np.tile(pd.date_range("2001-01", periods=months, freq="MS"), count),
            "truth": error,
            "prediction": 0.0,
            "ERA_TA": place,
            "ERA_VPD": rng.normal(size=count)[site],
            "IGBP": 1,
        }
    )


PREDICTORS = ("ERA_TA", "ERA_VPD", "IGBP")


EAGER = UncertaintyParameters.model_validate(
    {"intervals": {"method": "spread", "trees": 300, "depth": 6, "learning_rate": 0.3}}
)
"""A spread that learns single towers by heart, so that a leak shows."""


def coverage_of_unseen(known: pd.DataFrame) -> float:
    fitted, _ = calibrate(known, PREDICTORS, EAGER, flux="GPP")
    unseen = towers(150, seed=9)
    found = fitted.bounds(unseen[list(PREDICTORS)].to_numpy("float32"), unseen["prediction"])
    judged = score_by_tower(unseen.assign(lower=found.lower, upper=found.upper), 0.9)
    return judged["coverage"].mean()


def test_calibration_by_rows_leaks_and_covers_too_little():
    """Spread fitted on the tested tower's own rows knows how large its error is."""
    known = towers(60, seed=3)
    assert coverage_of_unseen(known) == pytest.approx(0.9, abs=0.05)
    row_as_tower = known.assign(site_id=[f"R{i}" for i in range(len(known))])
    assert coverage_of_unseen(row_as_tower) < 0.75


def test_intervals_widen_in_a_climate_without_towers():
    """Errors grow away from where towers are dense; the farthest climate has none."""
    rng = np.random.default_rng(5)
    rows = towers(80, seed=6)
    place = np.repeat(rng.standard_t(3, 80), 24)
    rows["ERA_TA"] = 10 + 5 * place
    rows["truth"] = rng.normal(0, 0.2 + place**2)
    X = rows[list(PREDICTORS)].to_numpy("float32")
    space = SamplingSpace.fit(X, rows["site_id"], PREDICTORS, {"ERA_TA": 1.0})
    fitted, judged = calibrate(rows, PREDICTORS, UncertaintyParameters(), flux="GPP", space=space)
    found = fitted.bounds(np.array([[10, 0, 1], [90, 0, 1]], "float32"), np.zeros(2))
    assert found.outside.tolist() == [False, True]
    assert found.completeness[1] < found.completeness[0]
    width = found.upper - found.lower
    assert width[1] > 3 * width[0]
    assert judged["dissimilarity"].notna().all()


def test_members_are_judged_as_their_rows_are():
    rows = towers(40, seed=4)
    found = judge(rows, PREDICTORS, UncertaintyParameters())
    assert found["coverage"] == pytest.approx(0.9, abs=0.07)
    assert found["interval_score_constant"] > 0
