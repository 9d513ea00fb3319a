"""Cost of fitting and predicting with our cascade forest and with deep-forest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.data import many_rows, tower_rows
from benchmarks.peers import Done, Task, run_deep_forest, run_ours
from benchmarks.table import Row, speed_row
from benchmarks.timing import Pairs

_PAIRS = 3
_THREADS = 2
_ROWS = 50_000


def fit_and_predict(towers: Path) -> Iterator[Row]:
    """Fit GPP on all rows and predict many, alternately in fresh processes with two threads."""
    X, y = tower_rows(towers, "GPP").arrays()
    X = X.astype(np.float64)
    task = Task(
        X=X,
        y=y,
        train=[np.arange(len(y))],
        new=[many_rows(X, _ROWS).astype(np.float64)],
        seeds=[0],
        parameters={"n_estimators": 2, "n_trees": 100, "n_jobs": _THREADS},
    )
    runs: list[tuple[Done, Done]] = [
        (run_ours(task)[0], run_deep_forest(task)[0]) for _ in range(_PAIRS)
    ]
    fits = Pairs(*zip(*((ours.fit, peer.fit) for ours, peer in runs), strict=True))
    ours_s, peer_s = fits.walls()
    yield speed_row(
        f"Fit DF21, GPP, {len(y)} rows",
        fits,
        4,
        ours=f"{ours_s:.2f} s",
        peer=f"deep-forest {peer_s:.2f} s",
    )
    predictions = Pairs(*zip(*((o.predict, p.predict) for o, p in runs), strict=True))
    ours_s, peer_s = predictions.walls()
    yield speed_row(
        f"Predict DF21, {_ROWS} rows",
        predictions,
        4,
        ours=f"{ours_s / _ROWS * 1e6:.2f} µs per row",
        peer=f"deep-forest {peer_s / _ROWS * 1e6:.1f} µs per row",
    )
    ours_mb, peer_mb = (median(run[i].memory for run in runs) for i in (0, 1))
    yield Row(
        "Peak memory that the fit adds",
        f"{ours_mb:.0f} MB",
        f"deep-forest {peer_mb:.0f} MB",
        f"{peer_mb / ours_mb:.2f}",
        "≥ 1",
        peer_mb >= ours_mb,
    )
