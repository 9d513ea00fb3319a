"""Errors of sums: as summing every pair of records does, and as a known process has them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.gapfilling.sums import Correlation, fit_correlation, numbered_periods, scaled

STEPS = 48


def decays(hours, step_hours=0.5):
    """Factors from step to step, plain and in step with the day."""
    decay = np.exp(-step_hours / np.asarray(hours, dtype=float))
    return np.concatenate([decay, decay * np.exp(2j * np.pi * step_hours / 24)]).astype(complex)


def test_sums_as_over_all_pairs():
    """By period, with steps without error, for decays, daily ones and an error that all share."""
    rng = np.random.default_rng(0)
    correlation = Correlation(decays([1, 24, np.inf]), np.array([0.2, 0.1, 0.05, 0.1, 0.15, 0.05]))
    sd = rng.uniform(0, 2, 300) * (rng.random(300) > 0.4)
    period = np.repeat([0, 1, 2], [100, 150, 50])
    lag = abs(np.arange(300)[:, None] - np.arange(300))
    covariance = sd[:, None] * sd * correlation.at(lag.ravel()).reshape(lag.shape)
    expected = [np.sqrt(covariance[np.ix_(period == p, period == p)].sum()) for p in range(3)]
    np.testing.assert_allclose(correlation.sd_of_sums(sd, period, 3), expected, rtol=1e-10)
    twice = Correlation(correlation.roots, correlation.weights, scale=2.0)
    np.testing.assert_allclose(twice.sd_of_sums(sd, period, 4)[:3], 2 * np.array(expected))
    assert twice.sd_of_sums(sd, period, 4)[3] == 0


def test_independent_errors_add_by_squares():
    """Nothing is correlated, or everything is."""
    sd, period = np.arange(1.0, 101.0), np.zeros(100, dtype=int)
    alone = Correlation(decays([24]), np.zeros(2))
    assert alone.sd_of_sums(sd, period, 1)[0] == pytest.approx(np.sqrt((sd**2).sum()))
    shared = Correlation(decays([np.inf]), np.array([1.0, 0.0]))
    assert shared.sd_of_sums(sd, period, 1)[0] == pytest.approx(sd.sum())


def simulate(rng, steps):
    """A first-order process of 8 hours, a daily one, and noise: .4, .2 and .4 of the variance."""
    slow = np.zeros(steps)
    phi, shock = np.exp(-0.5 / 8), rng.normal(size=steps)
    slow[0] = shock[0]
    for i in range(1, steps):
        slow[i] = phi * slow[i - 1] + np.sqrt(1 - phi**2) * shock[i]
    phase = 2 * np.pi * np.arange(steps) / STEPS
    daily = rng.normal() * np.sin(phase) + rng.normal() * np.cos(phase)
    return np.sqrt(0.4) * slow + np.sqrt(0.2) * daily + np.sqrt(0.4) * rng.normal(size=steps)


def test_a_known_process_is_found():
    """From passes with gaps, its correlation and the error of its sums."""
    rng = np.random.default_rng(1)
    steps, turns = 60 * STEPS, 40
    z = np.array([simulate(rng, steps) for _ in range(turns)])
    known = rng.random(z.shape) < 0.7
    turn, step = np.nonzero(known)
    found = fit_correlation(z[known], step, turn, STEPS)
    lags = np.array([1, 4, 16, 48, 240])
    truth = 0.4 * np.exp(-lags / 16) + 0.2 * np.cos(2 * np.pi * lags / STEPS)
    np.testing.assert_allclose(found.at(lags), truth, atol=0.06)
    assert found.at(np.array([0]))[0] == 1
    blocks = z[:, : 57 * STEPS].reshape(turns, -1, 3 * STEPS).sum(axis=2)
    of_sums = found.sd_of_sums(np.ones(3 * STEPS), np.zeros(3 * STEPS, dtype=int), 1)[0]
    assert of_sums == pytest.approx(blocks.std(), rel=0.1)
    assert of_sums > 2 * np.sqrt(3 * STEPS)


def test_few_records_far_apart_are_correlated_too():
    """Two hundredths of the records know few pairs of any distance, but many of all."""
    rng = np.random.default_rng(3)
    z = np.array([np.sqrt(0.5) * (simulate(rng, 60 * STEPS) + rng.normal()) for _ in range(5)])
    known = rng.random(z.shape) < 0.02
    turn, step = np.nonzero(known)
    found = fit_correlation(z[known], step, turn, STEPS)
    steps = 30 * STEPS
    of_sum = found.sd_of_sums(np.ones(steps), np.zeros(steps, dtype=int), 1)[0]
    assert of_sum > 5 * np.sqrt(steps)


@pytest.mark.parametrize("kind", ["white", "alternating", "zero", "few"])
def test_no_sum_has_a_negative_variance(kind):
    """Whatever the errors are, weights are a share of the variance."""
    rng = np.random.default_rng(2)
    step = np.arange(15 if kind == "few" else 20 * STEPS)
    z = {
        "white": rng.normal(size=len(step)),
        "alternating": (-1.0) ** step,
        "zero": np.zeros(len(step)),
        "few": np.ones(len(step)),
    }[kind]
    found = fit_correlation(z, step, np.zeros(len(step), dtype=int), STEPS)
    assert (found.weights >= 0).all()
    assert found.weights.sum() <= 1 + 1e-12
    sd = rng.uniform(0, 1, 400)
    of_sum = found.sd_of_sums(sd, np.zeros(400, dtype=int), 1)[0]
    assert of_sum >= 0
    if kind in ("alternating", "zero", "few"):
        assert of_sum == pytest.approx(np.sqrt((sd**2).sum()), rel=1e-6)
    else:
        assert of_sum == pytest.approx(np.sqrt((sd**2).sum()), rel=0.5)


def test_errors_that_months_share_widen_the_sums():
    """Where sums of hidden months err by more than their records say, all sums get wider."""
    step = np.tile(np.arange(90 * STEPS), 2)
    turn = np.repeat([0, 1], 90 * STEPS)
    alone = Correlation(decays([24]), np.zeros(2))
    sd = np.ones(len(step))
    shared = scaled(alone, np.full(len(step), 0.5), sd, step, turn, STEPS)
    assert shared.scale == pytest.approx(0.5 * np.sqrt(30 * STEPS), rel=1e-6)
    assert scaled(alone, np.zeros(len(step)), sd, step, turn, STEPS).scale == 1
    assert scaled(alone, 0 * sd, 0 * sd, step, turn, STEPS).scale == 1


def test_periods_are_those_of_the_calendar():
    """Leap days, months and years by the start of the step."""
    times = pd.date_range("2020-02-28", "2021-01-01 00:00", freq="h")
    for period, count, last in (
        ("DD", 309, "2021-01-01"),
        ("MM", 12, "2021-01"),
        ("YY", 2, "2021"),
    ):
        number, starts = numbered_periods(times, period)
        assert len(starts) == count
        assert starts[-1] == pd.Timestamp(last)
        assert (np.diff(number) >= 0).all()
        assert number[-1] == count - 1
        assert (number == count - 1).sum() == 1
    assert pd.Timestamp("2020-02-29") in numbered_periods(times, "DD")[1]
