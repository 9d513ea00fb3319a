"""Intervals hold as many new records as they should, whatever the weather."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.gapfilling.errors_of_filling import conditions_of, fit_errors

STEPS = 48


def hidden_records(seed, n=8000):
    """Errors that grow with light, in gaps of a day and of twenty."""
    rng = np.random.default_rng(seed)
    step = np.sort(rng.choice(365 * STEPS, n, replace=False))
    light = np.clip(np.sin(2 * np.pi * (step / STEPS - 0.25)), 0, None) * 800
    rows = pd.DataFrame({"step": step, "days": rng.choice([1.0, 20.0], n)})
    conditions = rows[["days"]].assign(SW_IN=light)
    sd = (0.5 + light / 200) * np.where(rows["days"] > 10, 2, 1)
    return rows, rng.standard_t(4, n) * sd / np.sqrt(2), conditions, light > 20, sd


@pytest.fixture(scope="module")
def model():
    """Errors at the level of nine tenths."""
    rows, error, conditions, day, _ = hidden_records(0)
    return fit_errors(rows, error, conditions, day, STEPS, level=0.9, seed=0)[0]


def test_intervals_cover_new_records(model):
    """By day and by night, in short and in long gaps, and where the errors are large or small."""
    rows, error, conditions, day, sd = hidden_records(1)
    found = model.errors(conditions, day)
    inside = abs(error) <= found.reach
    assert inside.mean() == pytest.approx(0.9, abs=0.02)
    for part in (day, ~day, rows["days"] > 10, rows["days"] < 10, sd > 4, sd < 1):
        assert inside[part].mean() == pytest.approx(0.9, abs=0.05)
    assert np.corrcoef(found.sd, sd)[0, 1] > 0.9
    assert np.sqrt(np.mean((error / found.sd) ** 2)) == pytest.approx(1, abs=0.1)
    assert (found.sd > 0).all()


def test_scores_are_of_records_that_the_trees_did_not_see():
    """Their size is that of errors in the units of their spread."""
    rows, error, conditions, day, _ = hidden_records(0)
    _, z = fit_errors(rows, error, conditions, day, STEPS, level=0.9, seed=0)
    np.testing.assert_array_equal(np.sign(z), np.sign(error))
    light = conditions["SW_IN"] > 400
    assert np.std(z[light]) == pytest.approx(np.std(z[~light]), rel=0.25)


def test_classes_without_records_take_the_errors_of_all():
    """Nights were never hidden, nor gaps of half an hour."""
    rows, error, conditions, day, _ = hidden_records(0)
    parts = rows[day].reset_index(drop=True), error[day], conditions[day], day[day]
    model, _ = fit_errors(*parts, STEPS, level=0.9, seed=0)
    assert np.isfinite(model.quantiles).all()
    np.testing.assert_allclose(model.quantiles[0], model.quantiles[4, 0])
    np.testing.assert_allclose(model.scales[:, 0], model.scales[0, 0])
    assert model.quantiles[0, 0] == pytest.approx(model.quantiles[:, 1].mean(), rel=0.2)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_errors_of_nothing_give_finite_intervals(share):
    """A flux without errors at all, or in most of its records."""
    rows, error, conditions, day, _ = hidden_records(0, 2000)
    error = np.where(np.random.default_rng(2).random(len(error)) < share, error, 0.0)
    model, z = fit_errors(rows, error, conditions, day, STEPS, level=0.9, seed=0)
    found = model.errors(conditions, day)
    assert np.isfinite(z).all()
    assert np.isfinite(found.sd).all()
    assert (abs(error) <= found.reach).mean() >= 0.88


def test_conditions_are_of_gaps_fillers_and_weather():
    """What a record lacks is left out."""
    filled = pd.DataFrame({"days": [1.0], "edge": [0.5], "mds": [1.0], "boosted": [3.0]})
    predictors = pd.DataFrame({"TA": [7.0], "day": [4.0]})
    found = conditions_of(filled, np.array([2.0]), ["mds", "boosted"], predictors)
    expected = {"days": 1.0, "edge": 0.5, "value": 2.0, "apart": 1.0, "TA": 7.0}
    assert found.iloc[0].to_dict() == expected
