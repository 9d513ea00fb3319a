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
_PRIOR = 500.0
"""Rows of a length class at which its own correlation counts as much as that of all."""


@dataclass(frozen=True)
class Correlation:
    """Correlation of standardised errors by their distance in time.

    A sum of decays, each alone and in step with the day, on top of independent noise. All weights are
    positive, so that no sum has a negative variance. The longer a gap, the more of its error lasts: a
    part that two lengths of gaps share counts by the root of both weights.

    Attributes:
        roots: Factor of each decay from one step to the next, complex, (parts,).
        weights: Share of the variance in each, (parts,), or by length class, (classes, parts); the rest is
            independent.
        scale: Ratio of the errors of months of hidden records to what the rest says of them, at least 1.
    """

    roots: NDArray[np.complex128]
    weights: NDArray[np.float64]
    scale: float = 1.0

    def at(self, lags: NDArray[np.integer], kind: int = 0) -> NDArray[np.float64]:
        """Return the correlation at these distances in steps, (lags,), in gaps of a length class."""
        weights = np.atleast_2d(self.weights)[kind]
        decays = np.real(self.roots[None, :] ** np.asarray(lags)[:, None]) @ weights
        return np.where(np.asarray(lags) == 0, 1.0, decays)

    def sd_of_sums(
        self,
        sd: NDArray[np.float64],
        period: NDArray[np.integer],
        periods: int,
        kind: NDArray[np.integer] | None = None,
    ) -> NDArray[np.float64]:
        """Return the standard deviation of the sum of errors of each period.

        Args:
            sd: Standard deviation of the error of each step, 0 where there is none, (steps,).
            period: Number of the period of each step, ascending, (steps,).
            periods: Number of periods.
            kind: Length class of the gap of each step, (steps,), where weights differ by it.
        """
        last = np.flatnonzero(np.diff(np.append(period, -1)))
        out = np.zeros(periods)
        out[np.asarray(period)[last]] = self.sd_to_date(sd, period, kind)[last]
        return out

    def sd_to_date(
        self,
        sd: NDArray[np.float64],
        period: NDArray[np.integer] | None = None,
        kind: NDArray[np.integer] | None = None,
    ) -> NDArray[np.float64]:
        """Return the standard deviation of the sum of errors from the start of the period to each step.

        Args:
            sd: As of :meth:`sd_of_sums`.
            period: As of :meth:`sd_of_sums`; None is one period for all.
            kind: As of :meth:`sd_of_sums`.
        """
        loadings = np.sqrt(np.atleast_2d(self.weights))
        one = kind is None or len(loadings) == 1
        variance = _variance_to_date(
            np.ascontiguousarray(sd, dtype=np.float64),
            np.zeros(len(sd), np.int64) if period is None else np.asarray(period, dtype=np.int64),
            self.roots,
            loadings,
            np.zeros(len(sd), np.int64) if one else np.asarray(kind, dtype=np.int64),
        )
        return self.scale * np.sqrt(np.maximum(variance, 0.0))

    def of_noise(self) -> Correlation:
        """Return the correlation of random errors: what fades within an hour in the shortest gaps.

        There, fillers are nearly right, and what is left of their error is noise, but for what lasts.
        """
        weights = np.atleast_2d(self.weights)[0]
        fast = np.abs(self.roots) <= np.abs(self.roots).min() * (1 + 1e-9)
        rest = 1.0 - weights[~fast].sum()
        shares = np.where(fast, weights, 0.0) / max(rest, 1e-12)
        return Correlation(self.roots, shares / max(shares.sum(), 1.0))


