"""Measurement of our code and a library at the same work, each in fresh processes."""

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
"""Function that does all preparations, which are not measured, and returns the work."""

HEADER = (
    "work", "library", "ours", "library's", "library's time / ours", "largest difference",
    "memory added, ours and library's, MB", "lines of code, ours and with the library", "installed, MB",
)  # fmt: skip


class Measured(NamedTuple):
    """Cost and result of a piece of work.

    Attributes:
        cost: Its time.
        memory: Peak memory above that before the work, MB.
        answer: Result, to compare ours with the library's.
    """

    cost: Cost
    memory: float
    answer: NDArray


@dataclass(frozen=True)
class Contest:
    """A piece of our code and a library that could replace it.

    Attributes:
        work: Description of the work.
        library: The library, and the function used if there are several.
        packages: Distributions that the project would need in addition.
        ours: Prepares our code.
        theirs: Prepares the library's code.
        arguments: Arguments of both.
        replaced: Our functions, classes and modules that would be removed.
        new: Functions that would be added instead.
    """

    work: str
    library: str
    packages: tuple[str, ...]
    ours: Prepare
    theirs: Prepare
    arguments: tuple[Any, ...]
    replaced: tuple[Any, ...]
    new: tuple[Any, ...]

    @property
    def missing(self) -> list[str]:
        """Names of packages that are not installed."""
        return [name for name in self.packages if _distribution(name) is None]

    def run(self, rounds: int) -> str:
        """Measure both alternately; return a line of the table."""
        lines = f"{_lines(self.replaced)} and {_lines(self.new)}"
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
        """Return the measurement in a fresh process, or the error there."""
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
    """Return the largest difference relative to ours; infinite if only one of them is missing."""
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
    # Any exception of a library is a result.
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
