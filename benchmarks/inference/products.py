"""Whole products: memory, time of reading and writing, and worker processes."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from benchmarks.data import PROJECT, many_rows, tower_rows
from benchmarks.inference.world import AXES, CELLS, LAND, world_of, xgb_members
from benchmarks.table import Row
from benchmarks.timing import cost_of
from uflux_kedro.execution.engine import Execution
from uflux_kedro.models.fitted import FittedMember
from uflux_kedro.products.plan import Plan
from uflux_kedro.products.production import produce
from uflux_kedro.products.store import ProductStore

_TIMES = 3
_CHUNKS = {"latitude": 360, "longitude": 720}
_MONTHS = 6
"""Length of the product that reading and writing are timed for."""


def memory(towers: Path, folder: Path) -> Iterator[Row]:
    """Measure the peak memory of a process that makes a product, by months and members."""
    rows = tower_rows(towers, "GPP")
    xgb_members(towers, folder, 13)
    peaks = []
    for months, members in ((12, 1), (12, 13), (36, 1)):
        world_of(rows, months, folder)
        peak, seconds, _ = _apart(folder, months, members, n_jobs=2)
        peaks.append(peak)
        what = f"Product of {months} months at 0.25 degrees, {members} XGB, {seconds:.1f} s: peak memory"
        yield Row(what, f"{peak:.2f} GB", "-", "-", "< 2 GB", peak < 2)
    longer = peaks[2] / peaks[0]
    yield Row("Peak memory, 36 months over 12", "-", "-", f"{longer:.2f}", "≤ 1.1", longer <= 1.1)


def reading_and_writing(towers: Path, folder: Path) -> Iterator[Row]:
    """Compare reading and writing with predicting, all on one thread, and with their lower bound."""
    rows = tower_rows(towers, "GPP")
    members = xgb_members(towers, folder, 13)
    drivers = world_of(rows, _MONTHS, folder)
    store = ProductStore(str(folder / "product.zarr"))

    def busy(number: int) -> tuple[float, float, float]:
        few = dict(list(members.items())[:number])
        parts = []
        for _ in range(_TIMES):
            store.remove()
            parts.append(produce(plan_of(few, drivers, Execution(n_jobs=1)), store).busy)
        return tuple(np.median(parts, axis=0))

    one, all_members = busy(1), busy(13)
    X = many_rows(rows.X.to_numpy("float32"), round(CELLS[0] * CELLS[1] * LAND))
    model = members["m0"].model.set_params(n_jobs=1)
    months = [cost_of(lambda: model.predict(X))[0].wall for _ in range(_TIMES)]
    library = float(_MONTHS * np.median(months))
    what = f"{_MONTHS} months at 0.25 degrees, {_MONTHS * len(X) / 1e6:.1f} million pixels on land, one thread: reading and writing over"
    for name, (reading, _, writing), seconds in (
        ("XGBRegressor's own predict, 1 member", one, library),
        ("predicting, 13 XGB, packed", all_members, all_members[1]),
        ("predicting, 1 XGB, packed", one, one[1]),
    ):
        share = (reading + writing) / seconds
        yield Row(
            f"{what} {name}",
            f"reading {reading:.2f} s, writing {writing:.2f} s",
            f"{seconds:.2f} s",
            f"{share:.3f}",
            "< 0.1",
            share < 0.1,
        )
    seconds, size = _decoding(folder / f"d{_MONTHS}.zarr")
    yield Row(
        "Lower bound of reading: read and decode the files of the drivers' chunks, nothing else",
        f"{seconds:.2f} s, {size / seconds / 1e9:.1f} GB/s of drivers",
        f"{one[1]:.2f} s",
        f"{seconds / one[1]:.3f} of predicting, 1 XGB, packed",
    )


def _decoding(store: Path) -> tuple[float, int]:
    """Return seconds and bytes to read and decode all chunks of the predictors."""
    from numcodecs import blosc

    axes = {"time", "time_bnds", *AXES}
    arrays = [folder for folder in store.iterdir() if folder.is_dir() and folder.name not in axes]
    files = [f for folder in arrays for f in (folder / "c").rglob("*") if f.is_file()]

    def decode() -> int:
        return sum(len(blosc.decompress(f.read_bytes())) for f in files)

    decode()
    cost, size = cost_of(decode)
    return cost.wall, size


def workers(towers: Path, folder: Path) -> Iterator[Row]:
    """Compare a product on one and on two worker processes, with and without their start.

    Next to the ratio of wall times is the gain that two workers would have on cores of their own:
    twice the processor time of one divided by that of both.
    """
    rows = tower_rows(towers, "GPP")
    xgb_members(towers, folder, 13)
    for months, started, how in (
        (12, False, "with their start"),
        (36, False, "with their start"),
        (36, True, "already running"),
    ):
        world_of(rows, months, folder)
        one, two = (_apart(folder, months, 13, workers=n, started=started) for n in (1, 2))
        gain = one.seconds / two.seconds
        yield Row(
            f"{months} months, 13 XGB, on one and on two workers, {how}",
            f"{two.seconds:.1f} s",
            f"{one.seconds:.1f} s",
            f"{gain:.2f} (CPU {2 * one.cpu / two.cpu:.2f})",
            "≥ 1.7 on two idle cores",
            gain >= 1.7,
        )


def plan_of(members: Mapping[str, FittedMember], drivers: xr.Dataset, execution: Execution) -> Plan:
    """Return a plan with one month per region, four chunks, as in ``conf/global_monthly``."""
    return Plan("GPP", members, drivers, {"time": 1}, _CHUNKS, execution=execution)


class _Cost(NamedTuple):
    """Cost of a process that made a product: peak memory (GB), wall and processor time (s)."""

    peak: float
    seconds: float
    cpu: float


def _apart(
    folder: Path,
    months: int,
    members: int,
    n_jobs: int = 1,
    workers: int = 0,
    started: bool = False,
) -> _Cost:
    """Make a product in a process of its own; processor time includes its workers."""
    numbers = map(str, (months, members, n_jobs, workers, int(started)))
    before = _of_children()
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.inference.products", str(folder), *numbers],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    peak, seconds = map(float, found.stdout.split()[-2:])
    return _Cost(peak, seconds, _of_children() - before)


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _produce(
    folder: Path, months: int, number: int, n_jobs: int, workers: int, started: int
) -> None:
    members = {f"m{i}": FittedMember.load(folder / f"m{i}") for i in range(number)}
    drivers = xr.open_zarr(folder / f"d{months}.zarr", consolidated=False, chunks={})
    store = ProductStore(str(folder / "product.zarr"))
    store.remove()
    execution = Execution(n_jobs=n_jobs, local_workers=workers)
    if started:
        from distributed import LocalCluster

        with LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None
        ) as cluster:
            execution = Execution(n_jobs=1, address=cluster.scheduler_address)
            # Two regions per worker, so that all have loaded their models.
            produce(plan_of(members, drivers.isel(time=slice(2 * workers)), execution), store)
            store.remove()
            seconds = produce(plan_of(members, drivers, execution), store).seconds
    else:
        seconds = produce(plan_of(members, drivers, execution), store).seconds
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, seconds)


if __name__ == "__main__":
    _produce(Path(sys.argv[1]), *map(int, sys.argv[2:]))
