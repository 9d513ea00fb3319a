"""Time of marginal distribution sampling for a site-year, against diive and hesseflux.

Every fill is in a fresh process; the start of the interpreter, imports and the compilation of kernels
do not count. diive estimates every record, measured ones too, and so do we beside it; beside hesseflux
only gaps are filled.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.peers import PeerError
from benchmarks.table import Row, header, speed_row
from benchmarks.timing import Cost, Pairs
from uflux_kedro.errors import InputError

PROBE = Path(__file__).with_name("mds_probe.py")
LEAST = 20
"""Lowest ratio that meets the target."""
YEARS = 20
"""Length of the long record."""

Record = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Peer:
    """A library with its own interpreter.

    Attributes:
        library: Name in the probe.
        ours: Name in the probe of the same work of ours.
        variable: Environment variable that names its interpreter.
        requirements: What to install there.
    """

    library: str
    ours: str
    variable: str
    requirements: str


PEERS = (
    Peer("diive", "uflux_kedro, every record", "UFLUX_DIIVE_PYTHON", "'diive==0.92.*'"),
    Peer("hesseflux", "uflux_kedro, gaps", "UFLUX_HESSEFLUX_PYTHON", "'hesseflux==5.*' 'pandas<3'"),
)


def print_table(options: argparse.Namespace) -> None:
    """Print rows for each flux of DE-Tha 1998 and each peer that is there."""
    print(header(), flush=True)
    command = "python -m benchmarks gapfilling --only speed"
    for flux in ("NEE", "LE", "H"):
        record = read_tharandt(options.half_hourly, flux)
        for row in rows(f"DE-Tha 1998, {flux}", record, options.rounds):
            print(row.markdown(command), flush=True)
    print(long_row(read_tharandt(options.half_hourly, "NEE")).markdown(command), flush=True)


def rows(name: str, record: Record, rounds: int) -> Iterator[Row]:
    """Yield the ratio of times and the agreement for each peer that is there."""
    gaps = np.isnan(record["flux"])
    for peer in PEERS:
        python = os.environ.get(peer.variable)
        if not python:
            print(
                f"{peer.library} skipped: set {peer.variable} to a Python 3.12 with "
                f"`pip install {peer.requirements}`",
                file=sys.stderr,
                flush=True,
            )
            continue
        filled: dict[str, NDArray] = {}

        def run(library: str, python: str, filled: dict[str, NDArray] = filled) -> Cost:
            cost, filled[library] = fill_apart(library, python, record)
            return cost

        pairs = Pairs.in_turns(
            lambda _, peer=peer: run(peer.ours, sys.executable),  # type: ignore[misc]
            lambda _, peer=peer, python=python: run(peer.library, python),  # type: ignore[misc]
            rounds,
        )
        ours, theirs = pairs.walls()
        what = peer.ours.removeprefix("uflux_kedro, ")
        yield speed_row(
            f"MDS, {name}, {what}",
            pairs,
            LEAST,
            ours=f"{1000 * ours:.0f} ms",
            peer=f"{peer.library} {theirs:.2f} s",
        )
        mine, other = filled[peer.ours][gaps], filled[peer.library][gaps]
        alike = np.isclose(mine, other, rtol=1e-9, atol=1e-9)
        yield Row(
            f"MDS, {name}: gaps with the same value",
            f"{alike.sum()} of {gaps.sum()}",
            peer.library,
            f"mean differs by {np.nanmean(other) - np.nanmean(mine):+.1g}",
        )


def long_row(record: Record) -> Row:
    """Return the time of many years, each the same."""
    long = {name: np.tile(column, YEARS) for name, column in record.items()}
    cost, _ = fill_apart("uflux_kedro, gaps", sys.executable, long)
    return Row(f"MDS, {YEARS} years of half-hours, gaps", f"{cost.wall:.2f} s")


def fill_apart(library: str, python: str, record: Record) -> tuple[Cost, NDArray[np.float64]]:
    """Fill a record in a fresh process.

    Args:
        library: Name in the probe.
        python: Interpreter.
        record: Columns.

    Raises:
        PeerError: If the process fails.
    """
    with tempfile.TemporaryDirectory(prefix="uflux-mds-") as name:
        folder = Path(name)
        np.savez(folder / "record.npz", allow_pickle=False, **record)
        done = subprocess.run(
            [python, str(PROBE), library, name], check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise PeerError(f"{library} in {python} failed:\n{done.stderr[-2000:]}")
        return (
            Cost(*json.loads((folder / "cost.json").read_text())),
            np.load(folder / "filled.npy"),
        )


def read_tharandt(folder: Path, flux: str) -> Record:
    """Return a flux of DE-Tha 1998, the example of REddyProc, and its weather.

    Raises:
        InputError: If the file is absent.
    """
    path = folder / "Example_DETha98.txt"
    if not path.exists():
        raise InputError(path, None, expected="REddyProc's example", found="no file")
    table = pd.read_csv(path, sep="\t", skiprows=[1], na_values=[-9999], dtype="float64")
    names = {"flux": flux, "SW_IN": "Rg", "TA": "Tair", "VPD": "VPD"}
    return {ours: table[theirs].to_numpy() for ours, theirs in names.items()}
