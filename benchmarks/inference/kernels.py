"""Time of the kernel, against the path of the published UFLUX scripts, and its growth.

That path is ``drivers.to_dataframe()``, ``predict``, ``to_xarray()``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.data import many_rows, tower_rows
from benchmarks.inference.world import AXES, LAND, make_world, member_of, xgb_members
from benchmarks.table import Row, speed_row
from benchmarks.timing import Cost, Pairs, cost_of
from uflux_kedro.models.fitted import FittedMember
from uflux_kedro.models.registry import make_model
from uflux_kedro.products.fields import product_fields
from uflux_kedro.products.kernel import predict_region

_PAIRS = 3
_PEERS = {
    "XGB": "XGBRegressor",
    "RF-sklearn": "RandomForestRegressor",
    "deep-forest": "the package deep-forest",
}


def against_reference(towers: Path, folder: Path) -> Iterator[Row]:
    """Compare with the published path on the same pixels and threads.

    One month of the globe, at lower resolution for forests. Ours is the peer's fitted model, packed,
    except where the row names another model.
    """
    rows = tower_rows(towers, "GPP")
    X, y = rows.arrays()
    for name, peer_name, cells, least in (
        ("XGB", "XGB", (720, 1440), 5),
        ("RF-sklearn", "RF-sklearn", (360, 720), 4),
        ("RF", "RF-sklearn", (360, 720), 4),
        ("deep-forest", "deep-forest", (90, 180), 4),
    ):
        model = make_model(name, random_state=0, n_jobs=2).fit(X, y)
        theirs = model
        if peer_name != name:
            theirs = make_model(peer_name, random_state=0, n_jobs=2).fit(X, y)
        ours_model = model.to_cascade() if name == "deep-forest" else model
        member = member_of(rows.X, rows.y, ours_model, "one")
        drivers = make_world(rows.X, cells, 1, folder / f"{name}.zarr")
        fields = product_fields("GPP", AXES)

        def ours(_: int, m: Any = member, d: Any = drivers, f: Any = fields) -> Cost:
            return cost_of(lambda: predict_region({"one": m}, d, f, n_jobs=2))[0]

        def peer(_: int, m: Any = theirs, d: Any = drivers, whole: bool = name == "XGB") -> Cost:
            return cost_of(lambda: _published_path(m, d, list(rows.X), whole))[0]

        ours(0), peer(0)
        pairs = Pairs.in_turns(ours, peer, _PAIRS)
        seconds, peers = pairs.walls()
        cells_n = cells[0] * cells[1]
        yield speed_row(
            f"{name}, {cells_n / 1e3:.0f} thousand cells, {LAND:.0%} land",
            pairs, least,
            ours=f"{seconds:.2f} s",
            peer=f"to_dataframe, predict of {_PEERS[peer_name]}, to_xarray {peers:.2f} s",
        )  # fmt: skip


def _published_path(model: Any, drivers: xr.Dataset, columns: list[str], whole: bool) -> xr.Dataset:
    """Predict along the published path; models that reject NaN get complete rows only."""
    table = drivers[columns].to_dataframe()
    known = table[columns] if whole else table[columns].dropna()
    if whole:
        prediction = model.predict(known)
    else:
        known = known[known["IGBP"] > 0] if "IGBP" in known else known
        prediction = model.predict(known.to_numpy("float32"))
    return pd.Series(np.ravel(prediction), known.index, name="GPP").to_frame().to_xarray()


def thirteen_members(towers: Path, folder: Path) -> Iterator[Row]:
    """Compare all members of a flux, which share one read, with the sum of their kernels."""
    rows = tower_rows(towers, "GPP")
    drivers = make_world(rows.X, (360, 720), 1, folder / "drivers.zarr")
    members = xgb_members(towers, folder, 13)
    fields = product_fields("GPP", AXES, quantiles=(0.05, 0.95))
    X = many_rows(rows.X.to_numpy("float32"), round(360 * 720 * LAND))

    def kernels(_: int) -> Cost:
        def work() -> None:
            for model in members.values():
                for first in range(0, len(X), 8192):
                    model.packed.predict(X[first : first + 8192])

        return cost_of(work)[0]

    def ours(_: int) -> Cost:
        return cost_of(lambda: predict_region(members, drivers, fields, (0.05, 0.95)))[0]

    kernels(0), ours(0)
    pairs = Pairs.in_turns(kernels, ours, _PAIRS)
    kernel, whole = pairs.walls()
    yield Row(
        "13 XGB members with mean, spread, quantiles and flags, over the sum of their kernels",
        f"{whole:.2f} s", f"{kernel:.2f} s", f"{pairs.wall_ratio:.2f} (CPU {pairs.cpu_ratio:.2f})",
        "≤ 1.3", pairs.cpu_ratio <= 1.3,
    )  # fmt: skip
    levels = 100 * 6
    cpu = np.median([c.cpu for c in pairs.ours]) / len(X) / len(members)
    yield Row("XGB kernel, 100 trees of depth 6", f"{cpu * 1e9:.0f} ns per row, {cpu / levels * 1e9:.2f} ns per tree level")  # fmt: skip
    yield Row("Sequential read of main memory by one thread", f"{_bandwidth():.1f} GB/s; the kernel reads {X.itemsize * X.shape[1] / cpu / 1e9:.2f} GB/s of drivers")  # fmt: skip


def _bandwidth() -> float:
    """Return GB/s of a sum over an array larger than every cache."""
    array = np.ones(2**26, dtype=np.float64)
    array.sum()
    return array.nbytes / cost_of(array.sum)[0].cpu / 1e9


def growth(towers: Path, folder: Path) -> Iterator[Row]:
    """Measure processor time by number of pixels, trees and members."""
    rows = tower_rows(towers, "GPP")
    fields = product_fields("GPP", AXES)

    def cpu(members: Mapping[str, FittedMember], drivers: xr.Dataset) -> float:
        predict_region(members, drivers, fields)
        return min(cost_of(lambda: predict_region(members, drivers, fields))[0].cpu for _ in range(3))  # fmt: skip

    sizes = {s: make_world(rows.X, (180 * s, 360 * s), 1, folder / f"{s}.zarr") for s in (1, 2, 4)}
    members = xgb_members(towers, folder, 4)
    one = {"m0": members["m0"]}
    by_pixels = [cpu(one, drivers) for drivers in sizes.values()]
    yield _growth_row("pixels x 1, 4, 16", by_pixels)
    by_members = [cpu(dict(list(members.items())[:n]), sizes[4]) for n in (1, 2, 4)]
    yield _growth_row("members 1, 2, 4", by_members)
    by_trees = []
    for trees in (50, 100, 200):
        place = folder / f"trees{trees}"
        by_trees.append(cpu(xgb_members(towers, place, 1, n_estimators=trees), sizes[4]))
    yield _growth_row("trees 50, 100, 200", by_trees)


def _growth_row(what: str, seconds: list[float]) -> Row:
    times = ", ".join(f"{s:.2f}" for s in seconds)
    ratios = ", ".join(f"{b / a:.2f}" for a, b in pairwise(seconds))
    return Row(f"XGB, processor seconds by {what}", f"{times} s", "-", ratios)
