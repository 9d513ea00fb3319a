"""Many fits at once find what is known, keep what is fixed and lean on a prior."""

from __future__ import annotations

import numpy as np
import pytest

from uflux_kedro.gapfilling.partitioning.least_squares import Prior, fit_windows

X = np.linspace(0, 3, 40)


def curve(parameters, rows):
    """a exp(b x)."""
    factor = np.exp(parameters[:, 1, None] * X)
    predicted = parameters[:, 0, None] * factor
    return predicted, np.stack([factor, predicted * X], axis=-1)


def line(parameters, rows):
    predicted = parameters[:, 0, None] + parameters[:, 1, None] * X
    return predicted, np.broadcast_to(np.stack([np.ones_like(X), X], -1), (len(rows), 40, 2))


TRUTH = np.array([[2.0, -1.0], [0.5, 1.2], [3.0, 0.0]])


def test_known_curves_are_found_from_afar():
    observed, _ = curve(TRUTH, np.arange(3))
    fits = fit_windows(curve, np.ones((3, 2)), observed, np.ones_like(observed))
    np.testing.assert_allclose(fits.parameters, TRUTH, atol=1e-6)
    np.testing.assert_allclose(fits.cost, 0, atol=1e-9)


def test_records_of_no_weight_do_not_matter():
    observed, _ = curve(TRUTH, np.arange(3))
    weight = np.ones_like(observed)
    weight[:, ::3] = 0
    spoilt = np.where(weight > 0, observed, np.nan)
    fits = fit_windows(curve, np.ones((3, 2)), spoilt, weight)
    np.testing.assert_allclose(fits.parameters, TRUTH, atol=1e-6)


def test_a_line_has_the_covariance_of_the_textbook():
    rng = np.random.default_rng(0)
    observed = 1 + 2 * X + rng.normal(0, 0.5, (1, 40))
    fits = fit_windows(line, np.zeros((1, 2)), observed, np.full((1, 40), 2.0))
    design = np.column_stack([np.ones(40), X])
    expected, *_ = np.linalg.lstsq(design, observed[0], rcond=None)
    np.testing.assert_allclose(fits.parameters[0], expected, atol=1e-6)
    np.testing.assert_allclose(
        fits.covariance[0], 0.25 * np.linalg.inv(design.T @ design), rtol=1e-8
    )


def test_fixed_parameters_stay_and_the_others_make_the_best_of_it():
    observed, _ = line(np.array([[1.0, 2.0]]), np.arange(1))
    start = np.array([[0.0, 1.0]])
    fits = fit_windows(line, start, observed, np.ones((1, 40)), free=np.array([[True, False]]))
    assert fits.parameters[0, 1] == 1.0
    assert fits.parameters[0, 0] == pytest.approx(1 + X.mean(), abs=1e-6)
    assert (fits.covariance[0, 1] == 0).all()


def test_a_prior_decides_what_the_data_do_not():
    """All records lie at x = 0, where the slope does not matter."""

    def at_zero(parameters, rows):
        slopes = np.zeros((len(rows), 40, 2))
        slopes[..., 0] = 1
        return np.repeat(parameters[:, :1], 40, axis=1), slopes

    prior = Prior(np.array([[0.0, 7.0]]), np.array([0.0, 0.01]))
    arguments = (at_zero, np.array([[3.0, 3.0]]), np.full((1, 40), 5.0), np.ones((1, 40)))
    np.testing.assert_allclose(fit_windows(*arguments, prior=prior).parameters, [[5, 7]], atol=1e-4)
    alone = fit_windows(*arguments)
    assert alone.parameters[0] == pytest.approx([5, 3])
    assert np.isnan(alone.covariance).all()
