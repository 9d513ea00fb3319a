"""Read ERA5 and ERA5-Land from the Copernicus Climate Data Store: monthly means, hours, or ERA5 by days.

Radiation and rain are accumulations. In monthly means they are means of daily sums, so that
``J m**-2`` means joules per day and ``m`` metres of water per day; in daily statistics they are the sums. Hourly ERA5 has the sum over
the hour that ends at the timestamp, ERA5-Land the sum since 00 UTC, at 00 UTC that of the day
before. Files since 2024 name the time ``valid_time``, have ``number`` and ``expver``, and come as
a zip with one file for each kind of time step; older ones have ``expver`` as a dimension if they
include preliminary months.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import xarray as xr

from uflux_kedro.readers.grids.cubes import open_source
from uflux_kedro.readers.grids.grid_source import GridSource

_OF_A_DAY = {"J m**-2": "J m**-2 d**-1", "m": "m d**-1", "m of water equivalent": "m d**-1"}
_OF_AN_HOUR = {"J m**-2": "J m**-2 h**-1", "m": "m h**-1", "m of water equivalent": "m h**-1"}

_MONTHLY = GridSource.of_family("era5", units=_OF_A_DAY)
_HOURLY = replace(_MONTHLY, step="hour", units=_OF_AN_HOUR)

ERA5 = (_MONTHLY, replace(_HOURLY, accumulates="hour"), replace(_MONTHLY, step="day"))
ERA5_LAND = tuple(
    replace(source, name="era5_land") for source in (_MONTHLY, replace(_HOURLY, accumulates="day"))
)


def read_era5(paths: Sequence[Path], variables: Sequence[str] = ()) -> xr.Dataset:
    """Read ERA5, monthly means, days or hours, depending on the files.

    Args:
        paths: netCDF files or zips of them, as delivered.
        variables: Variables to read; empty for all that are listed below.

    Returns:
        Cube (time, latitude, longitude) of TA, TD, TS, PA, SW_IN, LW_IN, P, U, V. For hours,
        states are those at the start of the hour and rates its mean; the last hour has no rates,
        since they would be stored at the next time.

    Raises:
        InputError: See :func:`uflux_kedro.readers.grids.cubes.open_source`.
    """
    return open_source(paths, *ERA5, variables=variables)


def read_era5_land(paths: Sequence[Path], variables: Sequence[str] = ()) -> xr.Dataset:
    """Read ERA5-Land, monthly means or hours; NaN at sea; see :func:`read_era5`."""
    return open_source(paths, *ERA5_LAND, variables=variables)
