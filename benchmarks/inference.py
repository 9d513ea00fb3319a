"""Grid inference: against the reference's path, and how its time and memory grow.

The reference's path is ``drivers.to_dataframe()``, ``predict``, ``to_xarray()``. Rows are those
of towers, drawn again with noise, on a 0.25 degree globe of which three tenths are land.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.data import PREDICTOR_SET, PROJECT, many_rows, tower_rows
from benchmarks.table import Row, header, speed_row
from benchmarks.timing import Cost, Pairs, cost_of
from uflux_kedro.ensemble import Member
from uflux_kedro.gridding.execution import Execution
from uflux_kedro.gridding.fields import product_fields
from uflux_kedro.gridding.kernel import predict_region
from uflux_kedro.gridding.plan import Plan
from uflux_kedro.gridding.production import produce
from uflux_kedro.gridding.store import ProductStore
from uflux_kedro.models.fitted import FittedMember, fit_member
from uflux_kedro.models.registry import make_model

_TOWERS = PROJECT / "../shared/data/towers_monthly/fluxnet2015_monthly.csv.gz"
_PAIRS = 3
_LAND = 0.3
_AXES = ("latitude", "longitude")


def make_world(X: pd.DataFrame, cells: tuple[int, int], months: int, folder: Path) -> xr.Dataset:
    """Drivers in a Zarr store, a chunk a month; land in one piece of each row."""
    n_latitude, n_longitude = cells
    latitude = -90 + 180 / n_latitude * (np.arange(n_latitude) + 0.5)
    longitude = -180 + 360 / n_longitude * (np.arange(n_longitude) + 0.5)
    land = np.zeros(cells, dtype="int8")
    land[:, : round(_LAND * n_longitude)] = 1
    inside = land > 0
    start = pd.date_range("2019-01-01", periods=months, freq="MS")
    rows = many_rows(X.to_numpy("float32"), int(inside.sum()))
    for month, time in enumerate(start):
        fields = {}
        for name, values in zip(X, np.roll(rows, month, axis=0).T, strict=True):
            field = np.full((1, *cells), np.nan, dtype="float32")
            field[0, inside] = values
            fields[str(name)] = (("time", *_AXES), field)
        if "IGBP" in fields:
            fields["IGBP"] = (("time", *_AXES), np.nan_to_num(fields["IGBP"][1]))
        bounds = np.array([[time, time + pd.offsets.MonthBegin()]], dtype="datetime64[ns]")
        part = xr.Dataset(
            {n: v for n, v in fields.items() if n != "IGBP"}
            | {"time_bnds": (("time", "bnds"), bounds)},
            {"time": [time], "latitude": latitude, "longitude": longitude},
        )
        part["IGBP"] = (_AXES, fields["IGBP"][1][0].astype("int8") if "IGBP" in fields else land)
        if month == 0:
            part.to_zarr(folder, zarr_format=3, consolidated=False)
        else:
            part.drop_vars(["IGBP", *_AXES]).to_zarr(
                folder, append_dim="time", zarr_format=3, consolidated=False
            )
    return _open(folder)


def _open(folder: Path) -> xr.Dataset:
    """As a production opens drivers: without dask, nothing kept."""
    return xr.open_dataset(folder, engine="zarr", chunks=None, cache=False, consolidated=False)


def against_reference(towers: Path, folder: Path) -> Iterator[Row]:
    """Same pixels, same models, same threads: one month of the globe, less of it for forests."""
    rows = tower_rows(towers, "GPP")
    X, y = rows.arrays()
    for name, cells, least in (
        ("XGB", (720, 1440), 5),
        ("RF", (360, 720), 4),
        ("deep-forest", (90, 180), 4),
    ):
        model = make_model(name, random_state=0, n_jobs=2).fit(X, y)
        ours_model = model.to_cascade() if name == "deep-forest" else model
        member = _member(rows.X, rows.y, ours_model, "one")
        drivers = make_world(rows.X, cells, 1, folder / f"{name}.zarr")
        fields = product_fields("GPP", _AXES)

        def ours(_: int, m: Any = member, d: Any = drivers, f: Any = fields) -> Cost:
            return cost_of(lambda: predict_region({"one": m}, d, f, n_jobs=2))[0]

        def peer(_: int, m: Any = model, d: Any = drivers, whole: bool = name == "XGB") -> Cost:
            return cost_of(lambda: _reference(m, d, list(rows.X), whole))[0]

        ours(0), peer(0)
        pairs = Pairs.in_turns(ours, peer, _PAIRS)
        seconds, peers = pairs.walls()
        cells_n = cells[0] * cells[1]
        yield speed_row(
            f"{name}, {cells_n / 1e3:.0f} thousand cells, {_LAND:.0%} land",
            pairs, least,
            ours=f"{seconds:.2f} s", peer=f"to_dataframe, predict, to_xarray {peers:.2f} s",
        )  # fmt: skip


def _reference(model: Any, drivers: xr.Dataset, columns: list[str], whole: bool) -> xr.Dataset:
    """The reference's path; models that refuse NaN get the rows without."""
    table = drivers[columns].to_dataframe()
    known = table[columns] if whole else table[columns].dropna()
    if whole:
        prediction = model.predict(known)
    else:
        known = known[known["IGBP"] > 0] if "IGBP" in known else known
        prediction = model.predict(known.to_numpy("float32"))
    return pd.Series(np.ravel(prediction), known.index, name="GPP").to_frame().to_xarray()


