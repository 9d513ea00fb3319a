"""AVHRR surface reflectance (AVH09C1), monthly: packed integers, scale 1e-4, fill -9999."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from uflux_kedro.readers.cubes import GridSource, open_source
from uflux_kedro.readers.modis import NO_UNIT

AVHRR = GridSource.of_family("avhrr", units=NO_UNIT)


def read_avhrr(paths: Sequence[Path]) -> xr.Dataset:
    """Read monthly AVHRR reflectance.

    Args:
        paths: netCDF files.

    Returns:
        Cube (time, latitude, longitude) of RED and NIR; 0-1.

    Raises:
        InputError: See :func:`uflux_kedro.readers.cubes.open_source`.
    """
    return open_source(paths, AVHRR)
