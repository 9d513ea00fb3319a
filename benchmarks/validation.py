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
from uflux_kedro.models.registry import MODELS, make_model
from uflux_kedro.validation.cross_validation import held_out_predictions
from uflux_kedro.validation.folds import Fold, leave_one_site_out, site_k_fold

TOWERS = 767
MONTHS, DAYS = 74_000, 2_200_000
"""Rows of these towers by month and by day."""
_PREDICTORS = 13
_THREADS = 2
HEADER = (
    "validation",
    "folds",
    "measured",
    "a fold, processor",
    "all, two threads",
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
        parts = np.random.default_rng(0).integers(TOWERS, size=rows) // count
        sites = (parts * count + number.astype(int)) % TOWERS
        order = np.argsort(sites, kind="stable")
        return cls(X[order], y[order], np.array([f"T{s:03d}" for s in sites[order]]))

    def validate(
        self, model: str, folds: list[Fold], execution: Execution, by_site: bool, cache: Path | None
    ) -> tuple[Cost, pd.DataFrame]:
        """Return cost and result of held-out predictions of some folds."""
        return cost_of(
            lambda: held_out_predictions(
                lambda seed: make_model(model, random_state=seed, n_jobs=1),
                *(self.X, self.y, self.sites, np.arange(len(self.y)), folds),
                fit_with_sites=by_site and MODELS[model].takes_sites,
                execution=execution,
                cache_folder=cache,
            )
        )


def estimates(towers: Path, days: bool) -> Iterator[tuple[str, ...]]:
    """Measure some folds of each validation; yield the table's cells."""
    rows = DAYS if days else MONTHS
    network = Network.of(towers, rows)
    loso, ten = leave_one_site_out(network.sites), site_k_fold(network.sites, 10, seed=0)
    step = "days" if days else "months"
    cases = [
        ("XGB", "five fluxes, leave one site out", loso, 5, 8),
        ("XGB", "65 members, ten folds", ten, 65, 4),
        ("DF21", "one member, ten folds", ten, 1, 2),
    ]
    if days:
        cases = [(m, "65 members, leave one site out", loso, 65, 2) for m in ("XGB", "DF21")]
    for model, what, folds, members, number in cases:
        measured = folds[:: len(folds) // number][:number]
        network.validate(model, measured[:1], Execution(1), days, None)  # compiles
        cost, _ = network.validate(model, measured, Execution(_THREADS), days, None)
        all_folds = len(folds) * members
        yield (
            f"{model}, {step}: {what}",
            f"{all_folds:,}",
            f"{len(measured)}",
            f"{cost.cpu / len(measured):.2f} s",
            f"{cost.wall / len(measured) * all_folds / 60:.1f} min",
            f"{cost.cpu / len(measured) * all_folds / 3600:.2f}",
        )


def on_workers(towers: Path, number: int) -> Iterator[tuple[str, ...]]:
    """Compare one thread of this process with two workers; yield the table's cells."""
    network = Network.of(towers, MONTHS)
    folds = leave_one_site_out(network.sites)
    workers = Execution(1, local_workers=2)
    for model, of_model in (("XGB", number), ("DF21", 4)):
        chosen = folds[:of_model]
        with tempfile.TemporaryDirectory() as folder:
            caches = [Path(folder) / name for name in ("warm", "there", "here")]
            network.validate(model, folds[-2:], workers, False, caches[0])  # starts and compiles
            network.validate(model, folds[-1:], Execution(1), False, caches[0])
            here, expected = network.validate(model, chosen, Execution(1), False, caches[2])
            there, found = network.validate(model, chosen, workers, False, caches[1])
        yield (
            model,
            f"{len(chosen)}",
            f"{here.wall:.1f} s",
            f"{there.wall:.1f} s",
            f"{here.wall / there.wall:.2f}",
            "yes" if found.equals(expected) else "NO",
        )


def main(arguments: list[str]) -> None:
    """Print what validations of 767 towers take, extrapolated from some folds."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks validation", description=main.__doc__
    )
    parser.add_argument("--towers", type=Path, default=DEFAULT_TOWERS, help="table of site-months")
    parser.add_argument("--days", action="store_true", help="rows by day instead of by month")
    parser.add_argument("--workers", action="store_true", help="one thread against two workers")
    parser.add_argument("--folds", type=int, default=24, help="folds of XGB with --workers")
    chosen = parser.parse_args(arguments)
    towers = chosen.towers.resolve()
    header = WORKERS_HEADER if chosen.workers else HEADER
    rows = on_workers(towers, chosen.folds) if chosen.workers else estimates(towers, chosen.days)
    print(f"{line(*header)}\n{line(*('---' for _ in header))}", flush=True)
    for cells in rows:
        print(line(*cells), flush=True)