def _member(X: pd.DataFrame, y: pd.Series, model: Any, name: str) -> FittedMember:
    """A member around a fitted model."""

    class Fitted:
        def fit(self, *_: Any, **__: Any) -> None:
            return None

    table = X.assign(GPP=y.to_numpy(), site_id="all")
    member = fit_member(Member(name, "GPP", name, tuple(X)), table, Fitted(), parameters={}, seed=0)
    return FittedMember(member.card, model)


def _xgb_members(
    towers: Path, folder: Path, number: int, **parameters: Any
) -> dict[str, FittedMember]:
    """Members of the same predictors and other seeds, in files."""
    rows = tower_rows(towers, "GPP")
    X, y = rows.arrays()
    members = {}
    for seed in range(number):
        model = make_model("XGB", parameters, random_state=seed, n_jobs=2).fit(X, y)
        _member(rows.X, rows.y, model, f"m{seed}").save(folder / f"m{seed}")
        loaded = FittedMember.load(folder / f"m{seed}")
        members[f"m{seed}"] = loaded
    return members


def thirteen_members(towers: Path, folder: Path) -> Iterator[Row]:
    """All members of a flux on one read, against the sum of their kernels."""
    rows = tower_rows(towers, "GPP")
    drivers = make_world(rows.X, (360, 720), 1, folder / "drivers.zarr")
    members = _xgb_members(towers, folder, 13)
    fields = product_fields("GPP", _AXES, quantiles=(0.05, 0.95))
    X = many_rows(rows.X.to_numpy("float32"), round(360 * 720 * _LAND))

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
    yield Row("XGB kernel, 100 trees of depth 6", f"{cpu * 1e9:.0f} ns a row, {cpu / levels * 1e9:.2f} ns a tree level")  # fmt: skip
    yield Row("Sequential read of main memory by one thread", f"{_bandwidth():.1f} GB/s; the kernel reads {X.itemsize * X.shape[1] / cpu / 1e9:.2f} GB/s of drivers")  # fmt: skip


def _bandwidth() -> float:
    """GB/s of a sum over an array beyond every cache."""
    array = np.ones(2**26, dtype=np.float64)
    array.sum()
    return array.nbytes / cost_of(array.sum)[0].cpu / 1e9


def growth(towers: Path, folder: Path) -> Iterator[Row]:
    """Processor time by pixels, trees and members."""
    rows = tower_rows(towers, "GPP")
    fields = product_fields("GPP", _AXES)

    def cpu(members: Mapping[str, FittedMember], drivers: xr.Dataset) -> float:
        predict_region(members, drivers, fields)
        return min(cost_of(lambda: predict_region(members, drivers, fields))[0].cpu for _ in range(3))  # fmt: skip

    sizes = {s: make_world(rows.X, (180 * s, 360 * s), 1, folder / f"{s}.zarr") for s in (1, 2, 4)}
    members = _xgb_members(towers, folder, 4)
    one = {"m0": members["m0"]}
    by_pixels = [cpu(one, drivers) for drivers in sizes.values()]
    yield _growth_row("pixels x 1, 4, 16", by_pixels)
    by_members = [cpu(dict(list(members.items())[:n]), sizes[4]) for n in (1, 2, 4)]
    yield _growth_row("members 1, 2, 4", by_members)
    by_trees = []
    for trees in (50, 100, 200):
        place = folder / f"trees{trees}"
        by_trees.append(cpu(_xgb_members(towers, place, 1, n_estimators=trees), sizes[4]))
    yield _growth_row("trees 50, 100, 200", by_trees)


