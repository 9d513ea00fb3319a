"""Uncertainty on unseen towers and, in the demo world, on the map.

``python -m benchmarks uncertainty [--towers FILE] [--only NAME]`` prints the tables of
``docs/uncertainty.md`` and ``docs/hybrid.md``. A table is a module of this folder with
``print_table``, which takes the options.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from benchmarks.command import chosen_names
from benchmarks.skill.towers import PROJECT, TOWERS

TABLES = (
    "intervals",
    "methods",
    "gains",
    "sums",
    "space",
    "ranking",
    "closing",
    "learning",
    "next_tower",
    "closed_loop",
    "targets",
    "explanation",
    "hybrid",
)
"""Modules of this folder."""

SITES = Path("../shared/data/fluxnet_network/sites_2026.csv")
"""Places of the real network, relative to the project's folder."""


def main(arguments: list[str]) -> None:
    """Print the tables that ``arguments`` name."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks uncertainty", description=main.__doc__
    )
    parser.add_argument("--towers", type=Path, default=PROJECT / TOWERS, help=f"default {TOWERS}")
    parser.add_argument("--only", help=f"comma-separated names among {','.join(TABLES)}")
    parser.add_argument("--n-jobs", type=int, default=-1, help="CPU cores; -1 uses all")
    parser.add_argument("--cache", type=Path, help="folder of finished folds, to resume from")
    parser.add_argument("--resolution", type=float, help="of the closed loop's world, degrees")
    parser.add_argument("--sites", type=Path, default=PROJECT / SITES, help=f"default {SITES}")
    options = parser.parse_args(arguments)
    for name in chosen_names(parser, options.only, TABLES):
        import_module(f"benchmarks.uncertainty.{name}").print_table(options)
