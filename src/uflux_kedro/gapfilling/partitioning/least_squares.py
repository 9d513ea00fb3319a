"""Levenberg-Marquardt for many small fits at once: one fit a window, all of the same model."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_ITERATIONS = 100
_TOLERANCE = 1e-10
"""Relative fall of the cost below which a fit has converged."""
_HIGHEST_DAMPING = 1e10


Model = Callable[[NDArray, NDArray], tuple[NDArray, NDArray]]
"""Takes parameters of fits (rows, parameters) and the numbers of these fits (rows,); returns their
predictions (rows, records) and the derivatives (rows, records, parameters)."""


class Fits(NamedTuple):
    """Fits of n windows.

    Attributes:
        parameters: (n, parameters).
        cost: Sum of squared weighted residuals, and of the deviations from the prior, (n,).
        covariance: Inverse of the curvature: the parameters' covariance where weights are inverse
            standard deviations, (n, parameters, parameters); 0 for fixed parameters, NaN where the
            data do not determine a parameter.
    """

    parameters: NDArray[np.float64]
    cost: NDArray[np.float64]
    covariance: NDArray[np.float64]


class Prior(NamedTuple):
    """Normal distributions from which parameters come; a precision of 0 says nothing.

    Attributes:
        mean: (n, parameters).
        precision: Inverse squared standard deviation, (parameters,).
    """

    mean: NDArray[np.float64]
    precision: NDArray[np.float64]


def fit_windows(
    model: Model,
    start: NDArray[np.float64],
    observed: NDArray[np.float64],
    weight: NDArray[np.float64],
    *,
    free: NDArray[np.bool_] | None = None,
    prior: Prior | None = None,
) -> Fits:
    """Fit a model to the records of each window.

    Args:
        model: Predicts, and derives by the parameters.
        start: First guess, (n, parameters).
        observed: (n, records); anything where the weight is 0.
        weight: Inverse standard deviation of a record, 0 for none, (n, records).
        free: Parameters that are fitted, (n, parameters); the others keep their first guess.
        prior: Pulls the free parameters.

    Returns:
        The fits; one that does not converge ends where its cost is lowest.
    """
    n, p = start.shape
    moving = np.ones((n, p)) if free is None else free.astype(float)
    mean = start if prior is None else prior.mean
    precision = np.zeros(p) if prior is None else prior.precision
    theta = start.astype(float).copy()
    fixed = np.eye(p) * (1 - moving[:, None, :])

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def evaluate(parameters: NDArray[np.float64], rows: NDArray[np.int64]) -> tuple:
        predicted, slopes = model(parameters, rows)
        w = weight[rows]
        residual = np.where(w > 0, w * (observed[rows] - predicted), 0.0)
        slopes = np.where((w > 0)[..., None], w[..., None] * slopes, 0.0) * moving[rows][:, None, :]
        apart = (mean[rows] - parameters) * moving[rows]
        cost = (residual**2).sum(axis=1) + (precision * apart**2).sum(axis=1)
        gradient = np.einsum("nrp,nr->np", slopes, residual) + precision * apart
        curvature = np.matmul(slopes.swapaxes(1, 2), slopes)
        curvature += np.eye(p) * (precision * moving[rows])[:, None, :]
        return np.where(np.isfinite(cost), cost, np.inf), gradient, curvature

    cost, gradient, curvature = evaluate(theta, np.arange(n))
    damping = np.full(n, 1e-3)
    active = np.flatnonzero(np.isfinite(cost))
    for _ in range(_ITERATIONS):
        if not len(active):
            break
        diagonal = np.einsum("npp->np", curvature[active])
        lifted = np.maximum(diagonal, 1e-12 * diagonal.max(axis=1, keepdims=True) + 1e-300)
        system = curvature[active] + np.eye(p) * (damping[active, None] * lifted)[:, None, :]
        step = np.linalg.solve(system + fixed[active], gradient[active][..., None])[..., 0]
        trial = theta[active] + step
        new_cost, new_gradient, new_curvature = evaluate(trial, active)
        better = new_cost < cost[active]
        done = better & (cost[active] - new_cost <= _TOLERANCE * cost[active])
        rows = active[better]
        theta[rows], cost[rows] = trial[better], new_cost[better]
        gradient[rows], curvature[rows] = new_gradient[better], new_curvature[better]
        damping[active] = np.where(better, damping[active] / 10, damping[active] * 10)
        done |= damping[active] > _HIGHEST_DAMPING
        active = active[~done]
    return Fits(theta, cost, _invert(curvature + fixed, moving))


def _invert(curvature: NDArray[np.float64], moving: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return inverses, NaN where singular, without the fixed parameters."""
    finite = np.isfinite(curvature).all(axis=(1, 2))
    scale = np.sqrt(np.einsum("npp->np", curvature))
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = curvature / scale[:, :, None] / scale[:, None, :]
    regular = finite & (scale > 0).all(axis=1)
    regular[regular] = np.linalg.cond(scaled[regular]) < 1e12
    inverse = np.full_like(curvature, np.nan)
    both = scale[regular][:, :, None] * scale[regular][:, None, :]
    inverse[regular] = np.linalg.inv(scaled[regular]) / both
    return inverse * moving[:, :, None] * moving[:, None, :]
