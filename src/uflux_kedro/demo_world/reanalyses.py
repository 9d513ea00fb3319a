"""ERA5 and CFSv2 files of the simulated Earth: its weather with the errors of each system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr

from uflux_kedro.biophysics.radiation import ZERO_CELSIUS
from uflux_kedro.biophysics.vapour_pressure import saturation_vapour_pressure, specific_humidity
from uflux_kedro.demo_world.days import Days
from uflux_kedro.demo_world.earth import Array
from uflux_kedro.demo_world.files import NetCDF, month_starts
from uflux_kedro.demo_world.simulation import World
from uflux_kedro.variables import VARIABLES

_SECONDS_PER_DAY = 86400.0

_ERRORS = {
    # constant error, error of a month; relative for the variables in _RELATIVE
    "TA": (0.5, 0.4),
    "TD": (0.6, 0.5),
    "TS": (0.7, 0.5),
    "LW_IN": (4.0, 3.0),
    "PA": (0.15, 0.05),
    "U": (0.4, 0.4),
    "V": (0.4, 0.4),
    "SW_IN": (0.03, 0.04),
    "P": (0.12, 0.22),
}
_RELATIVE = ("SW_IN", "P")

_ERA5_UNITS = {
    "t2m": "K", "d2m": "K", "stl1": "K", "ssrd": "J m**-2", "strd": "J m**-2", "sp": "Pa",
    "tp": "m", "u10": "m s**-1", "v10": "m s**-1",
}  # fmt: skip
_CFSV2_UNITS = {
    "TA": "K", "QV": "kg kg-1", "SW_IN": "W m-2", "SWC": "1", "U": "m s-1", "V": "m s-1",
    "P": "kg m-2 s-1", "PA": "Pa",
}  # fmt: skip


def era5_files(world: World, days: Days | None = None) -> Iterator[NetCDF]:
    """Yield ERA5 files by year, in the format of the Climate Data Store since 2024.

    Args:
        world: The world.
        days: Its days, for daily statistics; None for monthly means.
    """
    parameters = world.parameters
    seen = _seen(world, "ERA5", parameters.climate_error, days.weather if days else None)
    variables = {
        "t2m": seen["TA"] + ZERO_CELSIUS,
        "d2m": seen["TD"] + ZERO_CELSIUS,
        "stl1": seen["TS"] + ZERO_CELSIUS,
        "ssrd": seen["SW_IN"] * _SECONDS_PER_DAY,
        "strd": seen["LW_IN"] * _SECONDS_PER_DAY,
        "sp": seen["PA"] * 1000,
        "tp": seen["P"] / 1000,
        "u10": seen["U"],
        "v10": seen["V"],
    }
    step = parameters.resolution
    coordinates = {
        "latitude": ("latitude", np.arange(90, -90 - step / 2, -step), {"units": "degrees_north"}),
        "longitude": ("longitude", np.arange(0, 360, step), {"units": "degrees_east"}),
        "number": ((), 0, {"long_name": "ensemble member numerical id"}),
    }
    for index, year in enumerate(parameters.years):
        rows: slice | np.ndarray = slice(12 * index, 12 * index + 12)
        times, word = month_starts(year), "monthly"
        if days:
            rows, word = np.flatnonzero(days.times.year == year), "daily"
            times = days.times[rows]
        dataset = xr.Dataset(
            {
                name: (
                    ("valid_time", "latitude", "longitude"),
                    _at_nodes(values[rows]).astype(np.float32),
                    {"units": _ERA5_UNITS[name]},
                )
                for name, values in variables.items()
            },
            coordinates
            | {
                "valid_time": ("valid_time", times, {"standard_name": "time"}),
                "expver": ("valid_time", np.full(len(times), "0001")),
            },
            {"Conventions": "CF-1.7", "institution": "Simulated, in the format of ECMWF ERA5"},
        )
        time = {"units": "seconds since 1970-01-01", "dtype": "int64"}
        yield NetCDF(f"ERA5/era5_{word}_{year}.nc", dataset, {"valid_time": time})


def cfsv2_files(world: World) -> Iterator[NetCDF]:
    """Yield CFSv2 files by year, with CFSv2's names; soil moisture is missing at sea."""
    earth, SWC, parameters = world.earth, world.ecosystem.SWC, world.parameters
    seen = _seen(world, "CFSV2", 1.5 * parameters.climate_error)
    moisture = np.full(seen["TA"].shape, np.nan, dtype=np.float32)
    wetter = 0.04 * world.fields.monthly("CFSV2 SWC", 1000, len(SWC), 0.7)[:, earth.land]
    wetter = wetter + 0.03 * world.fields.static("CFSV2 SWC, lasting", 800)[earth.land]
    moisture[:, earth.land] = np.clip(SWC + parameters.climate_error * wetter, 0.01, 0.55)
    variables = {
        "TA": seen["TA"] + ZERO_CELSIUS,
        "QV": specific_humidity(saturation_vapour_pressure(seen["TD"]), seen["PA"]),
        "SW_IN": seen["SW_IN"],
        "SWC": moisture,
        "U": seen["U"],
        "V": seen["V"],
        "P": seen["P"] / _SECONDS_PER_DAY,
        "PA": seen["PA"] * 1000,
    }
    half = earth.longitude.size // 2
    coordinates = {
        "lat": ("lat", earth.latitude[::-1], {"units": "degrees_north"}),
        "lon": ("lon", np.roll(earth.longitude % 360, -half), {"units": "degrees_east"}),
    }
    for index, year in enumerate(parameters.years):
        months = slice(12 * index, 12 * index + 12)
        dataset = xr.Dataset(
            {
                VARIABLES[name].aliases["cfsv2"][0]: (
                    ("time", "lat", "lon"),
                    np.roll(values[months, ::-1], -half, axis=2).astype(np.float32),
                    {"units": _CFSV2_UNITS[name]},
                )
                for name, values in variables.items()
            },
            coordinates | {"time": ("time", month_starts(year))},
            {"Conventions": "CF-1.6", "institution": "Simulated, in the format of NCEP CFSv2"},
        )
        time = {"units": "hours since 1970-01-01", "dtype": "int64"}
        yield NetCDF(f"CFSV2/cfsv2_monthly_{year}.nc", dataset, {"time": time})


def _seen(
    world: World, system: str, scale: float, weather: Mapping[str, Array] | None = None
) -> dict[str, Array]:
    """Return the weather of one system, with smooth constant errors and errors of each month or day."""
    seen = {}
    for name, (constant, monthly) in _ERRORS.items():
        truth: Array = getattr(world.climate, name) if weather is None else weather[name]
        error = constant * world.fields.static(f"{system} {name}, lasting", 1200)
        error = error + monthly * world.fields.monthly(f"{system} {name}", 700, len(truth), 0.3)
        seen[name] = truth * np.exp(scale * error) if name in _RELATIVE else truth + scale * error
    seen["TD"] = np.minimum(seen["TD"], seen["TA"])
    return seen


def _at_nodes(values: Array) -> Array:
    """Interpolate cells to the corners between them, ERA5's nodes: 90 to -90, 0 to 360."""
    rows = np.concatenate([values[:, :1], values, values[:, -1:]], axis=1)
    rows = (rows[:, 1:] + rows[:, :-1]) / 2
    nodes = (rows + np.roll(rows, 1, axis=2)) / 2
    return np.roll(nodes[:, ::-1], -(values.shape[2] // 2), axis=2)
