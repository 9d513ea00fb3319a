"""Own code against the libraries that could stand in its place.

    python -m benchmarks libraries
    python -m benchmarks libraries --only zones,means

The libraries are no dependencies of the project: one that is not installed is skipped with a word.
``pip install exactextract regionmask geopandas pyogrio antimeridian zarrs flox`` brings them all;
an environment of their own keeps the project's as it is locked.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

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
    """Print a line for each piece of own code and each library."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks libraries",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", help=f"some of {','.join(CONTESTS)}")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, in turns")
    chosen = parser.parse_args(arguments)
    names = chosen.only.split(",") if chosen.only else list(CONTESTS)
    unknown = [name for name in names if name not in CONTESTS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(CONTESTS)}")
    print(f"{line(*HEADER)}\n{line(*('---' for _ in HEADER))}", flush=True)
    with tempfile.TemporaryDirectory(prefix="uflux-libraries-") as folder:
        for name in names:
            for contest in CONTESTS[name](Path(folder)):
                if contest.missing:
                    words = f"{contest.library}: not installed: {', '.join(contest.missing)}"
                    print(words, file=sys.stderr, flush=True)
                    continue
                print(contest.run(chosen.rounds), flush=True)
