"""Thresholds of USTAR and partitioning against diive's ports of ONEFlux and REddyProc, and hesseflux.

Annual sums are over the steps that both have, scaled to a year; r2 and NSE are of daily means.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.peers import PeerError
from benchmarks.table import line
from uflux_kedro.gapfilling import fill_mds, filter_by_ustar, ustar_thresholds
from uflux_kedro.gapfilling.partitioning import partition_day, partition_night

PROBE = Path(__file__).with_name("partitioning_probe.py")
GRAMS_A_YEAR = 12.011e-6 * 86400 * 365
"""gC m-2 yr-1 of a mean of 1 umol m-2 s-1."""

DIIVE = ("UFLUX_DIIVE_PYTHON", "'diive==0.92.*'")
HESSEFLUX = ("UFLUX_HESSEFLUX_PYTHON", "'hesseflux==5.*' 'pandas<3'")
PROGRAMS = {"REddyProc": DIIVE, "ONEFlux": DIIVE, "hesseflux": HESSEFLUX}
"""Whose method -> variable that names the interpreter, and what to install there."""

VIGNETTE = {0.3787882: 5.008512, 0.4508561: 5.154538, 0.6112386: 5.077625}
"""Threshold of USTAR, m s-1 -> mean GPP by nights, umol m-2 s-1, of DE-Tha 1998 in REddyProc's vignette
"typical use case": 5, 50 and 95 % of its own bootstrap."""


@dataclass(frozen=True)
class Record:
    """A record.

    Attributes:
        name: Site and year.
        table: The record.
        place: Latitude, longitude, hours ahead of UTC.
    """

    name: str
    table: pd.DataFrame
    place: tuple[float, float, float]

    @property
    def settings(self) -> dict[str, float]:
        """Place as arguments."""
        return dict(zip(("latitude", "longitude", "utc_offset"), self.place, strict=True))


def print_table(options: argparse.Namespace) -> None:
    """Print the tables of thresholds, of sums, and of REddyProc's published means."""
    tharandt = read_tharandt(options.half_hourly)
    vaira = read_oneflux(options.half_hourly, "US-Var_qca_ustar_2009")
    head("record", "thresholds of the quarters, m s-1", "largest difference", "5, 50, 95 %", "time")
    for record in (tharandt, vaira):
        print_rows(threshold_rows(record))
    print()
    head("record", "method", "peer", "flux", "ours", "peer's", "differs", "r2", "NSE", "time")
    for record in (tharandt, vaira):
        print_rows(sum_rows(record))
    print()
    head("threshold, m s-1", "mean GPP by nights, ours", "REddyProc's", "differs")
    print_rows(published_rows(tharandt))


def head(*names: str) -> None:
    """Print the head of a table."""
    print(line(*names))
    print(line(*["---"] * len(names)), flush=True)


def print_rows(rows: Iterator[tuple[str, ...]]) -> None:
    """Print rows one by one."""
    for row in rows:
        print(line(*row), flush=True)


def threshold_rows(record: Record) -> Iterator[tuple[str, ...]]:
    """Yield thresholds and how far those of diive are off."""
    start = time.perf_counter()
    found = ustar_thresholds(record.table)
    seconds = time.perf_counter() - start
    peer = ask("thresholds", DIIVE, record)
    quarters = found.seasons.iloc[0].to_numpy()
    percentiles = found.by_year((5, 50, 95)).iloc[0].to_numpy()
    off, theirs, factor = "-", "", "-"
    if peer is not None:
        values = peer[0]["threshold"].to_numpy()
        off = f"{np.nanmax(np.abs(values[:4] - quarters)):.1g}"
        theirs = f"; diive {', '.join(f'{v:.2f}' for v in values[4:])}"
        factor = f"{seconds:.2f} s; diive {peer[1]:.1f} s"
    yield (
        record.name,
        ", ".join(f"{v:.3f}" for v in quarters),
        off,
        ", ".join(f"{v:.2f}" for v in percentiles) + theirs,
        factor,
    )


def sum_rows(record: Record) -> Iterator[tuple[str, ...]]:
    """Yield the agreement of GPP and RECO with each program that is there."""
    for method, partition, errors in (
        ("nights", partition_night, (None,)),
        ("days", partition_day, (None, "residuals")),
    ):
        for error in errors:
            given = {} if error is None else {"error": error}
            start = time.perf_counter()
            ours = partition(record.table, **record.settings, **given)
            seconds = time.perf_counter() - start
            ours.columns = ["GPP", "RECO"]
            for program, interpreter in PROGRAMS.items():
                peer = ask(f"{program}, {method}", interpreter, record)
                if peer is None:
                    continue
                theirs = peer[0].set_index(record.table.index)
                for flux in ours:
                    yield (
                        record.name,
                        method if error is None else f"{method}, error by {error}",
                        program,
                        flux,
                        *agreement(ours[flux], theirs[flux]),
                        f"{seconds:.1f} s; {peer[1]:.0f} s",
                    )


