"""Read AVHRR surface reflectance, NOAA's climate data record AVH09C1, daily or monthly means.

Packed integers, scale 1e-4, fill -9999. Daily files have flags, by bits from 0 at the right:
1 cloud, 2 cloud shadow, 4 sun glint, 6 night, 8 and 9 invalid bands 1 and 2; cells with one of
them are made missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import xarray as xr

from uflux_kedro.readers.grids.cubes import open_source
from uflux_kedro.readers.grids.grid_source import GridSource
from uflux_kedro.readers.grids.modis import NO_UNIT

_UNUSABLE = sum(1 << bit for bit in (1, 2, 4, 6, 8, 9))

_MONTHLY = replace(GridSource.of_family("avhrr", units=NO_UNIT), flags=("QA", _UNUSABLE))

AVHRR = (_MONTHLY, replace(_MONTHLY, step="day", gaps=True))


def read_avhrr(paths: Sequence[Path], variables: Sequence[str] = ()) -> xr.Dataset:
    """Read AVHRR reflectance, monthly or daily; days may be missing.

    Args:
        paths: netCDF files.
        variables: Variables to read; empty for both.

    Returns:
        Cube (time, latitude, longitude) of RED and NIR; 0-1.

    Raises:
        InputError: See :func:`uflux_kedro.readers.grids.cubes.open_source`.
    """
    return open_source(paths, *AVHRR, variables=variables)
