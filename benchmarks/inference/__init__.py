"""Grid inference: against the usual way through pandas, and growth of time and memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from benchmarks.command import print_table
from benchmarks.data import PREDICTOR_SET
from benchmarks.inference.checksums import checksums
from benchmarks.inference.kernels import against_reference, growth, thirteen_members
from benchmarks.inference.products import memory, reading_and_writing, workers
from benchmarks.inference.ten_years import ten_years
from benchmarks.inference.uncertainty import closing, uncertainty
from benchmarks.table import Row

BENCHMARKS: Mapping[str, Callable[[Path, Path], Iterator[Row]]] = {
    "reference": against_reference,
    "members": thirteen_members,
    "growth": growth,
    "memory": memory,
    "share": reading_and_writing,
    "workers": workers,
    "checksums": checksums,
    "uncertainty": uncertainty,
    "closing": closing,
    "ten_years": ten_years,
}


def main(arguments: list[str]) -> None:
    """Print the table of the benchmarks that ``arguments`` name."""
    benchmarks = {name: partial(_in_folder, measure) for name, measure in BENCHMARKS.items()}
    above = f"Predictors of {PREDICTOR_SET}\n\n"
    print_table("inference", __doc__, benchmarks, arguments, above)


def _in_folder(measure: Callable[[Path, Path], Iterator[Row]], towers: Path) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        yield from measure(towers, Path(folder))
