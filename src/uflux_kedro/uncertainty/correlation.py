"""Correlation of held-out errors in time and between towers, estimated by moments over towers.

Errors are divided by their spread and winsorised, so that a few towers do not decide. Correlations
are ratios of means over towers: a long record counts little more than a short one, and each lag or
distance is compared with the variance of the same towers and periods.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.statistics.correlated import YEAR_DAYS, distances_km, unit_vectors

_MONTH_DAYS = YEAR_DAYS / 12
_WINSOR = 4.0
"""Standardised errors are limited to this many robust standard deviations."""
_HALF_PAIRS = 12
"""Pairs of periods with which a tower, or a pair of towers, has half the weight of a long one."""
_MOST_YEARS = 6
_LEAST_SHARE = 0.1
"""Share of the towers that a lag needs to be used."""
_DECAYS = np.geomspace(10, 365, 25)
"""Candidates for the decay, days; those shorter than half a period are left out."""
_RANGES = np.geomspace(20, 2000, 24)
"""Candidates for the range, km."""
_NO_RANGE = 100.0
"""Range that is stated where neighbours share nothing."""
_NEAR_KM = 800.0
"""Distance up to which a model that has seen the one tower knows something of the other."""
_LEAST_PART = 0.05
"""Share of the variance below which a part's correlation in space is not estimated."""
_EDGES_KM = np.array([0, 20, 50, 100, 200, 400, 800, 1600, 3200, 6400, 20100], float)


class ErrorSeries(NamedTuple):
    """Standardised errors of towers on a common axis of periods.

    Attributes:
        z: Errors over their spread, winsorised (towers, periods); NaN in gaps.
        sites: The towers.
        step_days: Length of a period.
        places: Points on the unit sphere (towers, 3); NaN where unknown.
        folds: Fold in which each tower was held out; -1 where unknown.
    """

    z: NDArray[np.float64]
    sites: NDArray
    step_days: float
    places: NDArray[np.float64]
    folds: NDArray[np.int64]


class InTime(NamedTuple):
    """Shares of the variance, as in :class:`~uflux_kedro.statistics.correlated.SumErrors`."""

    persistent: float
    seasonal: float
    decaying: float
    decay_days: float


class InSpace(NamedTuple):
    """Shares that neighbours have in common, and their ranges in km."""

    level_shared: float
    level_range_km: float
    passing_shared: float
    passing_range_km: float


class LagMoments(NamedTuple):
    """Products of errors of a tower, by lag.

    Attributes:
        days: Mean lag of each bin, ascending (lags,).
        product: Mean product of a tower's errors at the lag (towers, lags); 0 without pairs.
        variance: Mean square of the same errors, likewise.
        weight: Weight of the tower at the lag, 0-1; 0 without pairs.
    """

    days: NDArray[np.float64]
    product: NDArray[np.float64]
    variance: NDArray[np.float64]
    weight: NDArray[np.float64]


class PairMoments(NamedTuple):
    """Products of errors of pairs of towers.

    Attributes:
        first: Number of the one tower (pairs,).
        second: Number of the other.
        km: Distance.
        bin: Bin of the distance.
        now: Mean product in the same period.
        years: Mean product one and two years apart, which only the level outlasts; NaN if none.
        weight: Weight of the pair, without that of clusters.
        variance: Mean square of all towers' errors.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    km: NDArray[np.float64]
    bin: NDArray[np.intp]
    now: NDArray[np.float64]
    years: NDArray[np.float64]
    weight: NDArray[np.float64]
    variance: float


def error_series(rows: pd.DataFrame) -> ErrorSeries:
    """Arrange held-out errors by tower and period.

    Args:
        rows: ``site_id``, ``time``, ``truth``, ``centre``, ``sigma``; optionally ``latitude``,
            ``longitude`` and ``fold``. All finite but the optional ones.
    """
    sites, tower = np.unique(rows["site_id"].to_numpy().astype(str), return_inverse=True)
    period, step = _periods(rows, tower)
    z = ((rows["truth"] - rows["centre"]) / rows["sigma"]).to_numpy(float)
    limit = _WINSOR * 1.4826 * float(np.median(np.abs(z)))
    z = z.clip(-limit, limit) if limit > 0 else z
    shape = (len(sites), int(period.max()) + 1)
    total, count = np.zeros(shape), np.zeros(shape)
    np.add.at(total, (tower, period), z)
    np.add.at(count, (tower, period), 1)
    first = np.unique(tower, return_index=True)[1]
    places = np.full((len(sites), 3), np.nan)
    if {"latitude", "longitude"} <= set(rows):
        places = unit_vectors(rows["latitude"].iloc[first], rows["longitude"].iloc[first])
    folds = np.full(len(sites), -1)
    if "fold" in rows:
        folds = rows["fold"].iloc[first].fillna(-1).to_numpy().astype(np.int64)
    with np.errstate(invalid="ignore"):
        return ErrorSeries(total / count, sites, step, places, folds)


def _periods(rows: pd.DataFrame, tower: NDArray[np.intp]) -> tuple[NDArray[np.intp], float]:
    """Return the number of each row's period from 0, and the length of a period in days."""
    time = rows["time"].to_numpy().astype("datetime64[s]")
    days = (time - time.min()) / np.timedelta64(1, "D")
    order = np.lexsort((days, tower))
    steps = np.diff(days[order])[np.diff(tower[order]) == 0]
    steps = steps[steps > 0]
    step = float(np.median(steps)) if steps.size else _MONTH_DAYS
    if 28 <= step <= 31:
        month = time.astype("datetime64[M]").astype(int)
        return month - month.min(), _MONTH_DAYS
    return np.round(days / step).astype(int), step