def _growth_row(what: str, seconds: list[float]) -> Row:
    times = ", ".join(f"{s:.2f}" for s in seconds)
    ratios = ", ".join(f"{b / a:.2f}" for a, b in pairwise(seconds))
    return Row(f"XGB, processor seconds by {what}", f"{times} s", "-", ratios)


def memory(towers: Path, folder: Path) -> Iterator[Row]:
    """Peak memory of a process that makes a product, by months; what reading takes; workers."""
    rows = tower_rows(towers, "GPP")
    _xgb_members(towers, folder, 13)
    peaks = []
    two_threads = Execution(n_jobs=2)
    for months, members in ((12, 1), (12, 13), (36, 1)):
        if not (folder / f"d{months}.zarr").exists():
            make_world(rows.X, (720, 1440), months, folder / f"d{months}.zarr")
        peak, reading, predicting, writing, seconds = _apart(folder, months, members, two_threads)
        peaks.append(peak)
        what = f"Product of {months} months at 0.25 degrees, {members} XGB"
        yield Row(f"{what}: peak memory", f"{peak:.2f} GB", "-", "-", "< 2 GB", peak < 2)
        share = (reading + writing) / predicting
        yield Row(
            f"{what}: reading and writing over predicting",
            f"{reading + writing:.1f} s of two threads; {seconds:.1f} s in all",
            f"{predicting:.1f} s",
            f"{share:.2f}",
            "< 0.1",
            share < 0.1,
        )
    longer = peaks[2] / peaks[0]
    yield Row("Peak memory, 36 months over 12", "-", "-", f"{longer:.2f}", "≤ 1.1", longer <= 1.1)
    walls = [_apart(folder, 12, 13, Execution(local_workers=n))[4] for n in (1, 2)]
    yield Row(
        "12 months, 13 XGB, on one and on two workers, their start included",
        f"{walls[1]:.1f} s",
        f"{walls[0]:.1f} s",
        f"{walls[0] / walls[1]:.2f}",
        "≥ 1.7 on two idle cores",
        walls[0] / walls[1] >= 1.7,
    )


def _apart(folder: Path, months: int, members: int, execution: Execution) -> list[float]:
    """Make a product in a process of its own: peak GB, seconds by part, seconds in all."""
    numbers = (months, members, execution.n_jobs, execution.local_workers)
    found = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.inference",
            "--produce",
            str(folder),
            *map(str, numbers),
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [float(number) for number in found.stdout.split()[-5:]]


def _produce(folder: Path, months: int, number: int, n_jobs: int, workers: int) -> None:
    import resource

    members = {f"m{i}": FittedMember.load(folder / f"m{i}") for i in range(number)}
    drivers = xr.open_zarr(folder / f"d{months}.zarr", consolidated=False, chunks={})
    store = ProductStore(str(folder / "product.zarr"))
    store.remove()
    plan = Plan(
        "GPP",
        members,
        drivers,
        regions={"time": 1},
        chunks={"latitude": 180, "longitude": 360},
        execution=Execution(n_jobs=n_jobs, local_workers=workers),
    )
    made = produce(plan, store)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(peak, *made.busy, made.seconds)


BENCHMARKS: dict[str, Callable[[Path, Path], Iterator[Row]]] = {
    "reference": against_reference,
    "members": thirteen_members,
    "growth": growth,
    "memory": memory,
}


def main(argv: list[str]) -> int:
    """Print the table of the benchmarks that ``argv`` names."""
    if argv[:1] == ["--produce"]:
        _produce(Path(argv[1]), *map(int, argv[2:]))
        return 0
    parser = argparse.ArgumentParser(prog="python -m benchmarks inference", description=__doc__)
    parser.add_argument("--towers", type=Path, default=_TOWERS)
    parser.add_argument("--only", help="names of benchmarks, parted by commas")
    chosen = parser.parse_args(argv)
    names = chosen.only.split(",") if chosen.only else list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    print(f"Predictors of {PREDICTOR_SET}\n\n{header()}", flush=True)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            for row in BENCHMARKS[name](chosen.towers.resolve(), Path(folder)):
                print(row.markdown(f"python -m benchmarks inference --only {name}"), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
