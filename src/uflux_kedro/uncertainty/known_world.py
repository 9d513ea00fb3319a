"""A simulated Earth as the chain sees it, beside its true fluxes, and towers anywhere in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from uflux_kedro.demo_world.parameters import DemoWorldParameters
from uflux_kedro.demo_world.simulation import World, simulate
from uflux_kedro.demo_world.towers import Tower, site_table, towers_at
from uflux_kedro.demo_world.world import SOURCES, write_grids
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.features.derived import CO2, LAND_COVER
from uflux_kedro.features.drivers import build_drivers
from uflux_kedro.features.training_table import build_training_table
from uflux_kedro.gridding.grids import TargetGrid
from uflux_kedro.readers.grids.read import read_cube
from uflux_kedro.readers.towers.sites import COLUMNS
from uflux_kedro.variables import parse_predictor

_READERS = {
    "ERA5": "era5", "CFSV2": "cfsv2", "MODIS": "modis", "AVHRR": "avhrr", "GOME2": "gome2",
    "GOSAT755": "gosat755", "GOSAT772": "gosat772", "OCO2": "csif", "IGBP": "igbp", "CO2": "co2",
}  # fmt: skip
"""Source of the demo world -> reader."""

_MEASURED = {
    "GPP": ("GPP_NT_VUT_REF", "NEE_VUT_REF_QC"),
    "RECO": ("RECO_NT_VUT_REF", "NEE_VUT_REF_QC"),
    "NEE": ("NEE_VUT_REF", "NEE_VUT_REF_QC"),
    "H": ("H_CORR", "H_F_MDS_QC"),
    "LE": ("LE_CORR", "LE_F_MDS_QC"),
}
"""Flux -> FLUXNET's columns of value and quality, as the readers choose them by default."""

_MISSING = -9999.0


@dataclass(frozen=True)
class KnownWorld:
    """A world with its drivers.

    Attributes:
        world: The truth.
        drivers: Predictors as the chain reads them from the world's raw files, in memory; see
            :func:`uflux_kedro.features.drivers.build_drivers`.
    """

    world: World
    drivers: xr.Dataset

    @property
    def months(self) -> int:
        """Number of months."""
        return self.drivers.sizes["time"]

    @property
    def area(self) -> NDArray[np.float64]:
        """Area of the land cells, m2, (cell,)."""
        return self.world.earth.cell_area[self.world.earth.land].astype(np.float64)

    @property
    def latitude(self) -> NDArray[np.float64]:
        """Latitude of the land cells, degrees, (cell,)."""
        return self.world.earth.latitude[np.nonzero(self.world.earth.land)[0]].astype(np.float64)

    def on_land(self, field: xr.DataArray) -> NDArray:
        """Return a field (time, latitude, longitude), or without some of these, as (month, cell)."""
        sizes = {d: self.drivers.sizes[d] for d in ("time", "latitude", "longitude")}
        values = field.variable.set_dims(sizes).transpose(*sizes).to_numpy()
        return values[:, self.world.earth.land]

    def rows(self, predictors: Sequence[str]) -> NDArray[np.float32]:
        """Return predictors of all months and land cells, (month x cell, predictors), by month."""
        columns = [self.on_land(self.drivers[name]).ravel() for name in predictors]
        return np.stack(columns, axis=1).astype(np.float32)

    def training_table(self, cells: Sequence[int] | NDArray[np.intp], name: str) -> pd.DataFrame:
        """Set up towers in land cells, and return their fluxes with the cells' predictors.

        Args:
            cells: Index among the land cells of each tower.
            name: Name of the network, on which the towers' errors depend.

        Returns:
            As :func:`uflux_kedro.features.training_table.build_training_table`.
        """
        towers = towers_at(self.world, list(map(int, cells)), name)
        sites = site_table(self.world, towers).rename(columns=COLUMNS)
        return build_training_table(_measurements(towers), sites, self.drivers)


def know_world(parameters: DemoWorldParameters, predictors: Iterable[str]) -> KnownWorld:
    """Simulate a world, write its raw files, and read them as the chain does.

    Args:
        parameters: Parameters of the world.
        predictors: Predictors that are wanted.

    Returns:
        The world on its own grid.

    Raises:
        ConfigurationError: If a predictor is of no source of the demo world.
    """
    wanted = set(predictors)
    sources = {LAND_COVER, CO2, *(parse_predictor(name)[0] for name in wanted)} - {""}
    unknown = sources - set(SOURCES)
    if unknown:
        raise ConfigurationError(
            f"The demo world has no source {', '.join(sorted(unknown))}; expected predictors of "
            f"{', '.join(s for s in SOURCES if s != 'towers')}"
        )
    world = simulate(parameters)
    with tempfile.TemporaryDirectory() as folder:
        write_grids(world, Path(folder), sources)
        cubes = {s: read_cube(_READERS[s], Path(folder) / s) for s in sorted(sources)}
        drivers = build_drivers(
            cubes, TargetGrid.model_validate({"resolution": parameters.resolution})
        )
        kept = {*wanted, LAND_COVER, "time_bnds"}
        drivers = drivers.drop_vars([n for n in drivers.data_vars if n not in kept]).load()
    return KnownWorld(world, drivers)


def _measurements(towers: Sequence[Tower]) -> pd.DataFrame:
    """Return the towers' fluxes and their quality under canonical names."""
    # Joined column by column: a table for each tower would take most of the time.
    joined = {
        name: np.concatenate([tower.table[name].to_numpy() for tower in towers])
        for name in dict.fromkeys(["TIMESTAMP", *(c for pair in _MEASURED.values() for c in pair)])
    }
    columns = {
        "site_id": np.repeat([t.site_id for t in towers], [len(t.table) for t in towers]),
        "time": pd.to_datetime(pd.Series(joined["TIMESTAMP"]).astype(str), format="%Y%m"),
    }
    for flux, (value, quality) in _MEASURED.items():
        for name, column in ((flux, value), (f"{flux}_QC", quality)):
            columns[name] = np.where(joined[column] == _MISSING, np.nan, joined[column])
    found = pd.DataFrame(columns)
    found.attrs["resolution"] = "MM"
    return found
