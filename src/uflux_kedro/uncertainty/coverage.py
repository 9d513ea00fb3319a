"""Coverage of the calibrated intervals of unseen towers at any level, and what their width is worth.

The calibrated rows hold intervals of one level. At another level their half-widths are multiplied
by a factor that is fitted on the other towers, by the same hierarchical conformal prediction; so
every coverage is of towers that did not help to set it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.errors import InputError, require_columns
from uflux_kedro.uncertainty.parameters import Guarantee
from uflux_kedro.uncertainty.scores import interval_score
from uflux_kedro.validation.bootstrap import site_draws
from uflux_kedro.variables import IGBP_NAMES

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Nominal levels of the curves."""

SUM_KINDS = {"": "correlated", "_independent": "independent", "_dependent": "dependent"}
"""End of the columns of an interval of sums -> how the errors of periods are taken."""

ALL = "all"
"""Group of all towers."""

_COLUMNS = ("site_id", "IGBP", "truth", "centre", "lower", "upper")


class _Towers(NamedTuple):
    """Rows by tower: code of the tower and errors, shape (n,); class of each tower, shape (K,)."""

    tower: NDArray[np.intp]
    error: NDArray[np.float64]
    half: NDArray[np.float64]
    classes: NDArray


def coverage_curves(
    rows: pd.DataFrame,
    level: float,
    *,
    levels: Sequence[float] = LEVELS,
    least_towers: int = 3,
    n_resamples: int = 1000,
    seed: int = 0,
    guarantee: Guarantee = "at_least",
) -> pd.DataFrame:
    """Compute the coverage of unseen towers at several nominal levels, for all towers and by class.

    Args:
        rows: Calibrated rows: ``site_id``, ``IGBP`` (code), ``truth``, ``centre``, ``lower``,
            ``upper``; rows with a missing value of these are left out.
        level: Level of the rows' intervals.
        levels: Nominal levels; ``level`` is added.
        least_towers: Fewest towers of a class that is listed.
        n_resamples: Draws of towers for the band; towers of a class for the class.
        seed: Seed of the draws.
        guarantee: What the intervals promise, as in
            :func:`~uflux_kedro.uncertainty.intervals.conformal_weights`.

    Returns:
        One row for each group (``all``, then classes) and nominal level: ``group``, ``towers``,
        ``nominal``, ``coverage`` (mean over towers of the share of their rows inside; NaN where
        the towers are too few for the level) and the 95 % band ``low`` to ``high`` by bootstrap of
        towers, NaN for a single tower.

    Raises:
        InputError: If a column is missing or no row is complete.
    """
    towers = _by_tower(rows)
    nominal = sorted({*levels, level})
    relative = towers.error / np.where(towers.half > 0, towers.half, np.nan)
    relative = np.where(np.isnan(relative), np.where(towers.error > 0, np.inf, 0.0), relative)
    factors = leave_one_out_quantiles(relative, towers.tower, nominal, guarantee)
    factors[:, nominal.index(level)] = 1.0
    # Infinite factors, of too few towers for a level, would cover everything.
    inside = np.where(
        np.isfinite(factors).all(axis=0), relative[:, None] <= factors[towers.tower], np.nan
    )
    count = np.bincount(towers.tower)
    share = np.stack([np.bincount(towers.tower, weights=c) / count for c in inside.T], axis=1)
    groups = {ALL: np.ones(len(count), dtype=bool)}
    names, sizes = np.unique(towers.classes[towers.classes != ""], return_counts=True)
    groups |= {
        str(name): towers.classes == name
        for name, size in zip(names, sizes, strict=True)
        if size >= least_towers
    }
    tables = []
    for name, member in groups.items():
        low, high = _band(share[member], n_resamples, seed)
        tables.append(
            pd.DataFrame(
                {
                    "group": name,
                    "towers": int(member.sum()),
                    "nominal": nominal,
                    "coverage": share[member].mean(axis=0),
                    "low": low,
                    "high": high,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def score_against_constant(
    rows: pd.DataFrame,
    level: float,
    *,
    n_resamples: int = 2000,
    seed: int = 0,
    guarantee: Guarantee = "at_least",
) -> dict[str, float]:
    """Compare the intervals with those of one width everywhere, by the interval score.

    The constant half-width of a tower is the conformal quantile of the other towers' absolute
    errors.

    Args:
        rows: As for :func:`coverage_curves`.
        level: Level of the rows' intervals.
        n_resamples: Draws of towers.
        seed: Seed of the draws.
        guarantee: As for :func:`coverage_curves`.

    Returns:
        Means over towers: ``towers``, ``coverage`` with its 95 % band ``coverage_low`` and
        ``coverage_high``, ``interval_score``, ``interval_score_constant``, and ``gain``, by which
        part of the constant width's score the intervals' is lower, with ``gain_low`` and
        ``gain_high``. Bands are NaN for a single tower, and so is the constant with fewer towers
        than the level needs.

    Raises:
        InputError: As for :func:`coverage_curves`.
    """
    towers = _by_tower(rows)
    quantiles = leave_one_out_quantiles(towers.error, towers.tower, [level], guarantee)
    constant = quantiles[towers.tower, 0]
    constant = np.where(np.isfinite(constant), constant, np.nan)
    count = np.bincount(towers.tower)

    def mean(values: NDArray) -> NDArray[np.float64]:
        return np.bincount(towers.tower, weights=values) / count

    covered = mean(towers.error <= towers.half)
    own, same = (
        mean(interval_score(towers.error, -half, half, level)) for half in (towers.half, constant)
    )
    draws = site_draws(len(count), n_resamples, seed)
    coverage_low, coverage_high = _band(covered[:, None], n_resamples, seed)
    gains = 1 - (draws @ own) / (draws @ same)
    low, high = np.quantile(gains, [0.025, 0.975]) if len(gains) else (np.nan, np.nan)
    return {
        "towers": len(count),
        "coverage": float(covered.mean()),
        "coverage_low": float(coverage_low[0]),
        "coverage_high": float(coverage_high[0]),
        "interval_score": float(own.mean()),
        "interval_score_constant": float(same.mean()),
        "gain": float(1 - own.mean() / same.mean()),
        "gain_low": float(low),
        "gain_high": float(high),
    }


def coverage_of_sums(sums: pd.DataFrame, *, n_resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Compute the coverage of annual sums, of each kind of interval.

    Args:
        sums: Table of :func:`uflux_kedro.uncertainty.sums.held_out_sums`.
        n_resamples: Draws of towers for the band.
        seed: Seed of the draws.

    Returns:
        One row for each kind of interval, ``correlated``, ``independent`` and ``dependent``:
        ``errors`` (the kind), ``towers``, ``sums``, ``coverage`` (mean over towers of the share of
        their sums inside) and its 95 % band ``low`` to ``high``. Without sums there is no row.

    Raises:
        InputError: If a column is missing.
    """
    ends = [f"{side}{kind}" for kind in SUM_KINDS for side in ("lower", "upper")]
    require_columns(sums, ("site_id", "truth", *ends), "annual sums")
    found = []
    for kind, name in SUM_KINDS.items() if len(sums) else ():
        inside = sums["truth"].between(sums[f"lower{kind}"], sums[f"upper{kind}"])
        share = inside.groupby(sums["site_id"], sort=True).mean().to_numpy()
        low, high = _band(share[:, None], n_resamples, seed)[:, 0]
        found.append((name, len(share), len(sums), share.mean(), low, high))
    columns = ["errors", "towers", "sums", "coverage", "low", "high"]
    return pd.DataFrame(found, columns=columns)


def leave_one_out_quantiles(
    scores: NDArray[np.float64],
    tower: NDArray[np.intp],
    levels: Sequence[float],
    guarantee: Guarantee = "at_least",
) -> NDArray[np.float64]:
    """Compute the conformal quantiles of the other towers' scores, for each tower.

    Equal to :func:`~uflux_kedro.uncertainty.intervals.group_quantile` of the rows without the
    tower, with one sort for all.

    Args:
        scores: Shape (n,).
        tower: Number of each row's tower, 0 to K-1, shape (n,).
        levels: Levels, 0-1.
        guarantee: What is promised of coverage.

    Returns:
        Shape (K, levels); infinity where the other towers are too few for a level.
    """
    order = np.argsort(scores, kind="stable")
    ranked, of = scores[order], tower[order]
    n_towers = int(tower.max()) + 1
    one_row = 1 / np.bincount(tower)
    others = max(n_towers - 1, 1)
    beyond = (one_row.sum() - one_row) / others if guarantee == "on_average" else np.ones(n_towers)
    quantiles = np.full((n_towers, len(levels)), np.inf)
    for number in range(n_towers):
        weight = one_row * (1 - beyond[number] / n_towers) / others
        weight[number] = 0
        total = np.cumsum(weight[of])
        place = np.searchsorted(total, np.asarray(levels) - 1e-9)
        reached = place < len(ranked)
        quantiles[number, reached] = ranked[place[reached]]
    return quantiles


def _by_tower(rows: pd.DataFrame) -> _Towers:
    require_columns(rows, _COLUMNS, "calibrated rows")
    known = rows.dropna(subset=[name for name in _COLUMNS if name != "IGBP"])
    if known.empty:
        raise InputError(
            "calibrated rows", None, expected="rows with truth and interval", found="none"
        )
    tower, names = pd.factorize(known["site_id"], sort=True)
    first = known.groupby("site_id", sort=True)["IGBP"].first().reindex(names)
    classes = first.map(IGBP_NAMES).fillna("").to_numpy(str)
    truth, centre, lower, upper = (
        known[name].to_numpy(float) for name in ("truth", "centre", "lower", "upper")
    )
    return _Towers(tower, np.abs(truth - centre), (upper - lower) / 2, classes)


def _band(share: NDArray[np.float64], n_resamples: int, seed: int) -> NDArray[np.float64]:
    """Return the 95 % band of the mean over towers (first axis), shape (2, levels)."""
    draws = site_draws(len(share), n_resamples, seed)
    if not len(draws):
        return np.full((2, share.shape[1]), np.nan)
    return np.quantile(draws @ share / len(share), [0.025, 0.975], axis=0)