def lag_moments(series: ErrorSeries) -> LagMoments:
    """Compute the products of each tower's errors by lag, up to six years."""
    known = np.isfinite(series.z)
    z = np.where(known, series.z, 0)
    periods = z.shape[1]
    most = min(periods - 1, round(_MOST_YEARS * YEAR_DAYS / series.step_days))
    size = 2 * periods
    seen, values, squares = (np.fft.rfft(a, size) for a in (known.astype(float), z, z**2))

    def along(first: NDArray, second: NDArray) -> NDArray[np.float64]:
        return np.fft.irfft(first.conj() * second, size)[:, 1 : most + 1]

    pairs = np.round(along(seen, seen))
    product = along(values, values)
    square = (along(seen, squares) + along(squares, seen)) / 2
    lags = np.arange(1, most + 1)
    # From two dozen periods on, lags are gathered by half months.
    width = max(1, round(_MONTH_DAYS / 2 / series.step_days))
    starts = np.flatnonzero((lags <= 24) | ((lags - 25) % width == 0))
    if not starts.size:
        empty = np.zeros((len(z), 0))
        return LagMoments(np.zeros(0), empty, empty, empty)
    pairs, product, square = (np.add.reduceat(a, starts, axis=1) for a in (pairs, product, square))
    days = np.add.reduceat(lags, starts) / np.diff([*starts, most]) * series.step_days
    some = np.maximum(pairs, 1)
    return LagMoments(
        days,
        np.where(pairs > 0, product / some, 0),
        np.where(pairs > 0, square / some, 0),
        pairs / (pairs + _HALF_PAIRS),
    )


