"""Models: skill and cost compared with other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.command import print_table
from benchmarks.models.cascade import fit_and_predict
from benchmarks.models.leave_one_out import leave_one_out
from benchmarks.models.packed import packed_prediction
from benchmarks.models.parity import parity
from benchmarks.table import Row

BENCHMARKS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    "parity": parity,
    "fit": fit_and_predict,
    "loso": leave_one_out,
    "packed": packed_prediction,
}


def main(arguments: list[str]) -> None:
    """Compare the models with other programs and print the table row by row."""
    print_table("models", main.__doc__, BENCHMARKS, arguments)
