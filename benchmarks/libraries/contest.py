"""One piece of own code and one library at the same work, each in processes of its own."""

from __future__ import annotations

import inspect
import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.probe import mark_memory, memory
from benchmarks.table import line
from benchmarks.timing import Cost, Pairs, cost_of

Work = Callable[[], NDArray]
Prepare = Callable[..., Work]
"""Imports, reads and warms up what is no part of the work, and returns the work."""

HEADER = (
    "work", "library", "ours", "library's", "time over ours", "largest difference",
    "memory added, ours and library's, MB", "own lines, now and with it", "installed, MB",
)  # fmt: skip


class Measured(NamedTuple):
    """What a piece of work took and gave.

    Attributes:
        cost: Its time.
        memory: Peak memory above what the process held before, MB.
        answer: Numbers that ours and the library's are compared by.
    """

    cost: Cost
    memory: float
    answer: NDArray


@dataclass(frozen=True)
class Contest:
    """A piece of own code and a library that could stand in its place.

    Attributes:
        work: What both do.
        library: The library, and how it is called where there is more than one way.
        packages: Distributions that it would add to those of the project.
        ours: Own code.
        theirs: The library's.
        arguments: Of both.
        replaced: Own functions, classes and modules that would go.
        stead: Functions that would be written in their place.
    """

    work: str
    library: str
    packages: tuple[str, ...]
    ours: Prepare
    theirs: Prepare
    arguments: tuple[Any, ...]
    replaced: tuple[Any, ...]
    stead: tuple[Any, ...]

    @property
    def missing(self) -> list[str]:
        """Packages that are not installed."""
        return [name for name in self.packages if _distribution(name) is None]

    def run(self, rounds: int) -> str:
        """Measure both in turns; returns a line of the table."""
        lines = f"{_lines(self.replaced)} and {_lines(self.stead)}"
        installed = f"{sum(_megabytes(name) for name in self.packages):.1f}"
        found = [(self._apart(self.ours), self._apart(self.theirs)) for _ in range(rounds)]
        mine, library = found[0]
        if isinstance(mine, str):
            raise RuntimeError(f"{self.work}: {mine}")
        if isinstance(library, str):
            return line(self.work, self.library, _seconds([mine.cost]), library, "-", "-", f"{mine.memory:.0f} and -", lines, installed)  # fmt: skip
        pairs = Pairs(*(tuple(one.cost for one in side) for side in zip(*found, strict=True)))
        peaks = [median(one.memory for one in side) for side in zip(*found, strict=True)]
        return line(
            self.work,
            self.library,
            _seconds(pairs.ours),
            _seconds(pairs.peer),
            f"{pairs.wall_ratio:.2f} (CPU {pairs.cpu_ratio:.2f})",
            f"{largest_difference(mine.answer, library.answer):.1g}",
            f"{peaks[0]:.0f} and {peaks[1]:.0f}",
            lines,
            installed,
        )

    def _apart(self, prepare: Prepare) -> Measured | str:
        """What was measured in a fresh process, or what went wrong there."""
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_report, args=(sender, prepare, self.arguments))
        process.start()
        sender.close()
        try:
            return receiver.recv()
        except EOFError:
            return "killed"
        finally:
            process.join()


def largest_difference(ours: NDArray, library: NDArray) -> float:
    """Largest difference of two answers, relative to ours; infinite where one alone is missing."""
    ours, library = ours.astype("float64"), library.astype("float64")
    if (np.isnan(ours) != np.isnan(library)).any():
        return np.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.abs(library - ours) / np.abs(ours)
    return float(np.nanmax(np.where(ours == library, 0.0, relative)))


def _report(sender: Any, prepare: Prepare, arguments: tuple[Any, ...]) -> None:
    try:
        work = prepare(*arguments)
        before = mark_memory()
        cost, answer = cost_of(work)
        sender.send(Measured(cost, memory("VmHWM") - before, answer))
    # Whatever a library raises is a finding.
    except Exception as error:
        sender.send(f"fails: {type(error).__name__} {error}".strip().splitlines()[0])


def _seconds(costs: list[Cost] | tuple[Cost, ...]) -> str:
    return f"{median(c.wall for c in costs):.3g} s"


def _lines(things: tuple[Any, ...]) -> int:
    return sum(len(inspect.getsource(thing).splitlines()) for thing in things)


def _distribution(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def _megabytes(name: str) -> float:
    found = _distribution(name)
    files = [Path(str(found.locate_file(file))) for file in found.files or ()] if found else []
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6
