"""Read CFSv2, NCEP's operational analysis, monthly means or 6-hourly.

Humidity is specific humidity, so that vapour pressure deficit needs the pressure too. Rain is a
mass flux in kg m-2 s-1, or 86400 times as many mm d-1. Names are those of THREDDS and Earth Engine (``Temperature_height_above_ground``) or of NCAR's archive
(``TMP_L103``, averages ``DSWRF_L1_Avg``). Six-hourly averages are taken to start at their time
unless the file has bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import xarray as xr

from uflux_kedro.readers.grids.cubes import open_source
from uflux_kedro.readers.grids.grid_source import GridSource

_MONTHLY = GridSource.of_family("cfsv2")

CFSV2 = (_MONTHLY, replace(_MONTHLY, step="6 hours"))


def read_cfsv2(paths: Sequence[Path], variables: Sequence[str] = ()) -> xr.Dataset:
    """Read CFSv2, monthly means or 6-hourly, depending on the files.

    Args:
        paths: netCDF files.
        variables: Variables to read; empty for all that are listed below.

    Returns:
        Cube (time, latitude, longitude) of TA, QV, PA, SW_IN, P, U, V, SWC.

    Raises:
        InputError: See :func:`uflux_kedro.readers.grids.cubes.open_source`.
    """
    return open_source(paths, *CFSV2, variables=variables)