def fit_correlation(
    z: NDArray[np.float64],
    step: NDArray[np.integer],
    turn: NDArray[np.integer],
    steps_a_day: int,
    kind: NDArray[np.integer] | None = None,
    kinds: int = 1,
) -> Correlation:
    """Estimate the correlation of errors from hidden records.

    Args:
        z: Error / its standard deviation, (rows,).
        step: Step of each row, (rows,).
        turn: Pass in which it was hidden, (rows,); only errors of one pass are compared.
        steps_a_day: 48 or 24.
        kind: Length class of the gap of each row, (rows,). The weights of a class are drawn to those of
            all, the more so the fewer its rows.
        kinds: Number of classes.
    """
    hour = steps_a_day / 24
    decay = np.exp(-1 / (np.array(_DECAYS) * hour))
    roots = np.concatenate([decay, decay * np.exp(2j * np.pi / steps_a_day)]).astype(complex)
    everywhere = _weights(roots, z, step, turn, steps_a_day)
    if kind is None:
        return Correlation(roots, everywhere)
    weights = np.tile(everywhere, (kinds, 1))
    for number in np.unique(kind):
        own = kind == number
        share = own.sum() / (own.sum() + _PRIOR)
        fitted = _weights(roots, z[own], step[own], turn[own], steps_a_day)
        weights[number] = share * fitted + (1 - share) * everywhere
    return Correlation(roots, weights)


def _weights(
    roots: NDArray[np.complex128],
    z: NDArray[np.float64],
    step: NDArray[np.integer],
    turn: NDArray[np.integer],
    steps_a_day: int,
) -> NDArray[np.float64]:
    """Return the weights at which the decays are nearest to the correlation of these rows, (parts,)."""
    from scipy.optimize import nnls

    products, pairs = _lagged(z, step, turn)
    lags = np.arange(1, min(_LONGEST_LAG * steps_a_day, len(pairs) - 1) + 1)
    lags = lags[pairs[lags] > 0]
    if pairs[lags].sum() < _ENOUGH_PAIRS:
        return np.zeros(len(roots))
    found = products[lags] / pairs[lags] / max(products[0] / pairs[0], 1e-12)
    # Distances of a day count as much as those of a month.
    weight = np.sqrt(np.minimum(pairs[lags] / _ENOUGH_PAIRS, 1.0) / lags)
    shapes = np.real(roots[None, :] ** lags[:, None])
    weights, _ = nnls(weight[:, None] * shapes, weight * found)
    return np.asarray(weights / max(weights.sum(), 1.0))


def scaled(
    correlation: Correlation,
    error: NDArray[np.float64],
    sd: NDArray[np.float64],
    step: NDArray[np.integer],
    turn: NDArray[np.integer],
    steps_a_day: int,
    kind: NDArray[np.integer] | None = None,
) -> Correlation:
    """Return the correlation with the scale that sums of hidden records of thirty days ask for.

    Args:
        correlation: As of :func:`fit_correlation`.
        error: Error of each hidden record, (rows,).
        sd: Its standard deviation, (rows,).
        step: Step, (rows,).
        turn: Pass, (rows,).
        steps_a_day: 48 or 24.
        kind: Length class of the gap, (rows,), where weights differ by it.
    """
    ratios = []
    steps = int(step.max()) + 1
    month = np.arange(steps) // (30 * steps_a_day)
    for one in np.unique(turn):
        own = turn == one
        spread, kinds = np.zeros(steps), np.zeros(steps, dtype=np.int64)
        spread[step[own]] = sd[own]
        if kind is not None:
            kinds[step[own]] = kind[own]
        expected = correlation.sd_of_sums(spread, month, int(month[-1]) + 1, kinds)
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
def _variance_to_date(sd, period, roots, loadings, kind):  # type: ignore[no-untyped-def]
    """Return the variance of the sum from the start of the period to each step, by one pass for each decay.

    ``loadings`` are the roots of the weights, (classes, parts).
    """
    out = np.zeros(len(sd))
    independent = np.array([max(1.0 - (own**2).sum(), 0.0) for own in loadings])
    for part in range(-1, len(roots)):
        root = 0j if part < 0 else roots[part]
        past, total, last = 0j, 0.0, -1
        for i in range(len(sd)):
            if period[i] != last:
                past, total, last = 0j, 0.0, period[i]
            past = root * past
            loading = independent[kind[i]] ** 0.5 if part < 0 else loadings[kind[i], part]
            own = sd[i] * loading
            total += own**2 + 2 * own * past.real
            out[i] += total
            past += own
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
