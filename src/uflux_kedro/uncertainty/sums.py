"""Intervals of sums: errors of months and places partly cancel, and partly do not.

The correlation of held-out errors is estimated once for each flux. The interval of a tower's
annual sum follows from its months' spreads and the correlation in time; its multiplier is
calibrated on annual sums of held-out towers. Sums over zones of a map use the same correlation, see
:mod:`uflux_kedro.statistics.error_sums`.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.errors import InputError
from uflux_kedro.statistics.correlated import SumErrors, sum_variance
from uflux_kedro.uncertainty.correlation import (
    ErrorSeries,
    InSpace,
    InTime,
    LagMoments,
    PairMoments,
    correlation_by_distance,
    correlation_by_lag,
    effective_towers,
    error_series,
    fit_in_space,
    fit_in_time,
    lag_moments,
    pair_moments,
)
from uflux_kedro.uncertainty.intervals import finite_quantile, group_quantile, tower_weights
from uflux_kedro.validation.bootstrap import site_draws
from uflux_kedro.validation.folds import site_k_fold
from uflux_kedro.validation.steps import usual_step

__all__ = ["SumErrors", "annual_sums", "fit_sum_errors"]

_COLUMNS = ("site_id", "time", "truth", "centre", "sigma")
_RESAMPLES = 20
"""Resamples of a fold, which only say whether errors have a seasonal part."""
_BAND = (0.05, 0.95)


class _Year(NamedTuple):
    site: str
    year: int
    days: NDArray[np.float64]
    """Starts of the periods, days since 1970."""
    length: NDArray[np.float64]
    rows: NDArray[np.intp]


class _Moments(NamedTuple):
    series: ErrorSeries
    lags: LagMoments
    pairs: PairMoments


def fit_sum_errors(
    rows: pd.DataFrame,
    *,
    level: float = 0.9,
    n_splits: int = 5,
    seed: int = 42,
    resamples: int = 100,
) -> SumErrors:
    """Estimate how held-out errors go together, and calibrate the intervals of annual sums.

    Args:
        rows: Held-out rows after calibration: ``site_id``, ``time``, ``truth``, ``centre`` and
            ``sigma``; optionally ``lower`` and ``upper``, ``IGBP`` (code), ``latitude`` and
            ``longitude``, and ``fold``, in which the tower was held out. Rows in which one of the
            former is missing, or sigma is not positive, are left out.
        level: Probability inside the intervals.
        n_splits: Folds of towers: an annual sum is scored with the correlation of other towers.
        seed: Seed of folds and resamples.
        resamples: Resamples of towers for the bands.

    Returns:
        The correlation and its multipliers. The seasonal part is kept only if the band is above
        zero. With one tower nothing is known of other places: its level counts as common to all.
        Without lags (no two periods of a tower) errors are taken to persist. Without complete
        years, or with too few towers for the level, multipliers are those of a normal
        distribution, or the largest score if that is higher.

    Raises:
        InputError: If a column is missing, or there is no row.
    """
    rows = _usable(rows)
    moments = _moments(rows)
    towers = len(moments.series.sites)
    counts = np.ones(towers)
    draws = site_draws(towers, resamples, seed)
    resampled = [_time(moments.lags, draw) for draw in draws]
    seasonal = not resampled or _band([t.seasonal for t in resampled])[0] > 0
    if not seasonal:
        resampled = [_time(moments.lags, draw, seasonal=False) for draw in draws]
    in_time = _time(moments.lags, counts, seasonal=seasonal)
    in_space = _space(moments.pairs, counts, in_time)

    z2 = ((rows["truth"] - rows["centre"]) / rows["sigma"]).to_numpy() ** 2
    weights = tower_weights(rows["site_id"])
    scale = float(np.sqrt(weights @ z2)) or 1.0
    normal = NormalDist().inv_cdf((1 + level) / 2)
    years = _years(rows)
    scores, sites = _cross_scores(rows, years, moments, seasonal, scale, n_splits, seed)
    multiplier = _multiplier(scores, sites, level, normal)
    return SumErrors(
        **in_time._asdict(),
        **in_space._asdict(),
        towers=effective_towers(
            moments.series.places, in_space.level_shared, in_space.level_range_km
        ),
        class_towers=_class_towers(rows, moments.series, in_space),
        scale=scale,
        row_multiplier=_row_multiplier(rows, weights, level),
        tower_multiplier=multiplier,
        zone_multiplier=max(multiplier, normal),
        level=level,
        details={
            "towers": towers,
            "towers_with_annual_sums": len(set(sites)),
            "annual_sums": len(years),
            "bands": _bands(moments.pairs, draws, resampled),
            "by_lag": _by_lag(moments.lags, counts),
            "by_distance": _by_distance(moments.pairs, counts, in_time),
        },
    )


def annual_sums(rows: pd.DataFrame, errors: SumErrors) -> pd.DataFrame:
    """Return the sums of complete years at towers, with their intervals.

    Args:
        rows: As in :func:`fit_sum_errors`; towers that the errors were not fitted on.
        errors: Correlation and multipliers.

    Returns:
        One row per tower and year in which every period is present: ``site_id``, ``year``,
        ``truth``, ``centre``, ``standard_error``, ``lower`` and ``upper``, and
        ``lower_independent``, ``upper_independent``, ``lower_dependent``, ``upper_dependent``,
        which would hold if the errors of periods were independent, or all the same. In the
        unit of the flux times days.
    """
    rows = _usable(rows)
    years = _years(rows)
    truth, centre, sigma = (rows[c].to_numpy(float) for c in ("truth", "centre", "sigma"))
    half = _half_widths(rows, errors.row_multiplier)
    found = []
    for one in years:
        r, w = one.rows, one.length
        middle = float(centre[r] @ w)
        error = float(np.sqrt(sum_variance(errors, one.days, sigma[r] * w)))
        widths = {
            "": (errors.tower_multiplier * error,) * 2,
            "_independent": tuple(np.sqrt((half[:, r] ** 2) @ w**2)),
            "_dependent": tuple(half[:, r] @ w),
        }
        bounds: dict[str, float] = {}
        for kind, (below, above) in widths.items():
            bounds |= {f"lower{kind}": middle - below, f"upper{kind}": middle + above}
        found.append(
            {
                "site_id": one.site,
                "year": one.year,
                "truth": float(truth[r] @ w),
                "centre": middle,
                "standard_error": error,
                **bounds,
            }
        )
    kinds = [f"{side}{kind}" for kind in ("", "_independent", "_dependent") for side in ("lower", "upper")]  # fmt: skip
    columns = ["site_id", "year", "truth", "centre", "standard_error", *kinds]
    return pd.DataFrame(found, columns=columns)


def held_out_sums(
    rows: pd.DataFrame, *, level: float = 0.9, n_splits: int = 5, seed: int = 42
) -> pd.DataFrame:
    """Return the annual sums of all towers, each with what was fitted on other folds' towers.

    Args:
        rows: As in :func:`fit_sum_errors`.
        level: Probability inside the intervals.
        n_splits: Folds of towers, at most one for each tower.
        seed: Seed of folds and resamples.

    Returns:
        The table of :func:`annual_sums`; without a row where there is a single tower.

    Raises:
        InputError: As for :func:`fit_sum_errors`.
    """
    rows = _usable(rows)
    sites = rows["site_id"].to_numpy().astype(str)
    splits = min(n_splits, len(np.unique(sites)))
    found = []
    for fold in site_k_fold(sites, splits, seed) if splits > 1 else ():
        errors = fit_sum_errors(
            rows.iloc[fold.train], level=level, n_splits=n_splits, seed=seed, resamples=_RESAMPLES
        )
        found.append(annual_sums(rows.iloc[fold.test], errors))
    if not found:
        return annual_sums(rows, fit_sum_errors(rows, level=level, resamples=0)).head(0)
    return pd.concat(found, ignore_index=True).sort_values(["site_id", "year"], ignore_index=True)


def _usable(rows: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in _COLUMNS if name not in rows]
    if missing:
        raise InputError(
            "held-out rows",
            ", ".join(missing),
            expected=f"the columns {', '.join(_COLUMNS)}",
            found=f"the columns {', '.join(map(str, rows.columns))}",
        )
    finite = np.isfinite(rows[list(_COLUMNS[2:])].to_numpy(float)).all(axis=1)
    kept = rows[finite & (rows["sigma"] > 0).to_numpy()].reset_index(drop=True)
    if kept.empty:
        raise InputError(
            "held-out rows", "sigma", expected="rows with truth, centre and spread", found="none"
        )
    return kept


def _moments(rows: pd.DataFrame) -> _Moments:
    series = error_series(rows)
    return _Moments(series, lag_moments(series), pair_moments(series))


def _time(moments: LagMoments, counts: NDArray[np.float64], *, seasonal: bool = True) -> InTime:
    correlation, weight = correlation_by_lag(moments, counts)
    return fit_in_time(moments.days, correlation, weight, seasonal=seasonal)


def _space(moments: PairMoments, counts: NDArray[np.float64], in_time: InTime) -> InSpace:
    level = in_time.persistent + in_time.seasonal
    return fit_in_space(correlation_by_distance(moments, counts, level))


def _bands(
    pairs: PairMoments, draws: NDArray[np.float64], resampled: Sequence[InTime]
) -> dict[str, list[float]]:
    """Return the band of each parameter over resamples of towers."""
    found: list[dict[str, float]] = [
        {**in_time._asdict(), **_space(pairs, draw, in_time)._asdict()}
        for draw, in_time in zip(draws, resampled, strict=True)
    ]
    names = found[0] if found else ()
    return {name: list(_band([one[name] for one in found])) for name in names}


def _band(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.quantile(values, _BAND)
    return float(low), float(high)


def _row_multiplier(rows: pd.DataFrame, weights: NDArray[np.float64], level: float) -> float:
    """Return the half-width of a row's interval over its spread: the mean over towers."""
    if {"lower", "upper"} <= set(rows):
        ratio = ((rows["upper"] - rows["lower"]) / 2 / rows["sigma"]).to_numpy(float)
        known = np.isfinite(ratio)
        if known.any():
            return float(weights[known] @ ratio[known] / weights[known].sum())
    scores = ((rows["truth"] - rows["centre"]).abs() / rows["sigma"]).to_numpy(float)
    return finite_quantile(scores, rows["site_id"], level)


