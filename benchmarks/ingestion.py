"""Time and memory to read towers: simulated files in the sources' own formats.

Each measurement runs in a process of its own, so that peak memory can be attributed to it.

    python -m benchmarks.ingestion              # all
    python -m benchmarks.ingestion "one table"  # those with these words in their name
    python -m benchmarks.ingestion network 40 80  # networks of 40 and of 80 towers by day
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from functools import partial
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

YEARS = range(1995, 2015)
COLUMNS = 240
TOWERS = 138
MONTHS = 86
"""Towers, and months per tower, as in the table of 138 FLUXNET2015 towers."""


TIDY = {
    "GPP": "GPP_NT_VUT_REF", "GPP_QC": "NEE_VUT_REF_QC", "NEE": "NEE_VUT_REF", "H": "H_CORR",
    "H_QC": "H_F_MDS_QC", "LE": "LE_CORR", "LE_QC": "LE_F_MDS_QC", "ERA_TA": "TA_ERA",
    "ERA_SW_IN": "SW_IN_ERA", "ERA_VPD": "VPD_ERA", "ERA_P": "P_ERA", "ERA_WS": "WS_ERA",
    "EVI": "EVI", "LAI": "LAI", "MODIS_NIRv": "MODIS_NIRV",
}  # fmt: skip
"""Our names -> some of the columns of the table of FLUXNET2015 towers."""


class Measured(NamedTuple):
    """One row of the table."""

    what: str
    reader: str
    seconds: float
    cpu_seconds: float
    peak_gigabytes: float
    result: str


def measure(what: str, reader: str, function: Callable[..., str], *arguments: Any) -> Measured:
    """Run a function in a fresh process; return its time, peak memory and result."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(sender, function, arguments))
    process.start()
    sender.close()
    try:
        numbers = receiver.recv()
    except EOFError:
        numbers = (float("nan"),) * 3 + ("ended without a result",)
    process.join()
    return Measured(what, reader, *numbers)


def _report(sender: Any, function: Callable[..., str], arguments: tuple[Any, ...]) -> None:
    start, cpu = time.perf_counter(), time.process_time()
    result = function(*arguments)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    sender.send((seconds, cpu, _peak_kibibytes() / 2**20, result))


def _peak_kibibytes() -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # On Linux getrusage includes the parent's memory at the fork.
    line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM:"))
    return int(line.split()[1])


# ---------------------------------------------------------------- simulated towers


def simulate_half_hours(folder: Path) -> Path:
    """Write a FULLSET zip of half-hours: twenty years, 240 columns, one year of noise repeated."""
    rng = np.random.default_rng(1)
    rows = 366 * 48
    hour = np.arange(rows) / 2 % 24
    sun = np.clip(np.sin((hour - 6) / 12 * np.pi), 0, None)
    known = {
        "TA_F": 10 + 5 * sun, "SW_IN_F": 600 * sun, "LW_IN_F": 300 + 20 * sun, "VPD_F": 2 + 8 * sun,
        "PA_F": 98 + 0 * sun, "P_F": 0.05 + 0 * sun, "WS_F": 2 + sun, "NETRAD": 400 * sun - 50,
        "G_F_MDS": 20 * sun, "USTAR": 0.2 + 0.2 * sun, "CO2_F_MDS": 390 + 0 * sun,
        "TS_F_MDS_1": 8 + sun, "NEE_VUT_REF": 3 - 15 * sun, "GPP_NT_VUT_REF": 15 * sun,
        "GPP_DT_VUT_REF": 15 * sun, "RECO_NT_VUT_REF": 3 + 0 * sun, "RECO_DT_VUT_REF": 3 + 0 * sun,
        "H_F_MDS": 120 * sun, "H_CORR": 130 * sun, "LE_F_MDS": 110 * sun, "LE_CORR": 120 * sun,
    }  # fmt: skip
    quality = [f"{n}_QC" for n in known if n.endswith(("_F", "_MDS", "NEE_VUT_REF"))]
    others = [f"NEE_CUT_{i:03d}" for i in range(COLUMNS - 2 - len(known) - len(quality))]
    values = {n: v + rng.normal(scale=0.01, size=rows) for n, v in known.items()}
    values |= {n: rng.integers(0, 3, size=rows) for n in quality}
    values |= {n: rng.normal(scale=5, size=rows) for n in others}
    text = StringIO()
    table = pd.DataFrame(values)
    table.to_csv(text, index=False, header=False, float_format="%.5g")
    bodies = text.getvalue().splitlines()
    stem = "FLX_XX-Aaa_FLUXNET2015_FULLSET"
    years = f"{YEARS[0]}-{YEARS[-1]}_1-4"
    path = folder / f"{stem}_{years}.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(f"{stem}_HH_{years}.csv", "w", force_zip64=True) as member,
    ):
        member.write((",".join(["TIMESTAMP_START", "TIMESTAMP_END", *table]) + "\n").encode())
        for year in YEARS:
            starts = pd.date_range(f"{year}", f"{year + 1}", freq="30min").strftime("%Y%m%d%H%M")
            lines = zip(starts[:-1], starts[1:], bodies, strict=False)
            member.write("".join(f"{a},{b},{c}\n" for a, b, c in lines).encode())
    return path


