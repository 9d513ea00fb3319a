"""Packed prediction against the libraries' own, with the same model, rows and threads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import many_rows, tower_rows
from benchmarks.table import Row, speed_row
from benchmarks.timing import Cost, Pairs, cost_of
from uflux_kedro.models.packing import pack
from uflux_kedro.models.registry import make_model

_PAIRS = 7
_THREADS = 2
_LARGEST_DIFFERENCE = 1e-6


def packed_prediction(towers: Path) -> Iterator[Row]:
    """Compare time and values of predictions of GPP with the libraries'."""
    X, y = tower_rows(towers, "GPP").arrays()
    for name, parameters in (("XGB", {}), ("XGB, max_bin 256", {"max_bin": 256})):
        boosted = make_model("XGB", parameters, random_state=0, n_jobs=_THREADS).fit(X, y)
        yield from _against_library(name, boosted, many_rows(X, 400_000), least=1.5)
    rows = many_rows(X, 100_000)
    library, ours = (
        make_model(name, random_state=0, n_jobs=_THREADS).fit(X, y) for name in ("RF-sklearn", "RF")
    )
    yield _pairs_row("RF", pack(ours), library, rows, least=4)
    yield from _against_library("RF-sklearn", library, rows, least=4)
    packed = pack(make_model("DF21", random_state=0, n_jobs=_THREADS).fit(X, y))
    packed.predict(rows[:1000], n_jobs=_THREADS)
    costs = [cost_of(lambda: packed.predict(rows, n_jobs=_THREADS))[0] for _ in range(_PAIRS)]
    wall, cpu = (np.median([getattr(cost, kind) for cost in costs]) for kind in ("wall", "cpu"))
    yield Row(
        f"Packed prediction DF21, {len(rows)} rows",
        f"{wall / len(rows) * 1e9:.0f} ns per row (CPU {cpu / len(rows) * 1e9:.0f})",
    )


def _against_library(name: str, model: Any, rows: np.ndarray, *, least: float) -> Iterator[Row]:
    """Compare a packed model with its library: speed and largest difference."""
    packed = pack(model)
    difference = np.abs(packed.predict(rows, n_jobs=_THREADS) - model.predict(rows)).max()
    yield _pairs_row(name, packed, model, rows, least=least)
    yield Row(
        f"Packed prediction {name}: largest difference",
        f"{difference:.1e}",
        type(model).__name__,
        "-",
        f"≤ {_LARGEST_DIFFERENCE:g}",
        bool(difference <= _LARGEST_DIFFERENCE),
    )


def _pairs_row(name: str, packed: Any, model: Any, rows: np.ndarray, *, least: float) -> Row:
    # Loading and compiling at first use do not count as part of a prediction.
    packed.predict(rows[:1000], n_jobs=_THREADS)

    def ours(_: int) -> Cost:
        return cost_of(lambda: packed.predict(rows, n_jobs=_THREADS))[0]

    def peer(_: int) -> Cost:
        return cost_of(lambda: model.predict(rows))[0]

    pairs = Pairs.in_turns(ours, peer, _PAIRS)
    n = len(rows)
    ours_s, peer_s = pairs.walls()
    return speed_row(
        f"Packed prediction {name}, {n} rows",
        pairs,
        least,
        ours=f"{ours_s / n * 1e9:.0f} ns per row",
        peer=f"{type(model).__name__} {peer_s / n * 1e9:.0f} ns per row",
    )
