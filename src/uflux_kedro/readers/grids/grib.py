"""Open GRIB files of reanalyses with cfgrib (extra ``grib``)."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import xarray as xr

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.readers.grids.guards import require_packing


def is_grib(path: Path) -> bool:
    """Return whether a file is GRIB, by its first bytes."""
    with Path(path).open("rb") as stream:
        return stream.read(4) == b"GRIB"


def open_grib(path: Path) -> xr.Dataset:
    """Open the fields of a GRIB file by the time for which they are valid.

    Args:
        path: GRIB of edition 1 or 2 on latitude and longitude. No index is written beside it.

    Returns:
        Fields (time, latitude, longitude) under their names in netCDF files of the archive, with the
        attributes of GRIB; lazily, except forecasts.

    Raises:
        ConfigurationError: If cfgrib is not installed.
        InputError: If the file is damaged, or its fields have no common grid and time.
    """
    try:
        import cfgrib
    except (ImportError, RuntimeError, OSError) as error:  # the latter two of ecCodes itself
        raise ConfigurationError(
            f"{path}: GRIB needs cfgrib: install uflux_kedro[grib], or download netCDF"
        ) from error
    try:
        with warnings.catch_warnings(category=FutureWarning, action="ignore"):
            parts = cfgrib.open_datasets(str(path), backend_kwargs={"indexpath": ""})
        found = xr.merge([_by_time(part) for part in parts], compat="no_conflicts", join="outer")
    # ecCodes and cfgrib raise many kinds of exceptions on damaged messages.
    except Exception as error:
        raise InputError(
            path,
            None,
            expected="a complete GRIB file of fields on one grid",
            found=f"{type(error).__name__}: {error}",
            hint="Download the file again, or as netCDF",
        ) from error
    require_packing(found, path)
    return found


def _by_time(part: xr.Dataset) -> xr.Dataset:
    """Return fields by their valid time, without the coordinates of their level."""
    leading = list(part["valid_time"].dims)
    forecasts = len(leading) == 2  # a reference time, and steps from it
    if forecasts:
        part = part.stack(valid=leading)
    times = np.atleast_1d(part["valid_time"].to_numpy())
    part = part.drop_vars([c for c in part.coords if c not in ("latitude", "longitude")])
    if not leading:
        return part.expand_dims(time=times)
    part = part.rename({"valid" if forecasts else leading[0]: "time"}).assign_coords(time=times)
    part = part.transpose("time", ...).sortby("time")
    # Not every reference time has every step.
    return part.dropna("time", how="all") if forecasts else part