def _half_widths(rows: pd.DataFrame, multiplier: float) -> NDArray[np.float64]:
    """Return half-widths below and above (2, n) of the rows' own intervals."""
    if {"lower", "upper"} <= set(rows):
        sides = (rows["centre"] - rows["lower"], rows["upper"] - rows["centre"])
        return np.stack([side.to_numpy(float).clip(min=0) for side in sides])
    return np.stack([multiplier * rows["sigma"].to_numpy(float)] * 2)


def _class_towers(rows: pd.DataFrame, series: ErrorSeries, in_space: InSpace) -> dict[int, float]:
    """Return the effective number of towers by class; a tower belongs to its most frequent one."""
    if "IGBP" not in rows:
        return {}
    known = rows[["site_id", "IGBP"]].dropna()
    own = known.groupby(known["site_id"].astype(str))["IGBP"].agg(lambda c: c.mode().iloc[0])
    classes = own.reindex(series.sites).to_numpy(float)
    return {
        int(code): effective_towers(
            series.places[classes == code], in_space.level_shared, in_space.level_range_km
        )
        for code in np.unique(classes[np.isfinite(classes)])
    }


def _years(rows: pd.DataFrame) -> list[_Year]:
    """Return the complete years of towers."""
    step = usual_step(rows)
    if not np.isfinite(step):
        return []
    time = pd.DatetimeIndex(rows["time"])
    days = ((time - pd.Timestamp("1970-01-01")) / pd.Timedelta("1D")).to_numpy(float)
    monthly = 28 <= step <= 31
    length = time.days_in_month.to_numpy(float) if monthly else np.full(len(rows), step)
    needed = 12 if monthly else int(365 / step)
    groups = rows.groupby([rows["site_id"].astype(str), time.year.rename("year")], sort=True)
    found = []
    for (site, year), place in groups.indices.items():
        order = place[np.argsort(days[place])]
        if len(np.unique(days[order])) == len(order) and len(order) >= needed:
            found.append(_Year(str(site), int(year), days[order], length[order], order))
    return found


