"""The product of ten years by thirteen members: killed, resumed, and what its log foretold."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import xarray as xr

from benchmarks.data import PROJECT, tower_rows
from benchmarks.inference.products import plan_of
from benchmarks.inference.world import world_of, xgb_members
from benchmarks.table import Row
from benchmarks.timing import Cost
from uflux_kedro.execution.engine import Execution
from uflux_kedro.models.fitted import FittedMember
from uflux_kedro.products.production import produce
from uflux_kedro.products.store import ProductStore

_MONTHS = 120
_MEMBERS = 13
_KILLED_AT = 60
"""Month at which the first run is killed."""

_SHORT = slice(48, 72)
"""Months around that, which a run without interruption makes on their own."""

_TOLD = re.compile(r"at the rate of the first \d+: ([\d.]+) (s|min|h) on")
_NOTHING = Cost(0.0, 0.0)
_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}


def ten_years(towers: Path, folder: Path) -> Iterator[Row]:
    """Make a product of ten years in two runs, the first killed, and compare it with the estimates."""
    world_of(tower_rows(towers, "GPP"), _MONTHS, folder)
    xgb_members(towers, folder, _MEMBERS)
    first = _Run.start(folder, "product", slice(0, _MONTHS))
    peaks = {1: first.peak_at(12), 5: first.peak_at(_KILLED_AT)}
    first.kill()
    kept = len(first.marks())
    second = _Run.start(folder, "product", slice(0, _MONTHS))
    peaks[6] = second.peak_at(_KILLED_AT + 12)
    peaks[10] = second.peak_at(_MONTHS - 1)
    made, kept_by_second = second.end()

    what = f"{_MONTHS} months at 0.25 degrees, {_MEMBERS} XGB, two threads"
    for name, run, runs in (
        (f"{what}, killed once", first, (first, second)),
        (f"The rest of it, {made} months", second, (second,)),
    ):
        told, took = run.estimate, sum(r.spent.wall for r in runs)
        ratio = took / told
        # What it would be if the run had as much of the cores throughout as until the estimate.
        by_cpu = sum(r.spent.cpu for r in runs) / (told * run.until_told.cpu / run.until_told.wall)
        yield Row(
            f"{name}: time taken, over the estimate in the log after the first regions",
            f"{took:.0f} s",
            f"{told:.0f} s",
            f"{ratio:.2f} (CPU {by_cpu:.2f})",
            "0.8 to 1.2",
            0.8 <= ratio <= 1.2,
        )
    yield Row(
        f"Months kept by the second run, of those finished at the kill ({_KILLED_AT} or more)",
        f"{kept_by_second}",
        f"{kept}",
        f"{kept_by_second / kept:.2f}",
        "1",
        kept_by_second == kept and kept_by_second + made == _MONTHS,
    )
    growth = max(peaks[5] / peaks[1], peaks[10] / peaks[6])
    yield Row(
        "Peak memory at year 1 and 5 of the first run, 6 and 10 of the second",
        ", ".join(f"{peak:.2f}" for peak in peaks.values()) + " GB",
        "-",
        f"{growth:.2f} within a run",
        "≤ 1.1",
        growth <= 1.1,
    )
    _Run.start(folder, "short", _SHORT).end()
    files, same = _compare(folder / "product.zarr", folder / "short.zarr")
    yield Row(
        f"Files of {_SHORT.stop - _SHORT.start} months around the kill with the bytes of a product of "
        "these months, made without interruption",
        f"{same}",
        f"{files}",
        f"{same / files:.2f}",
        "1",
        same == files,
    )


@dataclass
class _Run:
    """A process that makes a product; its log is followed."""

    process: subprocess.Popen[str]
    regions: Path
    lines: list[str] = field(default_factory=list)
    begun: Cost = _NOTHING
    until_told: Cost = _NOTHING
    spent: Cost = _NOTHING

    @classmethod
    def start(cls, folder: Path, name: str, months: slice) -> _Run:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.inference.ten_years", str(folder), name,
             str(months.start), str(months.stop)],
            cwd=PROJECT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        run = cls(process, folder / f"{name}.regions")
        Thread(target=run._follow, daemon=True).start()
        return run

    def _follow(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if line.startswith("begun"):
                self.begun = self._now()
            elif _TOLD.search(line):
                self.until_told = self._since_begun()
            elif line.startswith("made"):
                self.spent = self._since_begun()

    def _now(self) -> Cost:
        times = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return Cost(time.perf_counter(), sum(map(int, times[11:13])) / os.sysconf("SC_CLK_TCK"))

    def _since_begun(self) -> Cost:
        now = self._now()
        return Cost(now.wall - self.begun.wall, now.cpu - self.begun.cpu)

    def marks(self) -> list[Path]:
        return list(self.regions.glob("[0-9]*.json"))

    def peak_at(self, months: int) -> float:
        """Wait until so many months are finished and return the peak memory until then, GB."""
        while len(self.marks()) < months:
            if self.process.poll() is not None:
                raise RuntimeError("".join(self.lines))
            time.sleep(0.05)
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024**2

    def kill(self) -> None:
        self.spent = self._since_begun()
        self.process.kill()
        self.process.wait()

    def end(self) -> tuple[int, int]:
        """Wait for the end; return months made and months kept."""
        while not self.spent.wall:
            if self.process.poll():
                raise RuntimeError("".join(self.lines))
            time.sleep(0.05)
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        _, made, kept = next(line for line in self.lines if line.startswith("made")).split()
        return int(made), int(kept)

    @property
    def estimate(self) -> float:
        """Seconds that the log foretold."""
        for line in self.lines:
            if told := _TOLD.search(line):
                return float(told[1]) * _UNITS[told[2]]
        raise RuntimeError("no estimate in the log:\n" + "".join(self.lines))


def _compare(whole: Path, part: Path) -> tuple[int, int]:
    """Return the number of a part's files of regions, and how many are the same in the whole."""
    files = same = 0
    for file in part.glob("GPP*/c/*/*/*"):
        field_name, _, month, *place = file.relative_to(part).parts
        twin = whole.joinpath(field_name, "c", str(int(month) + _SHORT.start), *place)
        files += 1
        same += twin.is_file() and twin.read_bytes() == file.read_bytes()
    return files, same


def _produce(folder: Path, name: str, first: int, last: int) -> None:
    members = {f"m{i}": FittedMember.load(folder / f"m{i}") for i in range(_MEMBERS)}
    drivers = xr.open_zarr(folder / f"d{_MONTHS}.zarr", consolidated=False, chunks={})
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    print("begun", file=sys.stderr, flush=True)
    plan = plan_of(members, drivers.isel(time=slice(first, last)), Execution(n_jobs=2))
    done = produce(plan, ProductStore(str(folder / f"{name}.zarr")))
    print("made", done.made, done.kept, file=sys.stderr, flush=True)
    sys.stdin.readline()  # until the processor time is read


if __name__ == "__main__":
    _produce(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
