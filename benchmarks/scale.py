"""Cost of fits and predictions against the number of rows: what 767 towers by day need."""

from __future__ import annotations

import argparse
import multiprocessing
import resource
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.data import DEFAULT_TOWERS, many_rows, tower_rows
from benchmarks.table import line
from benchmarks.timing import Cost, cost_of
from uflux_kedro.models.registry import MODELS, make_model

_THREADS = 2
_NEW = 50_000
_WARM_UP = 500
HEADER = ("rows", "model", "fit", "fit, processor", "predict", "memory of the fit")


def scaled_rows(towers: Path, n: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``n`` rows of GPP and predictors, drawn again from the towers' months, with noise.

    Args:
        towers: Table of towers.
        n: Number of rows.
        columns: Number of predictors; beyond those of the set, means of two of them.

    Returns:
        X (n, columns) float32 and y (n,) float64, whose noise is a twentieth of a standard
        deviation, so that no two rows are the same; and the number of each row's tower (n,).
    """
    rows = tower_rows(towers, "GPP")
    X, y = rows.arrays()
    sites = np.unique(rows.sites, return_inverse=True)[1]
    pairs = [(i, j) for i in range(X.shape[1]) for j in range(i)][: max(0, columns - X.shape[1])]
    means = [(X[:, i] / X[:, i].std() + X[:, j] / X[:, j].std()) / 2 for i, j in pairs]
    # Numbers of towers get no noise, as other classes do not.
    table = np.column_stack([X, *means, y, sites]).astype(np.float32)
    drawn = many_rows(table, n)
    return np.ascontiguousarray(drawn[:, :-2]), drawn[:, -2].astype(np.float64), drawn[:, -1]


def measure(
    model: str, towers: Path, n: int, columns: int, by_site: bool
) -> tuple[Cost, Cost, float]:
    """Return the costs of a fit on ``n`` rows and of a prediction, and the fit's memory, GB."""
    X, y, sites = scaled_rows(towers, n, columns)
    extra = {"groups": sites} if by_site and MODELS[model].takes_sites else {}
    new = X[np.random.default_rng(1).integers(n, size=_NEW)]
    small = make_model(model, random_state=0, n_jobs=_THREADS).fit(X[:_WARM_UP], y[:_WARM_UP])
    small.predict(new[:_WARM_UP])
    before = _peak()
    estimator = make_model(model, random_state=0, n_jobs=_THREADS)
    fit, _ = cost_of(lambda: estimator.fit(X, y, **extra))
    memory = _peak() - before
    predict, _ = cost_of(lambda: estimator.predict(new))
    return fit, predict, memory


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def rows_of_table(
    towers: Path, sizes: list[int], models: list[str], columns: int, by_site: bool
) -> Iterator[tuple[str, ...]]:
    """Measure each model at each number of rows in a fresh process; yield the table's cells."""
    context = multiprocessing.get_context("spawn")
    for n in sizes:
        for model in models:
            with ProcessPoolExecutor(1, mp_context=context) as executor:
                fit, predict, memory = executor.submit(
                    measure, model, towers, n, columns, by_site
                ).result()
            yield (
                f"{n:,}",
                model,
                f"{fit.wall:.1f} s",
                f"{fit.cpu:.1f} s",
                f"{predict.wall / _NEW * 1e6:.1f} µs per row",
                f"{memory:.2f} GB",
            )


def main(arguments: list[str]) -> None:
    """Print the cost of each model at each number of rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale", description=main.__doc__)
    parser.add_argument("--towers", type=Path, default=DEFAULT_TOWERS, help="table of site-months")
    parser.add_argument("--rows", default="10000,100000,500000,2000000", help="comma-separated")
    parser.add_argument("--models", default="XGB,RF,DF21", help="comma-separated")
    parser.add_argument("--predictors", type=int, default=20, help="number of predictors")
    parser.add_argument(
        "--bags",
        choices=("site", "row"),
        default="site",
        help="whether DF21 draws its bags by site, as training does with days, or by row",
    )
    chosen = parser.parse_args(arguments)
    sizes = [int(n) for n in chosen.rows.split(",")]
    print(f"{line(*HEADER)}\n{line(*('---' for _ in HEADER))}", flush=True)
    for cells in rows_of_table(
        chosen.towers.resolve(),
        sizes,
        chosen.models.split(","),
        chosen.predictors,
        chosen.bags == "site",
    ):
        print(line(*cells), flush=True)
