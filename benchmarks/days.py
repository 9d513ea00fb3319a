"""Skill of DF21 with days of towers that it never saw, with and without bounds on its trees."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.data import PROJECT
from benchmarks.table import line
from benchmarks.timing import cost_of
from uflux_kedro.models import CascadeForestRegressor
from uflux_kedro.validation.bootstrap import compare_members
from uflux_kedro.validation.folds import site_k_fold

DEFAULT_DAYS = PROJECT / "../shared/data/towers_daily/daily_dev.csv.gz"
FLUX = "GPP_NT_VUT_REF"
WEATHER = ["TA_F", "VPD_F", "SW_IN_F", "P_F"]
WINDOWS = (7, 30, 90)
_UNBOUNDED: dict[str, Any] = {"max_samples": None, "max_leaves": None}
SETTINGS: dict[str, tuple[dict[str, Any], bool]] = {
    "no bounds, bags by row": (_UNBOUNDED, False),
    "no bounds, bags by site": (_UNBOUNDED, True),
    "bounds, bags by row": ({}, False),
    "bounds, bags by site": ({}, True),
}
HEADER = ("DF21", "NSE", "minus that of the first", "layers by fold", "fit", "predict")


def days_of_towers(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return predictors (n, 18), GPP (n,) and sites (n,) of days with all of them.

    Predictors are the day's weather, its means over the last 7, 30 and 90 days, and the season.
    """
    table = pd.read_csv(path)
    table["time"] = pd.to_datetime(table["TIMESTAMP"].astype(str))
    table = table.sort_values(["SITE_ID", "time"], ignore_index=True)
    X = table[WEATHER].copy()
    for window in WINDOWS:
        past = table.groupby("SITE_ID")[WEATHER].rolling(window, min_periods=window // 2)
        X[[f"{name}_{window}" for name in WEATHER]] = past.mean().reset_index(0, drop=True)
    phase = table["time"].dt.day_of_year * (2 * np.pi / 365.25)
    X["cos"], X["sin"] = np.cos(phase), np.sin(phase)
    usable = X.notna().all(axis=1) & table[FLUX].notna()
    return (
        X[usable].to_numpy(np.float64),
        table.loc[usable, FLUX].to_numpy(np.float64),
        table.loc[usable, "SITE_ID"].to_numpy(str),
    )


def compare(path: Path, n_splits: int, n_trees: int) -> Iterator[tuple[str, ...]]:
    """Predict held-out towers by each of :data:`SETTINGS`; yield the table's cells."""
    X, y, sites = days_of_towers(path)
    rows = pd.DataFrame({"site_id": sites, "time": np.arange(len(y)), "truth": y})
    folds = site_k_fold(sites, n_splits, seed=0)
    first = None
    for name, (bounds, by_site) in SETTINGS.items():
        predicted, layers, costs = np.empty(len(y)), [], []
        for fold in folds:
            model = CascadeForestRegressor(
                n_trees=n_trees, random_state=fold.number, n_jobs=-1, **bounds
            )
            train, new = fold.train, X[fold.test]
            groups = sites[train] if by_site else None
            fit, _ = cost_of(partial(model.fit, X[train], y[train], groups=groups))
            predict, predicted[fold.test] = cost_of(partial(model.predict, new))
            layers.append(str(model.n_layers_))
            costs.append((fit.wall, predict.wall / len(new)))
        found = rows.assign(prediction=predicted)
        first = found if first is None else first
        nse = compare_members(first, found).loc["NSE"]
        more = f"{nse['difference']:+.3f} ({nse['low']:+.3f} to {nse['high']:+.3f})"
        fit_s, predict_s = np.mean(costs, axis=0)
        yield (
            name,
            f"{nse['second']:.3f}",
            "-" if found is first else more,
            ", ".join(layers),
            f"{fit_s:.0f} s",
            f"{predict_s * 1e6:.0f} µs per row",
        )


def main(arguments: list[str]) -> None:
    """Print the skill of DF21 with days of towers kept aside, by its bounds and bags."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks days", description=main.__doc__)
    parser.add_argument("--towers", type=Path, default=DEFAULT_DAYS, help="table of site-days")
    parser.add_argument("--folds", type=int, default=3, help="folds of sites")
    parser.add_argument("--trees", type=int, default=100, help="trees in a forest")
    chosen = parser.parse_args(arguments)
    print(f"{line(*HEADER)}\n{line(*('---' for _ in HEADER))}", flush=True)
    for cells in compare(chosen.towers, chosen.folds, chosen.trees):
        print(line(*cells), flush=True)
