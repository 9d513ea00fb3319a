"""Gap filling of half-hourly records: against other programs, a known truth, and hidden records.

``python -m benchmarks gapfilling [--half-hourly FOLDER] [--only NAME]`` prints the tables of
``docs/gap_filling.md``. A table is a module of this folder with ``print_table``, which takes the
options.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from benchmarks.command import chosen_names
from benchmarks.data import PROJECT

TABLES = ("scoreboard", "sums", "years", "pooled", "speed", "partitioning")
"""Modules of this folder."""

LEFT_OUT = ("nights", "winter")
"""What towers of the annual sums may not have measured: nights, or October to April."""
HALF_HOURLY = Path("../shared/data/half_hourly")
"""Records, relative to the project's folder."""


def main(arguments: list[str]) -> None:
    """Print the tables that ``arguments`` name."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks gapfilling", description=main.__doc__
    )
    parser.add_argument(
        "--half-hourly", type=Path, default=PROJECT / HALF_HOURLY, help=f"default {HALF_HOURLY}"
    )
    parser.add_argument("--only", help=f"comma-separated names among {','.join(TABLES)}")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, alternating")
    parser.add_argument(
        "--records", help="comma-separated beginnings of the names of records; all by default"
    )
    parser.add_argument("--seeds", type=int, default=2, help="worlds of each record, default 2")
    parser.add_argument("--draws", type=int, default=2, help="of artificial gaps, default 2")
    parser.add_argument("--scenarios", help="comma-separated artificial gaps of the scoreboard")
    parser.add_argument(
        "--left-out",
        choices=LEFT_OUT,
        help="what no tower of the annual sums has measured; nothing by default",
    )
    parser.add_argument("--n-jobs", type=int, default=2, help="threads, default 2")
    parser.add_argument("--rows", type=Path, help="table (CSV) to write what tables summarise")
    options = parser.parse_args(arguments)
    for name in chosen_names(parser, options.only, TABLES):
        import_module(f"benchmarks.gapfilling.{name}").print_table(options)
