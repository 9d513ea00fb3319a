"""Read VIIRS, the successor of MODIS, on the 0.05 degree grid: VNP43C4 and VNP13C2, HDF5.

The bands I1 (red, 640 nm) and I2 (near infrared, 865 nm), or M5, M7 and M3 (blue), are packed
integers (scale 1e-4, fill 32767); the indices declare a scale factor of 10000, by which the product
guide divides (fill -15000).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import xarray as xr

from uflux_kedro.readers.grids.cubes import open_source
from uflux_kedro.readers.grids.grid_source import GridSource
from uflux_kedro.readers.grids.modis import NO_UNIT

_DAILY = replace(
    GridSource.of_family("viirs", optional=("BLUE",), step="day", units=NO_UNIT), gaps=True
)

VIIRS = (replace(_DAILY, step="month", gaps=False), replace(_DAILY, step="8 days"), _DAILY)
_MONTHLY_VI = replace(
    GridSource.of_family("viirs_vi", optional=("EVI2",), units=NO_UNIT), divides=True
)
VIIRS_VI = (_MONTHLY_VI, replace(_MONTHLY_VI, step="16 days", gaps=True))


def read_viirs(paths: Sequence[Path], variables: Sequence[str] = ()) -> xr.Dataset:
    """Read VIIRS reflectance by months, eight days or days; the latter two may be missing.

    Args:
        paths: HDF5 files of NASA, or netCDF conversions.
        variables: Variables to read; empty for all that are listed below.

    Returns:
        Cube (time, latitude, longitude) of RED, NIR and, where present, BLUE; 0-1.

    Raises:
        InputError: See :func:`uflux_kedro.readers.grids.cubes.open_source`.
    """
    return open_source(paths, *VIIRS, variables=variables)


def read_viirs_vi(paths: Sequence[Path], variables: Sequence[str] = ()) -> xr.Dataset:
    """Read vegetation indices, monthly (VNP13C2) or by 16 days: NDVI, EVI and, where present, EVI2."""
    return open_source(paths, *VIIRS_VI, variables=variables)
