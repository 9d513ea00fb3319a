"""Grid inference: against the reference's path, and how its time and memory grow."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.data import DEFAULT_TOWERS, PREDICTOR_SET
from benchmarks.inference.kernels import against_reference, growth, thirteen_members
from benchmarks.inference.products import memory, reading_and_writing, workers
from benchmarks.table import Row, header

BENCHMARKS: Mapping[str, Callable[[Path, Path], Iterator[Row]]] = {
    "reference": against_reference,
    "members": thirteen_members,
    "growth": growth,
    "memory": memory,
    "share": reading_and_writing,
    "workers": workers,
}


def main(arguments: list[str]) -> None:
    """Print the table of the benchmarks that ``arguments`` name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks inference", description=__doc__)
    parser.add_argument("--towers", type=Path, default=DEFAULT_TOWERS, help="table of site-months")
    parser.add_argument("--only", help=f"some of {','.join(BENCHMARKS)}")
    chosen = parser.parse_args(arguments)
    names = chosen.only.split(",") if chosen.only else list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    print(f"Predictors of {PREDICTOR_SET}\n\n{header()}", flush=True)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            for row in BENCHMARKS[name](chosen.towers.resolve(), Path(folder)):
                print(row.markdown(f"python -m benchmarks inference --only {name}"), flush=True)
