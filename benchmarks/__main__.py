"""``python -m benchmarks FAMILY [OPTIONS]``: run a family of benchmarks and print its table."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from uflux_kedro.errors import UfluxError

FAMILIES = (
    "models",
    "skill",
    "ingestion",
    "grids",
    "inference",
    "libraries",
    "uncertainty",
    "gapfilling",
    "scale",
    "validation",
    "days",
    "carbonfluxbench",
    "companions",
)
"""Modules of this folder with ``main``, which takes the remaining arguments."""


def main(arguments: list[str] | None = None) -> int:
    """Run a family of benchmarks and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("family", choices=FAMILIES)
    given = sys.argv[1:] if arguments is None else arguments
    family = parser.parse_args(given[:1]).family
    try:
        return import_module(f"benchmarks.{family}").main(given[1:]) or 0
    except UfluxError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
