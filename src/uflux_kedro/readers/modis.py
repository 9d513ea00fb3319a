"""MODIS nadir reflectance (MCD43C4), monthly.

Reflectances are packed integers (scale 1e-4, fill 32767) that xarray unpacks; their unit
attribute says nothing or "no units".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from uflux_kedro.readers.cubes import GridSource, open_source

NO_UNIT = {"": "1", "reflectance": "1", "reflectance, no units": "1", "none": "1"}

MODIS = GridSource.of_family("modis", optional=("BLUE",), units=NO_UNIT)


def read_modis(paths: Sequence[Path]) -> xr.Dataset:
    """Read monthly MODIS reflectance.

    Args:
        paths: netCDF files.

    Returns:
        Cube (time, latitude, longitude) of RED, NIR and, where present, BLUE; 0-1.

    Raises:
        InputError: See :func:`uflux_kedro.readers.cubes.open_source`.
    """
    return open_source(paths, MODIS)
