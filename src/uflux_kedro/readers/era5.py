"""ERA5 monthly means from the Copernicus Climate Data Store.

Radiation and rain are accumulations. In the monthly means they are the mean of a day's sum, so
that ``J m**-2`` means joules a day and ``m`` metres of water a day. New archives name the time
``valid_time``, carry ``number`` and ``expver``, and come as a zip with one file a kind of step.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from uflux_kedro.readers.cubes import GridSource, open_source

ERA5 = GridSource.of_family(
    "era5",
    units={
        "J m**-2": "J m**-2 d**-1",
        "m": "m d**-1",
        "m of water equivalent": "m d**-1",
    },
)


def read_era5(paths: Sequence[Path]) -> xr.Dataset:
    """Read ERA5 monthly means.

    Args:
        paths: netCDF files or zips of them, as delivered.

    Returns:
        Cube (time, latitude, longitude) of TA, TD, TS, PA, SW_IN, LW_IN, P, U, V.

    Raises:
        InputError: See :func:`uflux_kedro.readers.cubes.open_source`.
    """
    return open_source(paths, ERA5)
