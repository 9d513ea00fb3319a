"""Small sources, towers and sites for the tests of predictors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tests.testing.cubes import GRID, make_cube
from uflux_kedro.variables import IGBP_CLASSES


@pytest.fixture
def land_cover() -> xr.Dataset:
    axes = GRID.coordinates()
    codes = np.full((6, 12), IGBP_CLASSES["ENF"], dtype="int8")
    codes[0] = IGBP_CLASSES["WAT"]
    return axes.assign(IGBP=(("latitude", "longitude"), codes))


@pytest.fixture
def co2() -> xr.Dataset:
    record = make_cube(["TA"], count=12).drop_vars(["TA", "latitude", "longitude"])
    return record.assign(CO2=("time", np.linspace(370, 375, 12, dtype="float32")))


@pytest.fixture
def cubes(land_cover, co2) -> dict[str, xr.Dataset]:
    return {
        "ERA5": make_cube(["TA", "TD", "PA", "SW_IN"]),
        "CFSV2": make_cube(["TA", "QV", "PA"]),
        "MODIS": make_cube(["RED", "NIR"], first="2000-11", count=8),
        "GOSAT755": make_cube(["SIF"], resolution=60),
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
