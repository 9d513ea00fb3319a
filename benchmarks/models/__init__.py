"""Models: skill equal to the peers', at a fraction of their cost."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.data import DEFAULT_TOWERS
from benchmarks.models.cascade import fit_and_predict
from benchmarks.models.leave_one_out import leave_one_out
from benchmarks.models.packed import packed_prediction
from benchmarks.models.parity import parity
from benchmarks.table import Row, header

BENCHMARKS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    "parity": parity,
    "fit": fit_and_predict,
    "loso": leave_one_out,
    "packed": packed_prediction,
}


def main(arguments: list[str]) -> None:
    """Compare the models with the peers, and print the table row by row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks models", description=main.__doc__)
    parser.add_argument("--towers", type=Path, default=DEFAULT_TOWERS, help="table of site-months")
    parser.add_argument("--only", help=f"some of {','.join(BENCHMARKS)}")
    chosen = parser.parse_args(arguments)
    names = chosen.only.split(",") if chosen.only else list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    print(header(), flush=True)
    for name in names:
        for row in BENCHMARKS[name](chosen.towers.resolve()):
            print(row.markdown(f"python -m benchmarks models --only {name}"), flush=True)
