"""Satellite files of the simulated Earth: reflectances, fluorescence, land cover."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from uflux_kedro.demo_world.earth import Array, Earth
from uflux_kedro.demo_world.files import NetCDF, month_starts
from uflux_kedro.demo_world.simulation import World

_SIF_FILL = np.float32(-999.0)
_PAR_SHARE = 0.45
_CLEAR_SKY = 0.75


def reflectance_files(world: World) -> Iterator[NetCDF]:
    """Yield MODIS MCD43C4 and AVHRR AVH09C1 files by year, missing at sea and under cloud."""
    earth, parameters = world.earth, world.parameters
    sensors = (
        ("MODIS/MCD43C4_{}.nc", ("lat", "lon"), 32767, 1.0,
         {"Nadir_Reflectance_Band1": "RED", "Nadir_Reflectance_Band2": "NIR",
          "Nadir_Reflectance_Band3": "BLUE"}),
        ("AVHRR/AVH09C1_{}.nc", ("latitude", "longitude"), -9999, 2.0,
         {"SREFL_CH1": "RED", "SREFL_CH2": "NIR"}),
    )  # fmt: skip
    for file, (lat, lon), fill, noise, bands in sensors:
        clear = _clear(world, f"{file} gaps")
        seen = {
            band: _reflectance(
                getattr(world.ecosystem, name),
                world.fields.generator(f"{file} {name}"),
                # The dark bands of leaves have less noise than the bright near-infrared.
                noise * parameters.reflectance_noise * (1.0 if name == "NIR" else 0.5),
            )
            for band, name in bands.items()
        }
        for index, year in enumerate(parameters.years):
            months = slice(12 * index, 12 * index + 12)
            dataset = xr.Dataset(
                {
                    band: (
                        ("time", lat, lon),
                        _on_map(earth, np.where(clear, values, np.nan)[months])[:, ::-1],
                        {"long_name": band, "units": "1"},
                    )
                    for band, values in seen.items()
                },
                {
                    "time": ("time", month_starts(year)),
                    lat: (lat, earth.latitude[::-1], {"units": "degrees_north"}),
                    lon: (lon, earth.longitude, {"units": "degrees_east"}),
                },
            )
            packing = {"dtype": "int16", "scale_factor": 1e-4, "_FillValue": np.int16(fill)}
            encoding = dict.fromkeys(bands, packing)
            time = {"units": "days since 2000-01-01", "dtype": "int32"}
            yield NetCDF(file.format(year), dataset, encoding | {"time": time})


def sif_files(world: World) -> Iterator[NetCDF]:
    """Yield SIF files of GOME-2, of GOSAT at two wavelengths on a coarser grid, and of CSIF."""
    earth, climate, ecosystem = world.earth, world.climate, world.ecosystem
    parameters = world.parameters
    sunlight = _PAR_SHARE * climate.SW_IN[:, earth.land]
    emitted = 0.023 * sunlight * ecosystem.fapar * (0.55 + 0.45 * ecosystem.stress)
    noise = parameters.sif_noise
    products = (
        # folder, file, variable, brightness relative to 740 nm, cells per side of a pixel
        ("GOME2", "GOME2_SIF_{}.nc", "SIF_740", 1.0, 1),
        ("GOSAT755", "GOSAT_SIF755_{}.nc", "SIF_755", 0.6, 2),
        ("GOSAT772", "GOSAT_SIF772_{}.nc", "SIF_772", 0.45, 2),
    )
    for folder, file, name, brightness, side in products:
        rng = world.fields.generator(folder)
        clear = _clear(world, f"{folder} gaps")
        signal = brightness * emitted + rng.normal(scale=noise, size=emitted.shape)
        maps = _on_map(earth, np.where(clear, signal, np.nan))
        for index, year in enumerate(parameters.years):
            values = _coarsened(maps[12 * index : 12 * index + 12], side)
            dataset = _sif_dataset(earth, name, values, month_starts(year), side)
            yield NetCDF(f"{folder}/{file.format(year)}", dataset, _sif_encoding(name))

    clear_sky = 0.0052 * _PAR_SHARE * _CLEAR_SKY * climate.top[:, earth.land] * ecosystem.fapar
    middle = pd.DatetimeIndex(np.concatenate([month_starts(year) for year in parameters.years]))
    middle = middle + pd.Timedelta(days=15)
    rng = world.fields.generator("csif")
    for year in parameters.years:
        days = pd.date_range(f"{year}-01-01", f"{year}-12-31", freq="4D")
        values = _between(clear_sky, middle, days + pd.Timedelta(days=2))
        values = values + rng.normal(scale=0.1 * noise, size=values.shape)
        dataset = _sif_dataset(earth, "clear_daily_SIF", _on_map(earth, values), days, 1)
        yield NetCDF(f"OCO2/CSIF_4day_{year}.nc", dataset, _sif_encoding("clear_daily_SIF"))


def land_cover_files(world: World) -> Iterator[NetCDF]:
    """Yield MCD12C1 files by year: majority IGBP class, 0 for water."""
    earth = world.earth
    cover = np.zeros(earth.land.shape, dtype=np.uint8)
    cover[earth.land] = world.ecosystem.cover
    name = "Majority_Land_Cover_Type_1"
    for year in world.parameters.years:
        dataset = xr.Dataset(
            {name: (("lat", "lon"), cover[::-1], {"long_name": "IGBP land cover"})},
            {
                "lat": ("lat", earth.latitude[::-1], {"units": "degrees_north"}),
                "lon": ("lon", earth.longitude, {"units": "degrees_east"}),
            },
        )
        yield NetCDF(f"IGBP/MCD12C1_{year}.nc", dataset, {name: {"_FillValue": np.uint8(255)}})


def _reflectance(truth: Array, rng: np.random.Generator, noise: float) -> Array:
    return np.clip(truth + noise * rng.normal(size=truth.shape), 0.001, 1.6)


def _clear(world: World, name: str) -> NDArray[np.bool_]:
    """Return the observed land cells and months; gaps are in patches, under cloud and low sun."""
    land = world.earth.land
    cloud, top = world.climate.cloud[:, land], world.climate.top[:, land]
    odds = cloud**2 * (1 + 3 * np.exp(-top / 80))
    odds = np.minimum(world.parameters.cloud_gaps * odds / odds.mean(), 0.9)
    patches = world.fields.monthly(name, 500, len(odds), 0.0)[:, land]
    # Half of the random variable is shared by neighbours; ranks make it uniform.
    chance = patches + world.fields.generator(name + ", cells").normal(size=odds.shape)
    ranks = chance.ravel().argsort().argsort().reshape(odds.shape) / chance.size
    return ranks >= odds


def _on_map(earth: Earth, values: Array) -> Array:
    """Return values of land cells (time, cell) on the full grid, float32, NaN at sea."""
    grid = np.full((len(values), *earth.land.shape), np.nan, dtype=np.float32)
    grid[:, earth.land] = values
    return grid


def _coarsened(values: Array, side: int) -> Array:
    """Return the mean of the values present in blocks of ``side`` x ``side`` cells."""
    months, rows, columns = values.shape
    blocks = values.reshape(months, rows // side, side, columns // side, side)
    seen = np.isfinite(blocks).sum(axis=(2, 4))
    total = np.nansum(blocks, axis=(2, 4))
    return np.where(seen > 0, total / np.maximum(seen, 1), np.nan)


def _between(values: Array, known: pd.DatetimeIndex, wanted: pd.DatetimeIndex) -> Array:
    """Interpolate linearly in time; beyond the ends, repeat the first or last value."""
    position = np.interp(
        (wanted - known[0]) / pd.Timedelta(days=1),
        (known - known[0]) / pd.Timedelta(days=1),
        np.arange(len(known)),
    )
    before = np.minimum(position.astype(int), max(len(known) - 2, 0))
    weight = (position - before)[:, np.newaxis]
    return (1 - weight) * values[before] + weight * values[before + 1]


def _sif_dataset(
    earth: Earth, name: str, values: Array, times: pd.DatetimeIndex, side: int
) -> xr.Dataset:
    def centres(cells: Array) -> Array:
        return cells.reshape(-1, side).mean(axis=1)

    attributes = {"units": "mW m-2 nm-1 sr-1", "long_name": "sun-induced chlorophyll fluorescence"}
    return xr.Dataset(
        {
            name: (
                ("time", "latitude", "longitude"),
                values,
                attributes,
            )
        },
        {
            "time": ("time", times),
            "latitude": ("latitude", centres(earth.latitude), {"units": "degrees_north"}),
            "longitude": ("longitude", centres(earth.longitude), {"units": "degrees_east"}),
        },
    )


def _sif_encoding(name: str) -> dict[str, dict[str, Any]]:
    time = {"units": "days since 1970-01-01", "dtype": "int32"}
    return {name: {"dtype": "float32", "_FillValue": _SIF_FILL}, "time": time}
