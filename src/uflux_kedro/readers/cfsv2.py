"""CFSv2 monthly means of NCEP's operational analysis.

Humidity comes as specific humidity, so that vapour pressure deficit needs the pressure too.
Rain is a mass flux in kg m-2 s-1, a depth of water of 86400 times as many mm d-1.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from uflux_kedro.readers.cubes import GridSource, open_source

CFSV2 = GridSource.of_family("cfsv2")


def read_cfsv2(paths: Sequence[Path]) -> xr.Dataset:
    """Read CFSv2 monthly means.

    Args:
        paths: netCDF files.

    Returns:
        Cube (time, latitude, longitude) of TA, QV, PA, SW_IN, P, U, V, SWC.

    Raises:
        InputError: See :func:`uflux_kedro.readers.cubes.open_source`.
    """
    return open_source(paths, CFSV2)