def _cross_scores(
    rows: pd.DataFrame,
    years: Sequence[_Year],
    moments: _Moments,
    seasonal: bool,
    scale: float,
    n_splits: int,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray]:
    """Return error over standard error of annual sums, and their towers.

    The correlation in time comes from the towers of other folds.
    """
    sites = np.array([one.site for one in years], dtype=str)
    scores = np.zeros(len(years))
    if not years:
        return scores, sites
    names = moments.series.sites
    splits = min(n_splits, len(names))
    folds = (
        [fold.test for fold in site_k_fold(names, splits, seed)]
        if splits > 1
        else [np.arange(len(names))]
    )
    error, sigma = (rows["truth"] - rows["centre"]).to_numpy(float), rows["sigma"].to_numpy(float)
    for tested in folds:
        counts = np.ones(len(names))
        if splits > 1:
            counts[tested] = 0
        in_time = _time(moments.lags, counts, seasonal=seasonal)
        correlation = SumErrors(**in_time._asdict(), scale=scale)
        inside = np.isin(sites, names[tested])
        for number, one in enumerate(years):
            if inside[number]:
                r, w = one.rows, one.length
                spread = np.sqrt(sum_variance(correlation, one.days, sigma[r] * w))
                scores[number] = abs(error[r] @ w) / spread
    return scores, sites


def _multiplier(scores: NDArray[np.float64], sites: NDArray, level: float, normal: float) -> float:
    if not len(scores):
        return normal
    threshold = group_quantile(scores, sites, level)
    return threshold if np.isfinite(threshold) else max(normal, float(scores.max()))


def _by_lag(moments: LagMoments, counts: NDArray[np.float64]) -> list[dict[str, float]]:
    correlation, weight = correlation_by_lag(moments, counts)
    return [
        {"days": float(d), "correlation": float(c), "towers": float(w)}
        for d, c, w in zip(moments.days, correlation, weight, strict=True)
        if w > 0
    ]


def _by_distance(
    moments: PairMoments, counts: NDArray[np.float64], in_time: InTime
) -> list[dict[str, float]]:
    level = in_time.persistent + in_time.seasonal
    pairs = np.bincount(moments.bin, minlength=1)
    return [
        {"km": float(km), "level": float(a), "passing": float(b), "pairs": int(pairs[number])}
        for number, (km, a, b, w) in enumerate(correlation_by_distance(moments, counts, level).T)
        if w > 0
    ]
