"""Which measure foretells the error of a prediction best.

Two ways to ask: whether towers, or rows, with a larger measure have larger errors (rank
correlation), and how fast the mean error falls as the rows with the largest measure are taken away
(sparsification; Ilg et al., 2018, doi 10.1007/978-3-030-01234-2_23).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from uflux_kedro.errors import InputError

MEASURES: Mapping[str, int] = {
    "completeness": -1,
    "dissimilarity": 1,
    "density": -1,
    "spread": 1,
    "sigma": 1,
}
"""Column -> 1 if a larger value foretells a larger error, -1 if a smaller value does."""

REMOVED = np.arange(20) / 20
"""Shares of the rows that are taken away."""

_FEWEST_TOWERS = 3
_STATISTICS = ("by_tower", "by_row", "ause")


class _Errors(NamedTuple):
    """Rows with a truth and all measures.

    Attributes:
        error: Absolute errors, (n,).
        tower: Tower of each row, from 0, (n,).
        measures: Measure -> values, larger where the error should be, (n,).
    """

    error: NDArray[np.float64]
    tower: NDArray[np.intp]
    measures: dict[str, NDArray[np.float64]]


def rank_measures(
    rows: pd.DataFrame,
    *,
    n_resamples: int = 500,
    level: float = 0.95,
    seed: int = 0,
    max_rows: int = 100_000,
) -> pd.DataFrame:
    """Compare measures by how well they foretell the absolute error of held-out predictions.

    Args:
        rows: Held-out rows with ``site_id``, ``truth``, ``centre`` (or ``prediction``) and some of
            the columns of :data:`MEASURES`. All measures are compared on the rows that have all;
            columns without values are left out.
        n_resamples: Resamples of towers for the intervals.
        level: Probability inside an interval.
        seed: Seed of the resampling.
        max_rows: Rows to rank; of more, as many are drawn.

    Returns:
        Indexed by ``measure``, with ``towers`` and ``rows`` and, each with its interval ``_low`` to
        ``_high``: ``by_tower`` (Spearman's correlation of towers' means), ``by_row`` (of rows), and
        ``ause`` (area between the sparsification curve and that of the errors themselves, as a
        share of the mean error: 0 is perfect). NaN for fewer than three towers.

    Raises:
        InputError: If there is no measure or no row that has all.
    """
    if len(rows) > max_rows:
        rows = rows.sample(max_rows, random_state=seed).sort_index()
    errors = _errors(rows)
    n_towers = int(errors.tower.max()) + 1
    of_tower = [np.flatnonzero(errors.tower == i) for i in range(n_towers)]
    means = np.array([_means(v, errors.tower) for v in (errors.error, *errors.measures.values())])
    found = _statistics(errors, np.arange(len(errors.error)), means)
    resampled = np.full((n_resamples, *found.shape), np.nan)
    rng = np.random.default_rng(seed)
    if n_towers >= _FEWEST_TOWERS:
        for k in range(n_resamples):
            drawn = rng.integers(0, n_towers, n_towers)
            chosen = np.concatenate([of_tower[i] for i in drawn])
            resampled[k] = _statistics(errors, chosen, means[:, drawn])
    else:
        found[:] = np.nan
    table = pd.DataFrame(index=pd.Index(errors.measures, name="measure"))
    table = table.assign(towers=n_towers, rows=len(errors.error))
    tail = (1 - level) / 2
    for i, name in enumerate(_STATISTICS):
        values = resampled[:, :, i]
        known = ~np.isnan(values).all(axis=0)
        low, high = np.full((2, len(table)), np.nan)
        if known.any():
            low[known], high[known] = np.nanquantile(values[:, known], [tail, 1 - tail], axis=0)
        table[name], table[f"{name}_low"], table[f"{name}_high"] = found[:, i], low, high
    return table


def sparsification(rows: pd.DataFrame) -> pd.DataFrame:
    """Compute how the mean absolute error falls as the most doubtful rows are taken away.

    Args:
        rows: As for :func:`rank_measures`.

    Returns:
        Indexed by ``removed``, the share of rows taken away: the mean absolute error of the rest as
        a fraction of that of all, in a column for each measure and in ``error``, where the rows
        with the largest errors are taken away, which no measure can surpass. Rows with equal
        measures are taken away in random order: the value is its expectation.

    Raises:
        InputError: If there is no measure or no row that has all.
    """
    errors = _errors(rows)
    curves = {"error": _curve(errors.error, errors.error)}
    curves |= {name: _curve(errors.error, values) for name, values in errors.measures.items()}
    return pd.DataFrame(curves, index=pd.Index(REMOVED, name="removed"))


def _errors(rows: pd.DataFrame) -> _Errors:
    centre = "centre" if "centre" in rows else "prediction"
    columns = [name for name in MEASURES if name in rows and rows[name].notna().any()]
    known = rows.dropna(subset=["truth", centre, *columns])
    if not columns or known.empty:
        raise InputError(
            "held-out rows",
            ", ".join(MEASURES),
            expected="one or more of these columns, and rows that have all of them",
            found=f"{len(known)} rows with {', '.join(columns) or 'none'}",
        )
    return _Errors(
        np.abs(known["truth"].to_numpy(float) - known[centre].to_numpy(float)),
        pd.factorize(known["site_id"], sort=True)[0],
        {name: MEASURES[name] * known[name].to_numpy(float) for name in columns},
    )


def _means(values: NDArray[np.float64], tower: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.bincount(tower, weights=values) / np.bincount(tower)


def _statistics(
    errors: _Errors, chosen: NDArray[np.intp], means: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the statistics (measures, 3) of chosen rows.

    Args:
        errors: All rows.
        chosen: The rows of the drawn towers.
        means: Mean error and mean measures of the drawn towers, shape (1 + measures, towers).
    """
    error = errors.error[chosen]
    ranks, of_towers = rankdata(error), rankdata(means, axis=1)
    perfect = _curve(error, error).mean()
    found = [
        (
            _correlation(of_towers[0], of_towers[1 + i]),
            _correlation(ranks, rankdata(values[chosen])),
            _curve(error, values[chosen]).mean() - perfect,
        )
        for i, values in enumerate(errors.measures.values())
    ]
    return np.array(found)


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return Pearson's correlation; NaN if one of the two is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _curve(error: NDArray[np.float64], measure: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean error of the rows that remain at each of :data:`REMOVED`, relative to all."""
    values, place, count = np.unique(measure, return_inverse=True, return_counts=True)
    # Rows of equal measure all take their mean error, which is what a random order gives on average.
    mean = np.bincount(place, weights=error, minlength=len(values)) / count
    total = np.concatenate([[0.0], np.cumsum(np.repeat(mean, count))])
    kept = np.maximum(np.round((1 - REMOVED) * len(error)).astype(int), 1)
    overall = total[-1] / len(error)
    return total[kept] / kept / overall if overall > 0 else np.ones(len(kept))