def agreement(ours: pd.Series, theirs: pd.Series) -> tuple[str, ...]:
    """Return both annual sums, their difference, and r2 and NSE of daily means."""
    both = ours.notna() & theirs.notna()
    ours, theirs = ours[both], theirs[both]
    a, b = ours.resample("D").mean().dropna(), theirs.resample("D").mean().dropna()
    return (
        f"{ours.mean() * GRAMS_A_YEAR:.0f}",
        f"{theirs.mean() * GRAMS_A_YEAR:.0f}",
        f"{100 * (ours.mean() / theirs.mean() - 1):+.1f} %",
        f"{np.corrcoef(a, b)[0, 1] ** 2:.3f}",
        f"{1 - ((a - b) ** 2).sum() / ((b - b.mean()) ** 2).sum():.3f}",
    )


def published_rows(record: Record) -> Iterator[tuple[str, ...]]:
    """Yield mean GPP of DE-Tha 1998 for the thresholds of REddyProc's vignette."""
    table = record.table
    drivers = [table[name].to_numpy() for name in ("SW_IN", "TA", "VPD")]
    for threshold, published in VIGNETTE.items():
        NEE = filter_by_ustar(table, threshold, first_after=False)
        filled = fill_mds(NEE.to_numpy(), *drivers, steps_a_day=48).value
        found = partition_night(table.assign(NEE=NEE, NEE_F=filled), **record.settings)
        mean = found["GPP_NT"].mean()
        differs = f"{100 * (mean / published - 1):+.1f} %"
        yield f"{threshold:.3f}", f"{mean:.3f}", f"{published:.3f}", differs


ANSWERS: dict[tuple[str, str], tuple[pd.DataFrame, float]] = {}
"""What a program has made of a record, since the slow ones are asked twice."""


def ask(
    program: str, interpreter: tuple[str, str], record: Record
) -> tuple[pd.DataFrame, float] | None:
    """Return what a program makes of a record and the seconds it took; None if it is not there.

    Raises:
        PeerError: If it fails.
    """
    variable, requirements = interpreter
    python = os.environ.get(variable)
    if not python:
        print(f"{program} skipped: set {variable} to a Python with {requirements}", file=sys.stderr)
        return None
    if (program, record.name) not in ANSWERS:
        with tempfile.TemporaryDirectory(prefix="uflux-partitioning-") as name:
            folder = Path(name)
            # Without VPD the light curves of the others are told that it is humid.
            table = record.table if "VPD" in record.table else record.table.assign(VPD=0.0)
            table.to_csv(folder / "record.csv")
            (folder / "place.json").write_text(json.dumps(record.place))
            done = subprocess.run(
                [python, str(PROBE), program, name], check=False, capture_output=True, text=True
            )
            if done.returncode:
                raise PeerError(f"{program} in {python} failed:\n{done.stderr[-2000:]}")
            found = pd.read_csv(folder / "found.csv", index_col=0)
            seconds = json.loads((folder / "seconds.json").read_text())
            ANSWERS[program, record.name] = (found, seconds)
    return ANSWERS[program, record.name]


def read_tharandt(folder: Path) -> Record:
    """Return DE-Tha 1998, REddyProc's example."""
    names = {"Rg": "SW_IN", "Tair": "TA", "Ustar": "USTAR"}
    path = folder / "Example_DETha98.txt"
    table = pd.read_csv(path, sep="\t", skiprows=[1], na_values=[-9999]).rename(columns=names)
    table.index = pd.date_range("1998-01-01", periods=len(table), freq="30min", name="time")
    columns = ["NEE", "SW_IN", "TA", "VPD", "USTAR"]
    return Record("DE-Tha 1998", table[columns].astype(float), (50.96, 13.57, 1.0))


def read_oneflux(folder: Path, name: str) -> Record:
    """Return a site-year of ONEFlux, which has no VPD."""
    path = folder / f"oneflux_nee/{name}.csv.gz"
    lines = pd.read_csv(path, sep="\0", header=None)[0]
    start = int(np.argmax(lines.str.startswith("TIMESTAMP_START")))
    words = {text.split(",")[0]: text.split(",")[1:] for text in lines[:start]}
    table = pd.read_csv(path, skiprows=start, na_values=[-9999])
    table.index = pd.to_datetime(table["TIMESTAMP_START"].astype(str)).rename("time")
    place = (float(words["lat"][0]), float(words["lon"][0]), float(words["timezone"][1]))
    site, year = words["site"][0], words["year"][0]
    return Record(f"{site} {year}", table[["NEE", "SW_IN", "TA", "USTAR"]].astype(float), place)
