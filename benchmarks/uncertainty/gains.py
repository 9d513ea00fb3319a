"""What limits the gain of the learnt spread over constant width, at unseen towers.

The rows are those of the table ``intervals``. Scores are averaged over each tower's rows, then over
towers.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.skill import read_towers
from benchmarks.table import line
from benchmarks.uncertainty.intervals import SETS, draw_rows
from uflux_kedro.uncertainty.parameters import IntervalParameters, UncertaintyParameters
from uflux_kedro.uncertainty.scores import interval_score
from uflux_kedro.variables import FLUXES

SEASONS = ("winter", "spring", "summer", "autumn")
TROPICS = 23.5


def print_table(options: argparse.Namespace) -> None:
    """Print how errors follow the prediction, gains by season, and what a tower's own width gains."""
    towers = read_towers(options.towers, "kfold", options.n_jobs, options.cache)
    print(f"\n### What limits the gain (XGB, {' and '.join(SETS)})\n")
    print(line("flux", "absolute error by fifths of the prediction, mean 1", *SEASONS,
               "tropics", "beyond", "each tower's own constant width"))  # fmt: skip
    print(line(*("---",) * 9))
    for flux in FLUXES:
        rows = draw_rows(towers, flux, (IntervalParameters().method,))
        print(line(flux, *_cells(rows)), flush=True)


def _cells(rows: pd.DataFrame) -> list[str]:
    level = UncertaintyParameters().level
    size = (rows["truth"] - rows["prediction"]).abs()
    tower = rows["draw"].astype(str) + rows["site_id"]
    own = size.groupby(tower).transform(lambda values: values.quantile(level))
    learnt = interval_score(rows["truth"], rows["lower"], rows["upper"], level)
    constant, oracle = (
        interval_score(rows["truth"], rows["prediction"] - half, rows["prediction"] + half, level)
        for half in (rows["half"], own)
    )
    weight = 1 / size.groupby(tower).transform("size").to_numpy(float)
    fifth = pd.qcut(rows["prediction"], 5, labels=False)
    error = size.groupby(fifth).mean() / size.mean()
    # Seasons of the southern hemisphere are half a year later.
    month = rows["time"].dt.month.to_numpy() + np.where(rows["Latitude"] < 0, 6, 0)
    season = month % 12 // 3
    tropical = rows["Latitude"].abs().to_numpy() < TROPICS
    parts = [*(season == number for number in range(4)), tropical, ~tropical]
    gains = [_gain(learnt, constant, weight * part) for part in parts]
    return [
        ", ".join(f"{value:.2f}" for value in error),
        *(f"{gain:.0%}" for gain in (*gains, _gain(oracle, constant, weight))),
    ]


def _gain(ours: NDArray, other: NDArray, weight: NDArray) -> float:
    return float(1 - weight @ ours / (weight @ other))
