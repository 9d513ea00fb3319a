"""Confidence intervals of pooled metrics and paired comparisons, by a bootstrap over sites.

Rows of one site depend on each other while sites hardly do, so sites are resampled. A resample
is a weighting of the sites' sums, so thousands of resamples are one matrix product.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.errors import InputError
from uflux_kedro.validation.metrics import METRICS, PairSums, evaluate

_KEY = ["site_id", "time"]


def confidence_intervals(
    predictions: pd.DataFrame, *, n_resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Compute percentile intervals of the pooled metrics over resampled sites.

    Args:
        predictions: Held-out rows with ``site_id``, ``truth`` and ``prediction``.
        n_resamples: Number of resamples; each draws as many sites as there are, with replacement.
        level: Probability inside the interval.
        seed: Seed of the resampling.

    Returns:
        Indexed by ``metric``: ``value``, ``low``, ``high``. With fewer than two sites the interval
        is NaN, since one site says nothing about others.
    """
    sites, _ = pd.factorize(predictions["site_id"], sort=True)
    sums = PairSums.of(predictions["truth"], predictions["prediction"], sites)
    values, resampled = _values_and_resamples(sums, n_resamples, seed)
    table = {name: (values[name], *percentile_interval(resampled[name], level)) for name in METRICS}
    return _table(table, ["value", "low", "high"])


def compare_members(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare two members of one flux in pairs, on the rows that both predicted.

    Both are scored on the same resamples of sites, so errors that they share cancel.

    Args:
        first: Held-out predictions of one member, with ``site_id``, ``time``, ``truth``,
            ``prediction``.
        second: Those of another member.
        n_resamples: Number of resamples.
        level: Probability inside the interval.
        seed: Seed of the resampling.

    Returns:
        Indexed by ``metric``: ``first``, ``second``, ``difference`` (second minus first), its
        interval ``low`` to ``high``, its two-sided ``p_value``, and the numbers of common
        ``sites`` and rows ``n``.

    Raises:
        InputError: If the two have no row in common, or their truths differ.
    """
    both = first.merge(second, on=_KEY, suffixes=("_first", "_second"), validate="one_to_one")
    truth = both["truth_first"].to_numpy()
    if both.empty or not np.allclose(truth, both["truth_second"], equal_nan=True):
        raise InputError(
            "held-out predictions",
            "truth",
            expected="two members of one flux, scored on the same sites and times",
            found="no row in common" if both.empty else "different truths for the same rows",
        )
    sites, names = pd.factorize(both["site_id"], sort=True)
    a, a_resampled = _values_and_resamples(
        PairSums.of(truth, both["prediction_first"], sites), n_resamples, seed
    )
    b, b_resampled = _values_and_resamples(
        PairSums.of(truth, both["prediction_second"], sites), n_resamples, seed
    )
    table = {}
    for name in METRICS:
        differences = b_resampled[name] - a_resampled[name]
        low, high = percentile_interval(differences, level)
        p = _p_value(differences)
        table[name] = (a[name], b[name], b[name] - a[name], low, high, p, len(names), len(both))
    return _table(table, ["first", "second", "difference", "low", "high", "p_value", "sites", "n"])


def site_draws(n_sites: int, n_resamples: int, seed: int) -> NDArray[np.float64]:
    """Return how often each resample draws each site, shape (resamples, sites).

    Of fewer than two sites there is no resample, since one says nothing about others.
    """
    if n_sites < 2:
        return np.empty((0, n_sites))
    share = np.full(n_sites, 1 / n_sites)
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_sites, share, size=n_resamples).astype(float)


def _values_and_resamples(
    sums: PairSums, n_resamples: int, seed: int
) -> tuple[dict[str, float], dict[str, NDArray[np.float64]]]:
    """Return the metrics over all sites, and over each resample (none if there is one site)."""
    n_sites = len(sums.n)
    draws = site_draws(n_sites, n_resamples, seed)
    values = evaluate(sums.weighted(np.ones((1, n_sites))))
    resampled = evaluate(sums.weighted(draws))
    return {name: float(value[0]) for name, value in values.items()}, resampled


def percentile_interval(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    """Return the interval of the given probability of resampled values, NaN if none is known."""
    known = values[~np.isnan(values)]
    if not known.size:
        return np.nan, np.nan
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _p_value(difference: NDArray[np.float64]) -> float:
    """Return twice the share of resamples on the rarer side of 0, at least 2 / (resamples + 1)."""
    known = difference[~np.isnan(difference)]
    if not known.size:
        return np.nan
    rarer = min(np.sum(known <= 0), np.sum(known >= 0))
    return float(min(1.0, 2 * (rarer + 1) / (known.size + 1)))


def _table(rows: dict[str, tuple], columns: list[str]) -> pd.DataFrame:
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return table.rename_axis("metric")
