"""Metrics of predictions against truth.

Every metric is a function of ten sums over rows (:class:`PairSums`), so one definition serves a
set of rows, every site, and thousands of resamples of sites.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]

LEAST_MEAN = 0.5
"""Standard deviations of the truth that its mean must be from 0 for the ratio of means to count."""

LEAST_SCORED = 10
"""Towers, and rows, of which a score is of chance: one of fewer is shown without colour."""

_SUMS = ("n", "t", "p", "tt", "pp", "tp", "e", "ee", "abs_e", "abs_t")


@dataclass(frozen=True)
class PairSums:
    """Sums over pairs of truth and prediction, each of shape (groups,).

    Attributes:
        shift_truth: Subtracted from truth before squaring. As it is near the mean, it keeps the
            digits that a difference of large sums would lose.
        shift_prediction: The same for the prediction.
        n: Number of rows.
        t: Truth after the shift.
        p: Prediction after the shift.
        tt: Squares of ``t``.
        pp: Squares of ``p``.
        tp: Products of ``t`` and ``p``.
        e: Error, prediction minus truth.
        ee: Squares of ``e``.
        abs_e: Absolute error.
        abs_t: Absolute truth, without the shift.
    """

    shift_truth: float
    shift_prediction: float
    n: Floats
    t: Floats
    p: Floats
    tt: Floats
    pp: Floats
    tp: Floats
    e: Floats
    ee: Floats
    abs_e: Floats
    abs_t: Floats

    @classmethod
    def of(
        cls, truth: ArrayLike, prediction: ArrayLike, groups: NDArray[np.intp] | None = None
    ) -> PairSums:
        """Sum pairs of truth and prediction by group.

        Args:
            truth: Shape (n,).
            prediction: Shape (n,), same unit.
            groups: Group of each row, 0 to G-1, shape (n,); None for one group.
        """
        truth = np.asarray(truth, dtype=float)
        prediction = np.asarray(prediction, dtype=float)
        if groups is None:
            groups = np.zeros(truth.size, dtype=np.intp)
        n_groups = int(groups.max(initial=0)) + 1
        shift = (float(truth.mean()), float(prediction.mean())) if truth.size else (0.0, 0.0)
        t, p, e = truth - shift[0], prediction - shift[1], prediction - truth
        rows = (np.ones_like(t), t, p, t * t, p * p, t * p, e, e * e, abs(e), abs(truth))
        sums = [np.bincount(groups, weights=r, minlength=n_groups).astype(float) for r in rows]
        return cls(*shift, *sums)

    def weighted(self, weights: Floats) -> PairSums:
        """Return weighted sums over groups, for weights of shape (combinations, groups)."""
        return replace(self, **{name: weights @ getattr(self, name) for name in _SUMS})

    @cached_property
    def mean_truth(self) -> Floats:
        """Mean truth."""
        return self.shift_truth + self.t / self.n

    @cached_property
    def mean_prediction(self) -> Floats:
        """Mean prediction."""
        return self.shift_prediction + self.p / self.n

    @cached_property
    def spread_truth(self) -> Floats:
        """Sum of squares of the truth about its mean; NaN if it is constant."""
        return _about_mean(self.tt, self.t, self.n)

    @cached_property
    def spread_prediction(self) -> Floats:
        """Sum of squares of the prediction about its mean; 0 if it is constant."""
        return np.nan_to_num(_about_mean(self.pp, self.p, self.n))

    @cached_property
    def spread_both(self) -> Floats:
        """Sum of products of truth and prediction about their means."""
        return self.tp - self.t * self.p / self.n


def _about_mean(squares: Floats, total: Floats, n: Floats) -> Floats:
    spread = squares - total**2 / n
    # Rounding leaves a small rest for a constant, which is no spread.
    return np.where(spread > 1e-13 * squares, spread, np.nan)


def pearson(s: PairSums) -> Floats:
    """Return Pearson's correlation."""
    r = s.spread_both / np.sqrt(s.spread_truth * s.spread_prediction)
    return np.where(s.spread_prediction > 0, np.clip(r, -1, 1), np.nan)


def r2(s: PairSums) -> Floats:
    """Return the square of Pearson's correlation."""
    return pearson(s) ** 2


def nse(s: PairSums) -> Floats:
    """Return the efficiency of Nash and Sutcliffe (1970), doi 10.1016/0022-1694(70)90255-6."""
    return 1 - s.ee / s.spread_truth


def rmse(s: PairSums) -> Floats:
    """Return the root mean squared error."""
    return np.sqrt(s.ee / s.n)


def mae(s: PairSums) -> Floats:
    """Return the mean absolute error."""
    return s.abs_e / s.n


def mbe(s: PairSums) -> Floats:
    """Return the mean bias error, prediction minus truth."""
    return s.e / s.n


def mrae(s: PairSums) -> Floats:
    """Return the mean absolute error as a fraction of the mean absolute truth."""
    return s.abs_e / s.abs_t


def slope(s: PairSums) -> Floats:
    """Return the slope of the least-squares line of prediction on truth."""
    return s.spread_both / s.spread_truth


