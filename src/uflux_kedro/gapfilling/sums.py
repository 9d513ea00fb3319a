"""Errors of sums of filled records: errors of neighbouring records are alike, so they do not cancel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

_DECAYS = (1.0, 4.0, 24.0, 96.0, 360.0, 1440.0, np.inf)
"""Hours in which parts of the correlation decay; infinity is an error that all gaps share."""
_LONGEST_LAG = 60
"""Days up to which the correlation is estimated."""
_ENOUGH_PAIRS = 200
"""Pairs from which a distance counts fully; with fewer, as few records have, it counts for less."""


@dataclass(frozen=True)
class Correlation:
    """Correlation of standardised errors by their distance in time.

    A sum of decays, each alone and in step with the day, on top of independent noise. All weights are
    positive, so that no sum has a negative variance.

    Attributes:
        roots: Factor of each decay from one step to the next, complex, (parts,).
        weights: Share of the variance in each, (parts,); the rest is independent.
        scale: Ratio of the errors of months of hidden records to what the rest says of them, at least 1.
    """

    roots: NDArray[np.complex128]
    weights: NDArray[np.float64]
    scale: float = 1.0

    def at(self, lags: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the correlation at these distances in steps, (lags,)."""
        decays = np.real(self.roots[None, :] ** np.asarray(lags)[:, None]) @ self.weights
        return np.where(np.asarray(lags) == 0, 1.0, decays)

    def sd_of_sums(
        self, sd: NDArray[np.float64], period: NDArray[np.integer], periods: int
    ) -> NDArray[np.float64]:
        """Return the standard deviation of the sum of errors of each period.

        Args:
            sd: Standard deviation of the error of each step, 0 where there is none, (steps,).
            period: Number of the period of each step, ascending, (steps,).
            periods: Number of periods.
        """
        variance = _variance_of_sums(
            np.ascontiguousarray(sd, dtype=np.float64),
            np.ascontiguousarray(period, dtype=np.int64),
            periods,
            self.roots,
            self.weights,
        )
        return self.scale * np.sqrt(np.maximum(variance, 0.0))


def fit_correlation(
    z: NDArray[np.float64], step: NDArray[np.integer], turn: NDArray[np.integer], steps_a_day: int
) -> Correlation:
    """Estimate the correlation of errors from hidden records.

    Args:
        z: Error / its standard deviation, (rows,).
        step: Step of each row, (rows,).
        turn: Pass in which it was hidden, (rows,); only errors of one pass are compared.
        steps_a_day: 48 or 24.
    """
    from scipy.optimize import nnls

    hour = steps_a_day / 24
    decay = np.exp(-1 / (np.array(_DECAYS) * hour))
    roots = np.concatenate([decay, decay * np.exp(2j * np.pi / steps_a_day)]).astype(complex)
    products, pairs = _lagged(z, step, turn)
    lags = np.arange(1, min(_LONGEST_LAG * steps_a_day, len(pairs) - 1) + 1)
    lags = lags[pairs[lags] > 0]
    if pairs[lags].sum() < _ENOUGH_PAIRS:
        return Correlation(roots, np.zeros(len(roots)))
    found = products[lags] / pairs[lags] / max(products[0] / pairs[0], 1e-12)
    # Distances of a day count as much as those of a month.
    weight = np.sqrt(np.minimum(pairs[lags] / _ENOUGH_PAIRS, 1.0) / lags)
    shapes = np.real(roots[None, :] ** lags[:, None])
    weights, _ = nnls(weight[:, None] * shapes, weight * found)
    return Correlation(roots, weights / max(weights.sum(), 1.0))


def scaled(
    correlation: Correlation,
    error: NDArray[np.float64],
    sd: NDArray[np.float64],
    step: NDArray[np.integer],
    turn: NDArray[np.integer],
    steps_a_day: int,
) -> Correlation:
    """Return the correlation with the scale that sums of hidden records of thirty days ask for.

    Args:
        correlation: As of :func:`fit_correlation`.
        error: Error of each hidden record, (rows,).
        sd: Its standard deviation, (rows,).
        step: Step, (rows,).
        turn: Pass, (rows,).
        steps_a_day: 48 or 24.
    """
    ratios = []
    steps = int(step.max()) + 1
    month = np.arange(steps) // (30 * steps_a_day)
    for one in np.unique(turn):
        own = turn == one
        spread = np.zeros(steps)
        spread[step[own]] = sd[own]
        expected = correlation.sd_of_sums(spread, month, int(month[-1]) + 1)
        found = np.bincount(month[step[own]], error[own], minlength=len(expected))
        ratios.append((found / np.where(expected > 0, expected, 1.0))[expected > 0])
    ratio = np.concatenate(ratios)
    if not len(ratio):  # a flux that is always the same
        return correlation
    return Correlation(
        correlation.roots, correlation.weights, max(1.0, float(np.sqrt(np.mean(ratio**2))))
    )


def _lagged(
    z: NDArray[np.float64], step: NDArray[np.integer], turn: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum of products and the number of pairs by distance, over all passes."""
    from scipy.fft import irfft, next_fast_len, rfft

    steps = int(step.max()) + 1
    size = next_fast_len(2 * steps, real=True)
    products, pairs = np.zeros(steps), np.zeros(steps)
    for one in np.unique(turn):
        own = turn == one
        values, known = np.zeros(steps), np.zeros(steps)
        values[step[own]], known[step[own]] = z[own], 1.0
        products += irfft(np.abs(rfft(values, size)) ** 2, size)[:steps]
        pairs += np.round(irfft(np.abs(rfft(known, size)) ** 2, size)[:steps])
    return products, pairs


@njit(nogil=True, cache=True)
def _variance_of_sums(sd, period, periods, roots, weights):  # type: ignore[no-untyped-def]
    """Return the variance of the sum of each period, by one pass for each decay."""
    out = np.zeros(periods)
    independent = 1.0 - weights.sum()
    for i in range(len(sd)):
        out[period[i]] += independent * sd[i] ** 2
    for part in range(len(roots)):
        if weights[part] <= 0:
            continue
        past, root, last = 0j, roots[part], -1
        for i in range(len(sd)):
            if period[i] != last:
                past, last = 0j, period[i]
            past = root * past
            out[last] += weights[part] * (sd[i] ** 2 + 2 * sd[i] * past.real)
            past += sd[i]
    return out


def numbered_periods(
    times: pd.DatetimeIndex, period: str
) -> tuple[NDArray[np.int64], pd.DatetimeIndex]:
    """Return the number of the period of each step, and the starts of the periods.

    Args:
        times: Start of each step.
        period: ``DD``, ``MM`` or ``YY``.
    """
    starts = times.to_period({"DD": "D", "MM": "M", "YY": "Y"}[period]).to_timestamp()
    number, unique = pd.factorize(starts)
    return number.astype(np.int64), pd.DatetimeIndex(unique, name="time")
