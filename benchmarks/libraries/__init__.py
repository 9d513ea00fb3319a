"""Our code against libraries that could replace it.

    python -m benchmarks libraries
    python -m benchmarks libraries --only zones,means

The libraries are not dependencies of the project: those that are not installed are skipped with a
message. ``pip install exactextract regionmask geopandas pyogrio antimeridian zarrs flox``, best in a
separate environment, installs them all.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.command import chosen_names
from benchmarks.libraries import chunks, means, regions, zones
from benchmarks.libraries.contest import HEADER, Contest
from benchmarks.table import line

CONTESTS: Mapping[str, Callable[[Path], Iterator[Contest]]] = {
    "zones": zones.contests,
    "projected": zones.projected,
    "regions": regions.files,
    "sphere": regions.sphere,
    "chunks": chunks.contests,
    "means": means.contests,
}


def main(arguments: list[str]) -> None:
    """Print a line for each piece of our code and each library."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks libraries",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", help=f"comma-separated names among {','.join(CONTESTS)}")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, alternating")
    chosen = parser.parse_args(arguments)
    names = chosen_names(parser, chosen.only, CONTESTS)
    print(f"{line(*HEADER)}\n{line(*('---' for _ in HEADER))}", flush=True)
    with tempfile.TemporaryDirectory(prefix="uflux-libraries-") as folder:
        for name in names:
            for contest in CONTESTS[name](Path(folder)):
                if contest.missing:
                    message = f"{contest.library}: not installed: {', '.join(contest.missing)}"
                    print(message, file=sys.stderr, flush=True)
                    continue
                print(contest.run(chosen.rounds), flush=True)