def intercept(s: PairSums) -> Floats:
    """Return the intercept of the least-squares line of prediction on truth."""
    return s.mean_prediction - slope(s) * s.mean_truth


def kge(s: PairSums) -> Floats:
    """Return the Kling-Gupta efficiency, Gupta et al. (2009), doi 10.1016/j.jhydrol.2009.08.003.

    It holds the ratio of means, which says nothing if the mean truth is near 0, as that of NEE, of
    anomalies or of trends: NaN where it is less than :data:`LEAST_MEAN` standard deviations of the
    truth.
    """
    variability = np.sqrt(s.spread_prediction / s.spread_truth)
    known = abs(s.mean_truth) >= LEAST_MEAN * np.sqrt(s.spread_truth / s.n)
    bias = np.where(known, s.mean_prediction / s.mean_truth, np.nan)
    return 1 - np.sqrt((pearson(s) - 1) ** 2 + (variability - 1) ** 2 + (bias - 1) ** 2)


def ccc(s: PairSums) -> Floats:
    """Return the concordance correlation coefficient of Lin (1989), doi 10.2307/2532051."""
    bias = s.n * (s.mean_prediction - s.mean_truth) ** 2
    return 2 * s.spread_both / (s.spread_truth + s.spread_prediction + bias)


def std_err(s: PairSums) -> Floats:
    """Return the standard error of the slope; NaN for fewer than three rows."""
    unexplained = s.spread_prediction - slope(s) * s.spread_both
    freedom = np.where(s.n > 2, s.n - 2, np.nan)
    return np.sqrt(np.maximum(unexplained, 0) / freedom / s.spread_truth)


def p_value(s: PairSums) -> Floats:
    """Return the two-sided p-value of slope 0, by Student's t; NaN for fewer than three rows."""
    r = pearson(s)
    freedom = np.where(s.n > 2, s.n - 2, np.nan)
    t = abs(r) * np.sqrt(freedom / (1 - r**2))
    return 2 * special.stdtr(freedom, -t)


METRICS: Mapping[str, Callable[[PairSums], Floats]] = {
    "r2": r2, "NSE": nse, "RMSE": rmse, "MAE": mae, "MBE": mbe, "MRAE": mrae,
    "slope": slope, "intercept": intercept, "KGE": kge, "CCC": ccc,
}  # fmt: skip
"""Metrics of the leaderboard, by their names in it."""

SITE_SUMMARIES = ("NSE_median", "NSE_p10", "RMSE_median", "RMSE_p90")
"""Scores over sites: the median, and what nine sites in ten surpass."""

LEADERBOARD_COLUMNS = (
    "predictor_set", "flux", "model", "scheme", "sites", "n", *METRICS, *SITE_SUMMARIES,
)  # fmt: skip

_SITE_METRICS: Mapping[str, Callable[[PairSums], Floats]] = {
    **METRICS,
    "p_value": p_value,
    "std_err": std_err,
    "mean": lambda s: s.mean_truth,
}


def evaluate(
    sums: PairSums, metrics: Mapping[str, Callable[[PairSums], Floats]] = METRICS
) -> dict[str, Floats]:
    """Compute metrics of every group, NaN if not defined.

    Args:
        sums: Sums of G groups.
        metrics: Name -> function of the sums.

    Returns:
        Name -> values, each of shape (G,).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: metric(sums) for name, metric in metrics.items()}


def score(truth: ArrayLike, prediction: ArrayLike) -> dict[str, float]:
    """Compute every metric of one set of rows.

    Args:
        truth: Measured flux, shape (n,).
        prediction: Predicted flux, shape (n,), same unit.

    Returns:
        ``n``, the metrics of the leaderboard, and ``p_value``, ``std_err`` (of the slope) and
        ``mean`` (of the truth). A metric that is not defined, such as the correlation of one row
        or the NSE of a constant truth, is NaN.
    """
    sums = PairSums.of(truth, prediction)
    values = evaluate(sums, _SITE_METRICS)
    return {"n": int(sums.n[0]), **{name: float(value[0]) for name, value in values.items()}}


def pooled(predictions: pd.DataFrame) -> dict[str, float]:
    """Return the number of ``sites`` and the :func:`score` of all held-out predictions."""
    return {
        "sites": int(predictions["site_id"].nunique()),
        **score(predictions["truth"], predictions["prediction"]),
    }


def score_by_site(predictions: pd.DataFrame) -> pd.DataFrame:
    """Compute every metric of every site.

    Args:
        predictions: Held-out rows with ``site_id``, ``truth`` and ``prediction``.

    Returns:
        One row for each site, ordered by ``site_id``: ``site_id`` and the values of :func:`score`.
    """
    sites, names = pd.factorize(predictions["site_id"], sort=True)
    if not len(names):
        return pd.DataFrame(columns=["site_id", "n", *_SITE_METRICS])
    sums = PairSums.of(predictions["truth"], predictions["prediction"], sites)
    return pd.DataFrame(
        {"site_id": names, "n": sums.n.astype(int), **evaluate(sums, _SITE_METRICS)}
    )
