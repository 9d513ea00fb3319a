"""Skill on held-out sites of our cascade forest against deep-forest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.metrics import r2_score

from benchmarks.data import tower_rows
from benchmarks.peers import Task, run_deep_forest, run_ours
from benchmarks.table import Row
from uflux_kedro.validation.folds import site_k_fold
from uflux_kedro.variables import FLUXES

LARGEST_DIFFERENCE = 0.005

_GROUPINGS, _FOLDS = 2, 5
"""Every site is held out twice, by ten models of each kind with different seeds."""

_THREADS = 2


def parity(towers: Path) -> Iterator[Row]:
    """Compare held-out R2 for each flux: mean difference and its 95 % interval (Student's t).

    Both fit the same rows with the same seed, but draw different random numbers.
    """
    for flux in FLUXES:
        rows = tower_rows(towers, flux)
        X, y = rows.arrays()
        folds = [f for g in range(_GROUPINGS) for f in site_k_fold(rows.sites, _FOLDS, seed=g)]
        task = Task(
            X=X.astype(np.float64),
            y=y,
            train=[fold.train for fold in folds],
            new=[X[fold.test].astype(np.float64) for fold in folds],
            seeds=range(len(folds)),
            parameters={"n_estimators": 2, "n_trees": 100, "n_jobs": _THREADS},
        )
        ours, peer = (
            np.array([r2_score(y[f.test], d.prediction) for f, d in zip(folds, runs, strict=True)])
            for runs in (run_ours(task), run_deep_forest(task, keep=True))
        )
        mean, low, high = mean_and_interval(ours - peer)
        yield Row(
            f"Parity, {flux}: held-out R2, {len(folds)} seeds and splits by site",
            f"{ours.mean():.4f}",
            f"deep-forest {peer.mean():.4f}",
            f"difference {mean:+.4f} ({low:+.4f} to {high:+.4f})",
            f"within ±{LARGEST_DIFFERENCE:g}",
            abs(mean) <= LARGEST_DIFFERENCE,
        )


def mean_and_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Return the mean of independent values and its interval by Student's t."""
    mean = float(np.mean(values))
    half = stats.sem(values) * stats.t.ppf((1 + level) / 2, len(values) - 1)
    return mean, mean - half, mean + half
