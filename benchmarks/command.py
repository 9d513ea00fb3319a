"""Command line of a family of benchmarks that prints one table, row by row."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.data import DEFAULT_TOWERS
from benchmarks.table import Row, header


def print_table(
    family: str,
    description: str | None,
    benchmarks: Mapping[str, Callable[[Path], Iterator[Row]]],
    arguments: Sequence[str],
    above: str = "",
) -> None:
    """Run the benchmarks named in ``arguments`` and print their rows.

    Args:
        family: Name of the family.
        description: What the family measures.
        benchmarks: Name -> function that takes the path of the table of towers and yields rows.
        arguments: Arguments of the command line.
        above: Text above the table.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {family}", description=description)
    parser.add_argument("--towers", type=Path, default=DEFAULT_TOWERS, help="table of site-months")
    parser.add_argument("--only", help=f"comma-separated names among {','.join(benchmarks)}")
    chosen = parser.parse_args(arguments)
    names = chosen_names(parser, chosen.only, benchmarks)
    print(f"{above}{header()}", flush=True)
    for name in names:
        for row in benchmarks[name](chosen.towers.resolve()):
            print(row.markdown(f"python -m benchmarks {family} --only {name}"), flush=True)


def chosen_names(
    parser: argparse.ArgumentParser, only: str | None, benchmarks: Iterable[str]
) -> list[str]:
    """Names given to ``--only``, or all; ends the program where one is unknown."""
    known = list(benchmarks)
    names = only.split(",") if only else known
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error(f"unknown benchmark {', '.join(unknown)}: expected some of {', '.join(known)}")
    return names
