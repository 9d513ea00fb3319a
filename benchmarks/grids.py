"""Time and memory to average hours of a global 0.25 degree reanalysis to months or days.

    python -m benchmarks.grids --months 1 12
    python -m benchmarks.grids --span day --peer --repeats 3

ERA5 files are simulated: three variables (t2m, ssrd, tp), one file per day of 721 x 1440 cells
(fewer with --degrees), all with the same 24 maps, which are rough enough to compress like real ones.
Each record is read in a process of its own, whose peak resident memory is reported; as in a run, the
means are written to a Zarr store as in the catalog, twelve after another. Seconds are those of reading,
averaging and writing, without the import of libraries. Memory grows with the record only by the list of
its files and the plan of the work on them.

With --peer, cdo averages the same files in turns (``cdo -monmean -mergetime``, Debian's package); where it
is not installed it is left out, with a word.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Literal

import netCDF4
import numpy as np
import pandas as pd

from benchmarks.timing import cost_of

VARIABLES = {"t2m": "K", "ssrd": "J m**-2", "tp": "m"}
FIRST = "2001-01-01"


def main(argv: list[str] | None = None) -> int:
    """Print time and memory by length of the record; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grids", description=main.__doc__)
    parser.add_argument("--months", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--degrees", type=float, default=0.25, help="edge of a cell")
    parser.add_argument("--folder", type=Path, help="where temporary files are written")
    parser.add_argument("--span", choices=("month", "day"), default="month")
    parser.add_argument("--peer", action="store_true", help="average by cdo too")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args(argv)
    if chosen.read:
        print(json.dumps(read_means(chosen.read, chosen.span)))
        return 0
    if chosen.peer and shutil.which("cdo") is None:
        print("cdo is not installed: left out", file=sys.stderr)
        chosen.peer = False
    print(
        "| by | months | days | files, GB | maps | seconds | processor seconds | peak memory, MB |"
    )
    print("|---|---|---|---|---|---|---|---|")
    folder = Path(tempfile.mkdtemp(prefix="uflux-grids-", dir=chosen.folder))
    try:
        days = 0
        for months in sorted(chosen.months):
            dates = pd.date_range(
                FIRST, pd.Timestamp(FIRST) + pd.DateOffset(months=months), inclusive="left"
            )
            simulate(folder, dates[days:], chosen.degrees)
            days = len(dates)
            size = sum(file.stat().st_size for file in folder.glob("*.nc")) / 1e9
            costs: dict[str, list[dict[str, float]]] = {"uflux_kedro": []}
            for _ in range(chosen.repeats):
                costs["uflux_kedro"].append(_ours(folder, chosen.span))
                if chosen.peer:
                    costs.setdefault("cdo", []).append(_cdo(folder, chosen.span))
            for name, runs in costs.items():
                cost = {key: median(run[key] for run in runs) for key in runs[0]}
                print(
                    f"| {name} | {months} | {days} | {size:.1f} | {days * 24 * len(VARIABLES)} "
                    f"| {cost['seconds']:.1f} | {cost['cpu']:.1f} | {cost['memory']:.0f} |",
                    flush=True,
                )
            if chosen.peer:
                _print_ratios(costs["uflux_kedro"], costs["cdo"])
    finally:
        shutil.rmtree(folder)
    return 0


def _print_ratios(ours: list[dict[str, float]], peer: list[dict[str, float]]) -> None:
    for key, name in (("seconds", "seconds"), ("cpu", "processor seconds")):
        ratios = sorted(o[key] / p[key] for o, p in zip(ours, peer, strict=True))
        print(
            f"{name}, ours over cdo: {median(ratios):.2f} "
            f"({ratios[0]:.2f} to {ratios[-1]:.2f} in {len(ratios)} pairs)",
            flush=True,
        )


def _ours(folder: Path, span: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.grids", "--read", str(folder), "--span", span]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return dict(json.loads(found))


def _cdo(folder: Path, span: str) -> dict[str, float]:
    """Average by cdo; return seconds, processor seconds and peak resident memory in MB."""
    operator = {"month": "-monmean", "day": "-daymean"}[span]
    files = sorted(str(file) for file in folder.glob("era5_*.nc"))
    result = folder / "cdo.out"
    start = time.perf_counter()
    child = subprocess.Popen(["cdo", "-s", operator, "-mergetime", *files, str(result)])
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"cdo ended with {child.returncode}")
    result.unlink()
    cpu = usage.ru_utime + usage.ru_stime
    return {"seconds": seconds, "cpu": cpu, "memory": usage.ru_maxrss / 1024}


def simulate(folder: Path, dates: pd.DatetimeIndex, degrees: float = 0.25) -> None:
    """Write one file per day, in the format of hourly ERA5 from the Climate Data Store since 2024."""
    for date in dates:
        path = folder / f"era5_{date:%Y%m%d}.nc"
        pattern = next(folder.glob("era5_*.nc"), None)
        if pattern is None:
            _write_day(path, degrees)
        else:
            shutil.copyfile(pattern, path)
        with netCDF4.Dataset(path, "a") as file:
            start = (date - pd.Timestamp("1970-01-01")).total_seconds()
            file["valid_time"][:] = start + 3600 * np.arange(24)


def _write_day(path: Path, degrees: float) -> None:
    rng = np.random.default_rng(0)
    with netCDF4.Dataset(path, "w") as file:
        axes = {
            "valid_time": np.zeros(24),
            "latitude": np.linspace(90, -90, round(180 / degrees) + 1),
            "longitude": np.arange(round(360 / degrees)) * degrees,
        }
        cells = len(axes["latitude"]), len(axes["longitude"])
        for name, values in axes.items():
            file.createDimension(name, len(values))
            axis = file.createVariable(name, "i8" if name == "valid_time" else "f8", (name,))
            axis[:] = values
        file["valid_time"].units = "seconds since 1970-01-01"
        for name, unit in VARIABLES.items():
            data = file.createVariable(
                name,
                "f4",
                tuple(axes),
                zlib=True,
                complevel=1,
                chunksizes=(1, *cells),
            )
            data.units = unit
            for hour in range(24):
                data[hour] = _map(name, hour, axes["latitude"], axes["longitude"], rng)


def _map(
    name: str,
    hour: int,
    latitude: np.ndarray,
    longitude: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return a map with noise, rounded about as finely as ERA5 is packed."""
    latitude, longitude = np.deg2rad(latitude)[:, None], np.deg2rad(longitude)[None, :]
    noise = rng.normal(size=(latitude.size, longitude.size))
    sun = np.clip(np.cos(latitude) * np.cos(longitude + 2 * np.pi * (hour - 12) / 24), 0, None)
    if name == "ssrd":
        return np.round(3.6e6 * sun * np.clip(0.7 + 0.1 * noise, 0, 1) / 64) * 64
    if name == "tp":
        return np.round(np.clip(noise - 1, 0, None) * 1e-3 * 2**20) / 2**20
    return np.round((250 + 45 * np.cos(latitude) + 5 * sun + noise) * 512) / 512


def read_means(folder: Path, span: Literal["month", "day"]) -> dict[str, float]:
    """Average a folder of hours to months or days.

    Returns:
        Seconds, processor seconds, and peak resident memory of this process in MB.
    """
    from uflux_kedro.datasets import ZarrCubeDataset
    from uflux_kedro.gridding.means import means_over
    from uflux_kedro.readers import read_cube

    def work() -> ZarrCubeDataset:
        cube = read_cube("era5", folder, pattern="*.nc", variables=["TA", "SW_IN", "P"])
        store = ZarrCubeDataset(filepath=str(folder / "means.zarr"), chunks={"time": 12})
        store.save(means_over(cube, "era5", span))
        return store

    cost, store = cost_of(work)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    means = store.load()
    for time_ in range(means.sizes["time"]):
        for name, values in means.isel(time=time_).data_vars.items():
            assert np.isfinite(values.to_numpy()).all(), name
    shutil.rmtree(folder / "means.zarr")
    return {"seconds": cost.wall, "cpu": cost.cpu, "memory": memory}


if __name__ == "__main__":
    sys.exit(main())
