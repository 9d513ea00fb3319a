"""Canonical cubes of sources, on a coarse grid."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from uflux_kedro.gridding.grids import TargetGrid
from uflux_kedro.variables import VARIABLES

GRID = TargetGrid(resolution=30)
RANGES = {
    "TA": (-10, 30), "TD": (-15, 5), "QV": (0.001, 0.01), "PA": (70, 101), "SW_IN": (50, 300),
    "RED": (0.02, 0.2), "NIR": (0.2, 0.5), "SIF": (0, 2),
}  # fmt: skip


def make_cube(
    names: list[str], resolution: float = 30, first: str = "2001-01", count: int = 6
) -> xr.Dataset:
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
