"""Small sources, towers and sites for the tests of predictors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.gridding.grids import TargetGrid
from uflux_kedro.variables import IGBP_CLASSES, VARIABLES

GRID = TargetGrid(resolution=30)
RANGES = {
    "TA": (-10, 30), "TD": (-15, 5), "QV": (0.001, 0.01), "PA": (70, 101), "SW_IN": (50, 300),
    "RED": (0.02, 0.2), "NIR": (0.2, 0.5), "SIF": (0, 2),
}  # fmt: skip


def source(names: list[str], resolution: float = 30, first: str = "2001-01", count: int = 6):
    """Return a canonical cube with plausible numbers that differ by place and month."""
    axes = TargetGrid(resolution=resolution).coordinates()
    time = pd.date_range(first, periods=count, freq="MS")
    bounds = np.column_stack([time, time + pd.offsets.MonthBegin(1)])
    cube = axes.assign_coords(time=time, time_bnds=(("time", "bnds"), bounds))
    rng = np.random.default_rng(len(names))
    shape = (count, axes.latitude.size, axes.longitude.size)
    for name in names:
        values = rng.uniform(*RANGES[name], shape).astype("float32")
        cube[name] = (("time", "latitude", "longitude"), values, {"units": VARIABLES[name].unit})
    return cube.chunk(time=2)


@pytest.fixture
def land_cover() -> xr.Dataset:
    axes = GRID.coordinates()
    codes = np.full((6, 12), IGBP_CLASSES["ENF"], dtype="int8")
    codes[0] = IGBP_CLASSES["WAT"]
    return axes.assign(IGBP=(("latitude", "longitude"), codes))


@pytest.fixture
def co2() -> xr.Dataset:
    record = source(["TA"], count=12).drop_vars(["TA", "latitude", "longitude"])
    return record.assign(CO2=("time", np.linspace(370, 375, 12, dtype="float32")))


@pytest.fixture
def cubes(land_cover, co2) -> dict[str, xr.Dataset]:
    return {
        "ERA5": source(["TA", "TD", "PA", "SW_IN"]),
        "CFSV2": source(["TA", "QV", "PA"]),
        "MODIS": source(["RED", "NIR"], first="2000-11", count=8),
        "GOSAT755": source(["SIF"], resolution=60),
        "IGBP": land_cover,
        "CO2": co2,
    }


@pytest.fixture
def towers() -> pd.DataFrame:
    time = pd.date_range("2001-01-01", periods=6, freq="MS")
    rows = [(site, t) for site in ("AA-One", "BB-Two") for t in time]
    towers = pd.DataFrame(rows, columns=["site_id", "time"])
    towers = towers.assign(GPP=np.arange(12.0), GPP_QC=0.9, TA=15.0)
    towers.attrs["resolution"] = "MM"
    return towers


@pytest.fixture
def sites() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "site_id": ["AA-One", "BB-Two"],
            "latitude": [50.0, -10.0],
            "longitude": [10.0, -60.0],
            "elevation": [100.0, np.nan],
            "IGBP": ["DBF", "EBF"],
            "climate": ["Temperate", "Tropical"],
        }
    )