def correlation_by_lag(
    moments: LagMoments, counts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the correlation by lag and the weight of each lag; a lag of few towers weighs 0.

    Args:
        moments: Products by tower.
        counts: How often each tower counts (towers,).
    """
    weight = counts[:, None] * moments.weight
    towers = weight.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (weight * moments.product).sum(0) / (weight * moments.variance).sum(0)
    enough = (towers >= _LEAST_SHARE * towers.max(initial=0)) & np.isfinite(found)
    return np.where(enough, found, 0), np.where(enough, towers, 0)


def fit_in_time(
    days: NDArray[np.float64],
    correlation: NDArray[np.float64],
    weight: NDArray[np.float64],
    *,
    seasonal: bool = True,
) -> InTime:
    """Fit a constant, a yearly cosine and an exponential, with shares that are not negative.

    The sum is positive semidefinite, as each of its terms is.

    Args:
        days: Lags (lags,).
        correlation: Correlation at the lags.
        weight: Weight of the lags; lags of weight 0 are left out.
        seasonal: Whether to fit the cosine, which also takes lags of a year or more.

    Returns:
        The shares. Without any lag, errors are taken to persist.
    """
    from scipy.optimize import nnls

    used = weight > 0
    if not used.any():
        return InTime(1.0, 0.0, 0.0, _MONTH_DAYS)
    lag, target, root = days[used], correlation[used], np.sqrt(weight[used])
    seasonal = seasonal and lag.max() >= 0.98 * YEAR_DAYS
    cosine = np.cos(2 * np.pi * lag / YEAR_DAYS) * seasonal
    white = np.zeros_like(lag)
    # Shares add up to 1: a row that outweighs all others.
    heavy = 1e3 * root.sum()
    right = np.append(root * target, heavy)
    best: tuple[float, InTime] | None = None
    shortest = min(lag.min() / 2, _DECAYS[-1])
    for decay in (d for d in _DECAYS if d >= shortest):
        columns = np.stack([np.ones_like(lag), cosine, np.exp(-lag / decay), white], axis=1)
        left = np.vstack([root[:, None] * columns, heavy * np.array([1, seasonal, 1, 1])])
        shares, miss = nnls(left, right)
        if best is None or miss < best[0]:
            constant, cosines, fading = (float(s) for s in shares[:3])
            best = miss, InTime(constant, cosines, fading, float(decay))
    assert best is not None
    return best[1]


def pair_moments(series: ErrorSeries) -> PairMoments:
    """Compute the products of the errors of pairs of towers.

    Where folds are known, neighbours form pairs only if they were held out together: a model that
    has seen the one has already taken out what the two share.
    """
    known = np.isfinite(series.z)
    z = np.where(known, series.z, 0)
    first, second = np.triu_indices(len(z), 1)
    placed = np.isfinite(series.places.sum(axis=1))
    km = _pair_distances(series.places, first, second)
    usable = [placed[first], placed[second]]
    fold = series.folds[first]
    together = (fold == series.folds[second]) & (fold >= 0)
    if together.any():
        usable.append(together | (km > _NEAR_KM))
    year = max(1, round(YEAR_DAYS / series.step_days))

    def products(lag: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        early, late = slice(0, max(z.shape[1] - lag, 0)), slice(lag, None)
        count = known[:, early].astype(float) @ known[:, late].T.astype(float)
        total = z[:, early] @ z[:, late].T
        return (count + count.T)[first, second], (total + total.T)[first, second]

    pairs, now = products(0)
    pairs, now = pairs / 2, now / 2
    once, twice = products(year), products(2 * year)
    apart, years = once[0] + twice[0], once[1] + twice[1]
    chosen = np.flatnonzero(np.logical_and.reduce([*usable, pairs > 0]))
    first, second = first[chosen], second[chosen]
    km, pairs, now, apart, years = (a[chosen] for a in (km, pairs, now, apart, years))
    squares = (z**2).sum(1) / known.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return PairMoments(
            first,
            second,
            km,
            np.searchsorted(_EDGES_KM, km, side="right") - 1,
            now / pairs,
            np.where(apart > 0, years / apart, np.nan),
            pairs / (pairs + _HALF_PAIRS),
            float(squares.mean()),
        )


def _pair_distances(
    places: NDArray[np.float64], first: NDArray[np.intp], second: NDArray[np.intp]
) -> NDArray[np.float64]:
    return distances_km(np.nan_to_num(places), np.nan_to_num(places))[first, second]


def correlation_by_distance(
    moments: PairMoments, counts: NDArray[np.float64], level: float
) -> NDArray[np.float64]:
    """Return bins of distance: km, correlation of the level, of the passing part, weight (4, bins).

    A tower with n neighbours in a bin weighs as the root of n and not as n, so that clusters of
    towers do not decide.

    Args:
        moments: Products by pair.
        counts: How often each tower counts (towers,).
        level: Share of the variance that is of the level.
    """
    bins = len(_EDGES_KM) - 1
    towers = len(counts)
    counted = counts[moments.first] * counts[moments.second]
    neighbours = np.zeros((towers, bins))
    np.add.at(neighbours, (moments.first, moments.bin), counted > 0)
    np.add.at(neighbours, (moments.second, moments.bin), counted > 0)
    crowd = neighbours[moments.first, moments.bin] * neighbours[moments.second, moments.bin]
    weight = counted * moments.weight / np.maximum(crowd, 1) ** 0.25

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        known = np.isfinite(values)
        total = np.bincount(moments.bin, np.where(known, weight * np.nan_to_num(values), 0), bins)
        with np.errstate(invalid="ignore", divide="ignore"):
            return total / np.bincount(moments.bin, weight * known, bins)

    now, years = mean(moments.now) / moments.variance, mean(moments.years) / moments.variance
    if not np.isfinite(years).any():  # records of less than a year do not tell the parts apart
        both = now
        return np.stack([mean(moments.km), both, both, np.bincount(moments.bin, weight, bins)])
    years = np.nan_to_num(years)
    zero = np.zeros(bins)
    of_level = years / level if level >= _LEAST_PART else zero
    passing = (now - years) / (1 - level) if level <= 1 - _LEAST_PART else zero
    return np.stack([mean(moments.km), of_level, passing, np.bincount(moments.bin, weight, bins)])


def fit_in_space(binned: NDArray[np.float64]) -> InSpace:
    """Fit share * exp(-distance / range) to the level and to the passing part.

    Args:
        binned: From :func:`correlation_by_distance`.
    """
    km, of_level, passing, weight = binned[:, binned[3] > 0]
    return InSpace(*_exponential(km, of_level, weight), *_exponential(km, passing, weight))


def _exponential(
    km: NDArray[np.float64], correlation: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, float]:
    shapes = np.exp(-km / _RANGES[:, None])
    fit = (weight * correlation * shapes).sum(1) / (weight * shapes**2).sum(1).clip(min=1e-12)
    share = fit.clip(0, 1)
    miss = (weight * (correlation - share[:, None] * shapes) ** 2).sum(1)
    best = int(miss.argmin())
    if share[best] == 0:
        return 0.0, _NO_RANGE
    return float(share[best]), float(_RANGES[best])


def effective_towers(places: NDArray[np.float64], shared: float, range_km: float) -> float:
    """Return the number of independent towers that tell as much of the level as these.

    Args:
        places: Points on the unit sphere (towers, 3); towers of unknown place count in full.
        shared: Share of the level that neighbours have in common.
        range_km: Its range.
    """
    n = len(places)
    if not n:
        return 0.0
    unknown = ~np.isfinite(places).all(axis=1)
    near = shared * np.exp(-distances_km(np.nan_to_num(places), np.nan_to_num(places)) / range_km)
    near[unknown] = near[:, unknown] = 0
    np.fill_diagonal(near, 1)
    return float(n**2 / near.sum())
