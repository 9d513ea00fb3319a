"""Cost of validations of 767 towers, from some of their folds, and of the same on two workers."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.data import DEFAULT_TOWERS
from benchmarks.scale import scaled_rows
from benchmarks.table import line
from benchmarks.timing import Cost, cost_of
from uflux_kedro.execution import Execution
from uflux_kedro.models.registry import make_model
from uflux_kedro.validation.cross_validation import held_out_predictions
from uflux_kedro.validation.folds import Fold, leave_one_site_out, site_k_fold

TOWERS = 767
MONTHS = 74_000
"""Rows of these towers by month."""
_SMALL = 2_000
_PREDICTORS = 13
_THREADS = 2
HEADER = (
    "validation",
    "folds",
    "measured",
    "a fold, processor",
    "all, two quiet cores",
    "all, core-hours",
)
WORKERS_HEADER = ("model", "folds", "one process, one thread", "two workers", "ratio", "same bytes")


@dataclass(frozen=True)
class Network:
    """Rows of GPP drawn again from the towers of a table, each of which is split into several."""

    X: np.ndarray
    y: np.ndarray
    sites: np.ndarray

    @classmethod
    def of(cls, towers: Path, rows: int) -> Network:
        """Draw rows."""
        X, y, number = scaled_rows(towers, rows, _PREDICTORS)
        count = int(number.max()) + 1
        parts = np.random.default_rng(1).integers(TOWERS, size=rows) // count
        sites = (parts * count + number.astype(int)) % TOWERS
        order = np.argsort(sites, kind="stable")
        return cls(X[order], y[order], np.array([f"T{s:03d}" for s in sites[order]]))

    def validate(
        self, model: str, folds: list[Fold], execution: Execution, cache: Path | None = None
    ) -> tuple[Cost, pd.DataFrame]:
        """Return cost and result of held-out predictions of some folds."""
        return cost_of(
            lambda: held_out_predictions(
                lambda seed: make_model(model, random_state=seed, n_jobs=1),
                *(self.X, self.y, self.sites, np.arange(len(self.y)), folds),
                execution=execution,
                cache_folder=cache,
            )
        )


def estimates(towers: Path) -> Iterator[tuple[str, ...]]:
    """Measure some folds of each validation; yield the table's cells."""
    network, small = Network.of(towers, MONTHS), Network.of(towers, _SMALL)
    loso, ten = leave_one_site_out(network.sites), site_k_fold(network.sites, 10, seed=0)
    for model, what, folds, members, number in (
        ("XGB", "five fluxes, leave one site out", loso, 5, 8),
        ("XGB", "65 members, ten folds", ten, 65, 4),
        ("DF21", "one member, ten folds", ten, 1, 1),
    ):
        measured = folds[:: len(folds) // number][:number]
        small.validate(model, site_k_fold(small.sites, 2, seed=0), Execution(1))  # compiles
        cost, _ = network.validate(model, measured, Execution(_THREADS))
        all_folds = len(folds) * members
        yield (
            f"{model}: {what}",
            f"{all_folds:,}",
            f"{len(measured)}",
            f"{cost.cpu / len(measured):.2f} s",
            f"{cost.cpu / len(measured) * all_folds / _THREADS / 60:.1f} min",
            f"{cost.cpu / len(measured) * all_folds / 3600:.2f}",
        )


def on_workers(towers: Path, model: str, number: int) -> Iterator[tuple[str, ...]]:
    """Compare one thread of this process with two workers; yield the table's cells."""
    network, small = Network.of(towers, MONTHS), Network.of(towers, _SMALL)
    folds = leave_one_site_out(network.sites)[:number]
    workers = Execution(1, local_workers=2)
    with tempfile.TemporaryDirectory() as folder:
        few = site_k_fold(small.sites, 8, seed=0)
        for execution in (workers, Execution(1)):  # starts and compiles
            small.validate(model, few, execution)
        here, expected = network.validate(model, folds, Execution(1), Path(folder) / "here")
        there, found = network.validate(model, folds, workers, Path(folder) / "there")
    yield (
        model,
        f"{len(folds)}",
        f"{here.wall:.1f} s",
        f"{there.wall:.1f} s",
        f"{here.wall / there.wall:.2f}",
        "yes" if found.equals(expected) else "no",
    )


def main(arguments: list[str]) -> None:
    """Print what validations of 767 towers take, extrapolated from some folds."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks validation", description=main.__doc__
    )
    parser.add_argument("--towers", type=Path, default=DEFAULT_TOWERS, help="table of site-months")
    parser.add_argument("--workers", action="store_true", help="one thread against two workers")
    parser.add_argument("--model", default="XGB", help="model with --workers")
    parser.add_argument("--folds", type=int, default=24, help="folds with --workers")
    chosen = parser.parse_args(arguments)
    towers = chosen.towers.resolve()
    header = WORKERS_HEADER if chosen.workers else HEADER
    rows = on_workers(towers, chosen.model, chosen.folds) if chosen.workers else estimates(towers)
    print(f"{line(*header)}\n{line(*('---' for _ in header))}", flush=True)
    for cells in rows:
        print(line(*cells), flush=True)
