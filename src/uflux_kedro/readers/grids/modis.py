"""Read MODIS on the 0.05 degree grid: nadir reflectance (MCD43C4), vegetation indices (MOD13C2, MOD13C1).

Files are NASA's HDF4 (with the extra ``hdf4``), or netCDF conversions with the same names.
Reflectances are packed integers (scale 1e-4, fill 32767). HDF files of the indices declare a scale
factor of 10000, by which the product guide divides (fill -3000); conversions may declare 1e-4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import xarray as xr

from uflux_kedro.readers.grids.cubes import open_source
from uflux_kedro.readers.grids.grid_source import GridSource

NO_UNIT = dict.fromkeys(
    ("", "reflectance", "reflectance, no units", "none", "NDVI", "EVI", "EVI2"), "1"
)
"""Units that files of reflectances and indices declare."""

_MONTHLY = GridSource.of_family("modis", optional=("BLUE",), units=NO_UNIT)

MODIS = (
    _MONTHLY,
    replace(_MONTHLY, step="8 days", gaps=True),
    replace(_MONTHLY, step="day", gaps=True),
)
_MONTHLY_VI = replace(GridSource.of_family("modis_vi", units=NO_UNIT), divides=True, fill=-0.3)
MODIS_VI = (_MONTHLY_VI, replace(_MONTHLY_VI, step="16 days", gaps=True))


def read_modis(paths: Sequence[Path], variables: Sequence[str] = ()) -> xr.Dataset:
    """Read MODIS reflectance by months, eight days or days; the latter two may be missing.

    Args:
        paths: netCDF or HDF4 files.
        variables: Variables to read; empty for all that are listed below.

    Returns:
        Cube (time, latitude, longitude) of RED, NIR and, where present, BLUE; 0-1.

    Raises:
        InputError: See :func:`uflux_kedro.readers.grids.cubes.open_source`.
    """
    return open_source(paths, *MODIS, variables=variables)


def read_modis_vi(paths: Sequence[Path], variables: Sequence[str] = ()) -> xr.Dataset:
    """Read vegetation indices, monthly (MOD13C2, MYD13C2) or by 16 days (C1): cube of NDVI and EVI."""
    return open_source(paths, *MODIS_VI, variables=variables)
