"""The simulated Earth as raw files."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from uflux_kedro.demo_world.days import Days, simulate_days
from uflux_kedro.demo_world.files import Ledger, NetCDF, month_starts, write_whole
from uflux_kedro.demo_world.parameters import DemoWorldParameters
from uflux_kedro.demo_world.reanalyses import cfsv2_files, era5_files
from uflux_kedro.demo_world.satellites import land_cover_files, reflectance_files, sif_files
from uflux_kedro.demo_world.simulation import World, simulate
from uflux_kedro.demo_world.towers import make_towers, site_table
from uflux_kedro.simulated import WORD
from uflux_kedro.variables import VARIABLES

SOURCES = (
    "towers", "ERA5", "CFSV2", "MODIS", "AVHRR", "GOME2", "GOSAT755", "GOSAT772", "OCO2", "IGBP",
    "CO2",
)  # fmt: skip


_CO2_FILE = "CO2/co2_mm_gl.txt"


def write_demo_world(
    parameters: DemoWorldParameters, raw_folder: Path, truth_folder: Path
) -> pd.DataFrame:
    """Simulate an Earth and write it as raw files in the sources' own formats.

    The same parameters give the same bytes on the same machine. Each file appears under its name
    once it is complete; files of an earlier demo world with other parameters are removed.

    Args:
        parameters: Parameters of the simulation.
        raw_folder: Folder with one folder per source.
        truth_folder: Folder for the true fluxes, ``fluxes.nc``, to compare results with.

    Returns:
        One row per raw file: source, file (path below ``raw_folder``), bytes, sha256.

    Raises:
        ConfigurationError: If there are more towers than land cells.
        InputError: If a source's folder has files that no demo world wrote.
    """
    ledger = Ledger(raw_folder, SOURCES)
    world = simulate(parameters)
    days = simulate_days(world) if parameters.step == "day" else None
    write_whole(truth_folder / "fluxes.nc", _true_fluxes(world, days).write)

    for grid in _grids(world, days=days):
        ledger.write(grid.file, grid.write)

    towers = make_towers(world, days)
    contents = {f"towers/{name}": content for name, content in (t.archive() for t in towers)}
    contents["towers/sites.csv"] = site_table(world, towers).to_csv(index=False).encode()
    contents[_CO2_FILE] = _noaa_table(world).encode()
    for file, content in contents.items():
        ledger.write(file, partial(Path.write_bytes, data=content))
    return ledger.close()


def write_grids(world: World, folder: Path, sources: Collection[str] = SOURCES) -> None:
    """Write grids and the CO2 record of a world below an empty folder, one folder a source.

    Args:
        world: The world.
        folder: Folder to write to.
        sources: Names of :data:`SOURCES` that are wanted.
    """
    for grid in _grids(world, sources):
        write_whole(folder / grid.file, grid.write)
    if "CO2" in sources:
        write_whole(folder / _CO2_FILE, lambda path: path.write_text(_noaa_table(world)))


def _grids(
    world: World, sources: Collection[str] = SOURCES, days: Days | None = None
) -> Iterator[NetCDF]:
    makers = (
        (("ERA5",), partial(era5_files, days=days)),
        (("CFSV2",), cfsv2_files),
        (("MODIS", "AVHRR"), reflectance_files),
        (("GOME2", "GOSAT755", "GOSAT772", "OCO2"), sif_files),
        (("IGBP",), land_cover_files),
    )
    wanted = (make(world) for made, make in makers if set(made) & set(sources))
    return (grid for grid in chain.from_iterable(wanted) if grid.file.split("/")[0] in sources)


def _noaa_table(world: World) -> str:
    """Return CO2 in the format of NOAA's global monthly means."""
    lines = [
        f"# {WORD}: CO2 in the format of the NOAA Global Monitoring Laboratory's co2_mm_gl.txt",
        "# CO2 expressed as a mole fraction in dry air, micromol/mol, abbreviated as ppm",
        "#            year month     decimal     average  average_unc       trend   trend_unc",
    ]
    trend = pd.Series(world.CO2).rolling(12, center=True, min_periods=1).mean()
    for index, (average, smooth) in enumerate(zip(world.CO2, trend, strict=True)):
        year, month = world.parameters.first_year + index // 12, index % 12 + 1
        decimal = year + (month - 0.5) / 12
        lines.append(
            f"{year:17d} {month:5d} {decimal:11.3f} {average:11.2f} {0.10:12.2f} "
            f"{smooth:11.2f} {0.06:11.2f}"
        )
    return "\n".join(lines) + "\n"


def _true_fluxes(world: World, days: Days | None) -> NetCDF:
    earth, parameters = world.earth, world.parameters
    times = pd.DatetimeIndex(np.concatenate([month_starts(year) for year in parameters.years]))
    ends = times + pd.offsets.MonthBegin(1)
    fluxes, step = world.ecosystem.fluxes, "monthly"
    if days:
        times, ends = days.times, days.times + pd.offsets.Day()
        fluxes, step = days.fluxes, "daily"
    variables: dict[str, tuple] = {
        "time_bnds": (("time", "bnds"), np.stack([times, ends], axis=1)),
    }
    for name, flux in fluxes.items():
        grid = np.full((len(times), *earth.land.shape), np.nan, dtype=np.float32)
        grid[:, earth.land] = flux
        attributes = VARIABLES[name].cf_attributes() | {"cell_methods": "time: mean"}
        variables[name] = (("time", "latitude", "longitude"), grid, attributes)
    dataset = xr.Dataset(
        variables,
        {
            "time": ("time", times, {"standard_name": "time", "bounds": "time_bnds"}),
            "latitude": (
                "latitude",
                earth.latitude,
                {"standard_name": "latitude", "units": "degrees_north"},
            ),
            "longitude": (
                "longitude",
                earth.longitude,
                {"standard_name": "longitude", "units": "degrees_east"},
            ),
        },
        {
            "Conventions": "CF-1.11",
            "title": f"True {step} fluxes of the demo world",
            "source": f"Simulation, {parameters.model_dump_json()}",
        },
    )
    time = {"units": "days since 1970-01-01", "dtype": "int32"}
    return NetCDF("fluxes.nc", dataset, {"time": time, "time_bnds": time})