def simulate_months(folder: Path) -> Path:
    """Write 138 FULLSET zips of months and a site table, as in an unpacked download."""
    rng = np.random.default_rng(2)
    known = {
        "TA_F": 10, "SW_IN_F": 150, "LW_IN_F": 310, "VPD_F": 5, "PA_F": 98, "P_F": 2, "WS_F": 2,
        "CO2_F_MDS": 390, "NEE_VUT_REF": -1, "GPP_NT_VUT_REF": 5, "RECO_NT_VUT_REF": 4, "H_CORR": 40,
        "LE_CORR": 50,
    }  # fmt: skip
    shares = ["NEE_VUT_REF_QC", "H_F_MDS_QC", "LE_F_MDS_QC"]
    others = [f"NEE_CUT_{i:03d}" for i in range(322 - 1 - len(known) - len(shares))]
    months = pd.period_range("2007-01", periods=MONTHS, freq="M").strftime("%Y%m")
    values = {n: v * rng.uniform(0.9, 1.1, MONTHS) for n, v in known.items()}
    values |= {n: rng.uniform(0, 1, MONTHS) for n in shares}
    values |= {n: rng.normal(size=MONTHS) for n in others}
    text = pd.DataFrame({"TIMESTAMP": months} | values).to_csv(index=False, float_format="%.5g")
    sites = [f"XX-{a}{b}{c}" for a in "ABC" for b in "abcdefgh" for c in "uvwxyz"][:TOWERS]
    for site in sites:
        stem = f"FLX_{site}_FLUXNET2015_FULLSET"
        with zipfile.ZipFile(folder / f"{stem}_2007-2014_1-4.zip", "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr(f"{stem}_MM_2007-2014_1-4.csv", text)
    place = {"SITE_ID": sites, "LOCATION_LAT": 50.0, "LOCATION_LONG": 10.0, "IGBP": "ENF"}
    pd.DataFrame(place).to_csv(folder / "sites.csv", index=False)
    return folder


def simulate_table(folder: Path) -> Path:
    """Write one gzipped tidy table of the months of 138 towers, 53 columns."""
    rng = np.random.default_rng(3)
    rows = TOWERS * MONTHS
    months = pd.period_range("2007-01", periods=MONTHS, freq="M").strftime("%Y%m")
    table = pd.DataFrame(
        {"SITE_ID": np.repeat([f"XX-{i:03d}" for i in range(TOWERS)], MONTHS),
         "TIMESTAMP": np.tile(months, TOWERS), "LOCATION_LAT": 50.0, "LOCATION_LONG": 10.0,
         "IGBP": "ENF"}
    )  # fmt: skip
    table[list(TIDY.values())] = rng.uniform(0.1, 0.9, size=(rows, len(TIDY)))
    others = [f"OTHER_{i}" for i in range(53 - table.shape[1])]
    table[others] = rng.normal(size=(rows, len(others)))
    path = folder / "towers.csv.gz"
    table.to_csv(path, index=False, float_format="%.6g")
    return path


def simulate_network(folder: Path, towers: int) -> Path:
    """Write the archives of a network as the hubs deliver them since 2025: twenty years of days each.

    Tables have 390 columns. All towers have the same numbers, so that one table is compressed once
    and its archive copied under other names of the same length.
    """
    rng = np.random.default_rng(4)
    days = pd.date_range(f"{YEARS[0]}", f"{YEARS[-1]}-12-31")
    season = np.cos((days.dayofyear.to_numpy() - 200) / 365.25 * 2 * np.pi)
    known = {
        "TA_F": 10 + 10 * season, "SW_IN_F": 150 + 100 * season, "LW_IN_F": 310 + 30 * season,
        "VPD_F": 5 + 3 * season, "PA_F": 98 + 0 * season, "P_F": 2 + 0 * season, "WS_F": 2 + 0 * season,
        "NETRAD": 80 + 80 * season, "G_F_MDS": 2 * season, "USTAR": 0.3 + 0 * season,
        "CO2_F_MDS": 390 + 0 * season, "TS_F_MDS_1": 9 + 6 * season, "SWC_F_MDS_1": 30 - 5 * season,
        "NEE_VUT_REF": -1 - 2 * season, "NEE_CUT_REF": -1 - 2 * season, "GPP_NT_VUT_REF": 5 + 4 * season,
        "GPP_DT_VUT_REF": 5 + 4 * season, "RECO_NT_VUT_REF": 4 + 2 * season,
        "RECO_DT_VUT_REF": 4 + 2 * season, "H_F_MDS": 40 + 20 * season, "H_CORR": 45 + 20 * season,
        "LE_F_MDS": 50 + 30 * season, "LE_CORR": 55 + 30 * season,
    }  # fmt: skip
    spreads = [f"{n}_RANDUNC" for n in ("NEE_VUT_REF", "H", "LE")]
    spreads += [f"{n}_VUT_{p}" for n in ("NEE", "GPP_NT", "RECO_NT") for p in ("16", "84")]
    quality = [f"{n}_QC" for n in known if n.endswith(("_F", "_MDS", "_MDS_1", "NEE_VUT_REF"))]
    rest = 390 - 1 - len(known) - len(spreads) - len(quality)
    values = {n: v * rng.normal(1, 0.002, len(days)) for n, v in known.items()}
    values |= {n: rng.uniform(0.1, 1, len(days)) for n in [*spreads, *quality]}
    values |= {f"NEE_CUT_{i:03d}": rng.normal(size=len(days)) for i in range(rest)}
    table = pd.DataFrame({"TIMESTAMP": days.strftime("%Y%m%d")} | values)
    text = table.to_csv(index=False, float_format="%.6g")
    years = f"{YEARS[0]}-{YEARS[-1]}_v1.3_r1"
    first = _site(0)
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(f"AMF_{first}_FLUXNET_FLUXMET_DD_{years}.csv", text)
        for step in ("HH", "WW", "MM", "YY"):  # of which the names alone are looked at
            archive.writestr(f"AMF_{first}_FLUXNET_FLUXMET_{step}_{years}.csv", "TIMESTAMP\n")
        archive.writestr("README.txt", "simulated")
    sites = [_site(number) for number in range(towers)]
    for site in sites:
        content = packed.getvalue().replace(f"AMF_{first}_".encode(), f"AMF_{site}_".encode())
        (folder / f"AMF_{site}_FLUXNET_{years}.zip").write_bytes(content)
    classes = np.resize(["ENF", "DBF", "GRA", "CRO", "WET"], towers)
    place = {"SITE_ID": sites, "LOCATION_LAT": 50.0, "LOCATION_LONG": 10.0, "IGBP": classes}
    pd.DataFrame(place).to_csv(folder / "sites.csv", index=False)
    return folder


def _site(number: int) -> str:
    """Return the name of a tower; all have the same length."""
    return f"XX-{number:03d}"


# ---------------------------------------------------------------- readers


def with_this_project(path: str, resolution: str) -> str:
    """Read towers as the pipeline does; return a summary."""
    from uflux_kedro.readers import read_towers

    towers, _ = read_towers(path, resolution=resolution)
    return f"{len(towers)} rows, mean GPP {towers['GPP'].mean():.3f}"


def with_this_project_by_columns(path: str) -> str:
    """Read a tidy table with a column mapping; return a summary."""
    from uflux_kedro.readers import read_towers

    keys = {"site_id": "SITE_ID", "time": "TIMESTAMP", "latitude": "LOCATION_LAT",
            "longitude": "LOCATION_LONG", "IGBP": "IGBP"}  # fmt: skip
    towers, _ = read_towers(path, reader="tidy", columns=keys | TIDY)
    return f"{len(towers)} rows, mean GPP {towers['GPP'].mean():.3f}"


def with_plain_pandas_as_it_is(path: str) -> str:
    """Read a whole table without checks and conversions; return a summary."""
    raw = pd.read_csv(path, na_values=-9999)
    return f"{len(raw)} rows, mean GPP {raw['GPP_NT_VUT_REF'].mean():.3f}"


def with_plain_pandas(path: str) -> str:
    """Read the whole half-hourly table and average it to days, as in a notebook; return a summary."""
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as member:
        raw = pd.read_csv(member, na_values=-9999)
    times = pd.to_datetime(raw["TIMESTAMP_START"].astype(str), format="%Y%m%d%H%M")
    days = raw.set_index(times).resample("D").mean()
    gpp = days["GPP_NT_VUT_REF"] * 12.011e-6 * 86400
    return f"{len(days)} rows, mean GPP {gpp.mean():.3f}"


def with_plain_pandas_by_month(path: str) -> str:
    """Read every zip file completely; return a summary."""
    tables = []
    for file in sorted(Path(path).glob("*.zip")):
        with zipfile.ZipFile(file) as archive, archive.open(archive.namelist()[0]) as member:
            tables.append(pd.read_csv(member, na_values=-9999))
    raw = pd.concat(tables)
    return f"{len(raw)} rows, mean GPP {raw['GPP_NT_VUT_REF'].mean():.3f}"


def from_archives_to_training_table(path: str) -> str:
    """Read, check and admit towers and join their predictors, as the pipelines do; return a summary."""
    from uflux_kedro.features.training_table import build_training_table
    from uflux_kedro.pipelines.ingestion.nodes import read_tower_files
    from uflux_kedro.pipelines.ingestion.quality_nodes import admit_towers, check_tower_quality
    from uflux_kedro.quality.parameters import QualityParameters
    from uflux_kedro.readers.parameters import TowerParameters

    files = sorted(Path(path).iterdir())
    reading, checking = (
        TowerParameters(resolution="DD"),
        QualityParameters(on_suspicion="report", false_alarm=0.01),
    )
    towers, sites, _, lost, _ = read_tower_files(files, reading)
    _told("read")
    towers, findings, page = check_tower_quality(towers, sites, files, reading, checking)
    _told("checked")
    towers, sites, _ = admit_towers(towers, sites, findings, files, Path(path), checking, lost)
    table = build_training_table(towers, sites)
    _told("joined")
    return f"{len(table)} rows of {table['site_id'].nunique()} towers, page of {len(page) / 1e6:.1f} MB"


def _told(what: str) -> None:
    print(
        f"{what}: {time.process_time():.0f} CPU s, peak {_peak_kibibytes() / 2**20:.2f} GB",
        file=sys.stderr,
    )


def network(folder: Path, towers: int) -> list[Measured]:
    """Measure a network of towers by day, from archives to the training table."""
    simulate_network(folder, towers)
    what = f"{towers} towers by day, {len(YEARS)} years, zips of 390 columns, to the training table"
    return [measure(what, "uflux_kedro", from_archives_to_training_table, str(folder))]


def towers_half_hours_to_days(folder: Path) -> list[Measured]:
    """Measure one half-hourly FULLSET archive of twenty years, averaged to days."""
    path = simulate_half_hours(folder)
    place = {"SITE_ID": ["XX-Aaa"], "LOCATION_LAT": 50.0, "LOCATION_LONG": 10.0, "IGBP": "ENF"}
    pd.DataFrame(place).to_csv(folder / "sites.csv", index=False)
    what = f"half-hours to days: {len(YEARS)} years, {COLUMNS} columns, zip"
    return [
        measure(what, "uflux_kedro", with_this_project, str(path), "DD"),
        measure(what, "pandas.read_csv and resample", with_plain_pandas, str(path)),
    ]


def towers_months(folder: Path) -> list[Measured]:
    """Measure the monthly tables of 138 archives."""
    path = simulate_months(folder)
    what = f"{TOWERS} towers' months, {TOWERS} zips of 322 columns"
    return [
        measure(what, "uflux_kedro", with_this_project, str(path), "MM"),
        measure(what, "pandas.read_csv", with_plain_pandas_by_month, str(path)),
    ]


def towers_table(folder: Path) -> list[Measured]:
    """Measure one monthly table of 138 towers."""
    path = simulate_table(folder)
    what = f"{TOWERS} towers' months in one table"
    return [
        measure(what, "uflux_kedro", with_this_project_by_columns, str(path)),
        measure(what, "pandas.read_csv", with_plain_pandas_as_it_is, str(path)),
    ]


BENCHMARKS: list[tuple[str, Callable[[Path], list[Measured]]]] = [
    ("towers: half-hours", towers_half_hours_to_days),
    ("towers: months", towers_months),
    ("towers: one table", towers_table),
]


def main(argv: list[str]) -> None:
    """Run the benchmarks with the first argument in their name; print a markdown table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks ingestion", description=main.__doc__
    )
    parser.add_argument("name", nargs="?", default="", help="part of the names of those to run")
    parser.add_argument(
        "towers", nargs="*", type=int, default=[40, 80], help="of `network`: its numbers of towers"
    )
    asked = parser.parse_args(argv)
    chosen = [function for name, function in BENCHMARKS if asked.name in name]
    if asked.name == "network":
        chosen = [partial(network, towers=number) for number in asked.towers]
    print("| what | reader | seconds | CPU seconds | peak memory, GB | result |")
    print("|---|---|---|---|---|---|")
    for function in chosen:
        with tempfile.TemporaryDirectory(prefix="uflux-") as folder:
            for row in function(Path(folder)):
                print(
                    f"| {row.what} | {row.reader} | {row.seconds:.1f} | "
                    f"{row.cpu_seconds:.1f} | {row.peak_gigabytes:.2f} | {row.result} |",
                    flush=True,
                )


if __name__ == "__main__":
    main(sys.argv[1:])
