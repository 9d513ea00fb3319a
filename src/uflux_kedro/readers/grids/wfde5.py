"""Read WFDE5, ERA5 corrected with observations: hourly, 0.5 degrees, land only.

Temperature in K, humidity in kg kg-1, rain and snow as mass fluxes. Radiation and precipitation
are means of the hour that starts at the timestamp, states are at the timestamp (Cucchi et al.
2020, doi 10.5194/essd-12-2097-2020). Rain and snow are in separate files; their sum is P.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from uflux_kedro.readers.archives import unpack_netcdf
from uflux_kedro.readers.grids.cubes import open_source
from uflux_kedro.readers.grids.grid_source import GridSource
from uflux_kedro.readers.grids.guards import open_netcdf
from uflux_kedro.readers.grids.periods import require_times

WFDE5 = GridSource.of_family("wfde5", optional=("PA",), step="hour")
_SNOW = GridSource("wfde5", {"Snowf": "P"}, ("P",), "hour")


def read_wfde5(paths: Sequence[Path], variables: Sequence[str] = ()) -> xr.Dataset:
    """Read WFDE5.

    Args:
        paths: netCDF files, one for each variable and month as delivered.
        variables: Variables to read; empty for all that are listed below.

    Returns:
        Cube (time, latitude, longitude) of TA, QV, SW_IN, LW_IN, P, WS and, where present, PA.

    Raises:
        InputError: See :func:`uflux_kedro.readers.grids.cubes.open_source`; also if there is
            rain without snow, or snow is missing at a time.
    """
    cube = open_source(paths, WFDE5, variables=variables)
    names = {name for path in unpack_netcdf(paths) for name in open_netcdf(path).data_vars}
    if "P" in cube and "Rainf" in names:
        snow = open_source(paths, _SNOW)
        times = snow.indexes["time"], cube.indexes["time"]
        require_times(*times, paths[0].parent, "Snowf", "Rainf has")
        cube["P"] = (cube["P"] + snow["P"]).assign_attrs(cube["P"].attrs)
    return cube
