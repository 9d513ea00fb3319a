"""Scores of prediction intervals: coverage, width and the interval score, by tower and by class.

Every tower counts the same, however long its record: its rows are averaged first. Confidence
intervals resample towers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from uflux_kedro.validation.bootstrap import site_draws

SCORES = ("coverage", "width", "interval_score")


def interval_score(
    truth: ArrayLike, lower: ArrayLike, upper: ArrayLike, level: float
) -> NDArray[np.float64]:
    """Compute the interval score of Gneiting and Raftery (2007), doi 10.1198/016214506000001437.

    It is the width (u - l), plus 2 / (1 - level) times the distance of a value outside to the nearer
    bound, which is least on average for the central interval of the true distribution.

    Args:
        truth: Measured values y, shape (n,).
        lower: Lower bounds l, shape (n,).
        upper: Upper bounds u, shape (n,).
        level: Nominal share of values inside.

    Returns:
        Shape (n,), in the unit of the truth; lower is better.
    """
    y, low, high = (np.asarray(values, dtype=float) for values in (truth, lower, upper))
    outside = np.maximum(low - y, 0) + np.maximum(y - high, 0)
    return high - low + 2 / (1 - level) * outside


def score_by_tower(rows: pd.DataFrame, level: float) -> pd.DataFrame:
    """Average the scores of each tower's rows.

    Args:
        rows: ``site_id``, ``truth``, ``lower``, ``upper`` and optionally ``IGBP``; rows without a
            truth or a bound are left out.
        level: Nominal share of values inside.

    Returns:
        One row for each tower, ordered by ``site_id``: ``site_id``, ``IGBP`` if given, ``n``,
        ``coverage`` (share of values inside), ``width`` and ``interval_score``.
    """
    known = rows.dropna(subset=["truth", "lower", "upper"])
    truth, lower, upper = (known[name].to_numpy(float) for name in ("truth", "lower", "upper"))
    table = pd.DataFrame(
        {
            "site_id": known["site_id"].to_numpy(),
            "coverage": (truth >= lower) & (truth <= upper),
            "width": upper - lower,
            "interval_score": interval_score(truth, lower, upper, level),
        }
    )
    by = {"site_id": known["site_id"].to_numpy()}
    if "IGBP" in known:
        table["IGBP"] = known["IGBP"].to_numpy()
    towers = table.groupby(by["site_id"], sort=True)
    means = towers[list(SCORES)].mean()
    means.insert(0, "n", towers.size())
    if "IGBP" in table:
        means.insert(0, "IGBP", towers["IGBP"].first())
    return means.rename_axis("site_id").reset_index()


def score_by_class(towers: pd.DataFrame) -> pd.DataFrame:
    """Average the scores of the towers of each class.

    Args:
        towers: Result of :func:`score_by_tower` with ``IGBP``.

    Returns:
        Indexed by ``IGBP``: the number of ``towers``, and the means of the scores.
    """
    classes = towers.groupby("IGBP", sort=True)
    means = classes[list(SCORES)].mean()
    means.insert(0, "towers", classes["site_id"].size())
    return means


def bootstrap_means(
    towers: pd.DataFrame, *, n_resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Compute percentile intervals of the mean scores by resampling towers.

    Args:
        towers: Result of :func:`score_by_tower`. A tower in several rows, as of several draws, is
            resampled as one.
        n_resamples: Number of resamples; each draws as many towers as there are.
        level: Probability inside the interval.
        seed: Seed of the resampling.

    Returns:
        Indexed by ``score``: ``value``, ``low``, ``high``; the interval is NaN for fewer than two
        towers.
    """
    units = towers.groupby("site_id")[list(SCORES)]
    sums, counts = units.sum().to_numpy(float), units.size().to_numpy(float)
    n = len(counts)
    total = sums.sum(axis=0) / max(counts.sum(), 1) if n else np.full(len(SCORES), np.nan)
    if n > 1:
        draws = site_draws(n, n_resamples, seed)
        means = (draws @ sums) / (draws @ counts)[:, None]
        low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    else:
        low = high = np.full(len(SCORES), np.nan)
    table = {"value": total, "low": low, "high": high}
    return pd.DataFrame(table, index=pd.Index(SCORES, name="score"))
