"""Read a product of small cells: a Zarr store, netCDF files, or a folder of GeoTIFF files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.geotiff import open_raster
from uflux_kedro.readers.grids.guards import open_netcdf
from uflux_kedro.readers.grids.peers import read_peer
from uflux_kedro.variables import CF_UNITS, VARIABLES

_BLOCK = {"time": 1, "y": 1024, "x": 1024}
_DATE = re.compile(r"_(\d{4}-\d{2}-\d{2})$")


def read_fine_product(
    paths: Sequence[Path], variable: str, name: str, *, unit: str | None = None, sign: int = 1
) -> xr.Dataset:
    """Read one flux of a product of small cells, lazily.

    Args:
        paths: A Zarr store, or netCDF files, or GeoTIFF files named ``<name>_<start>.tif`` with
            the first day of their period, two or more.
        variable: The flux: GPP, RECO, NEE, H or LE.
        name: Its name in the files.
        unit: Unit in netCDF files on latitude and longitude, if they declare none or a wrong one.
        sign: -1 if the files count in the other direction.

    Returns:
        The flux (time, y, x), with the projection in ``attrs["crs"]``, or (time, latitude,
        longitude); both axes ascend. ``time_bnds``.

    Raises:
        ConfigurationError: If GeoTIFF files are given and the extra ``raster`` is not installed.
        InputError: If a file is damaged or lacks the variable, the projection or the bounds of
            periods, or has another unit.
    """
    paths = [Path(path) for path in paths]
    if paths[0].suffix in (".tif", ".tiff"):
        cube = _read_geotiffs(paths, name)
    elif paths[0].is_dir():
        cube = xr.open_zarr(paths[0], chunks={}, consolidated=False)
    else:
        first = open_netcdf(paths[0])
        if name in first and {"latitude", "longitude"} <= set(first[name].dims):
            return read_peer(paths, variable, name, unit=unit, sign=sign)
        cube = _joined([first, *(open_netcdf(path) for path in paths[1:])], name)
    return _checked(cube, paths[0], variable, name, sign)


def _joined(files: Sequence[xr.Dataset], name: str) -> xr.Dataset:
    """Return the files of one record, in blocks that are read one at a time."""
    kept = [one[[n for n in (name, "time_bnds", "crs") if n in one]] for one in files]
    cube = kept[0] if len(kept) == 1 else xr.concat(kept, "time", data_vars="minimal")
    return cube.chunk({axis: size for axis, size in _BLOCK.items() if axis in cube.dims})


def _checked(cube: xr.Dataset, path: Path, variable: str, name: str, sign: int) -> xr.Dataset:
    """Return flux and bounds with canonical names, after checks."""
    for needed in (name, "time_bnds"):
        if needed not in cube.variables:
            names = ", ".join(map(str, cube.variables))
            raise InputError(
                path,
                needed,
                expected="a variable of that name",
                found=f"the variables {names or 'none'}",
            )
    field = cube[name]
    canonical = VARIABLES[variable].unit
    declared = str(field.attrs.get("units", canonical))
    if declared not in (canonical, CF_UNITS.get(canonical)):
        raise InputError(path, name, expected=f"the unit {canonical}", found=repr(declared))
    crs = {}
    if "x" in field.dims:
        wkt = cube["crs"].attrs.get("crs_wkt") if "crs" in cube.variables else cube.attrs.get("crs")
        if not wkt:
            raise InputError(path, "crs", expected="the projection of y and x", found="none")
        crs = {"crs": str(wkt)}
    flux = (field * sign).assign_attrs(units=canonical)
    bounds = cube["time_bnds"].transpose("time", ...).to_numpy()
    found = xr.Dataset({variable: flux}, {"time_bnds": (("time", "bnds"), bounds)}, crs)
    for axis in (a for a in ("y", "x", "latitude", "longitude") if a in field.dims):
        if found[axis][0] > found[axis][-1]:
            found = found.isel({axis: slice(None, None, -1)})
    return found.drop_vars([c for c in found.coords if c not in (*found.dims, "time_bnds")])


def _read_geotiffs(paths: Sequence[Path], name: str) -> xr.Dataset:
    """Join maps of one period each; a period ends where the next one starts, the last as its like."""
    dated = {
        pd.Timestamp(match[1]): path
        for path in paths
        if (match := _DATE.search(path.stem)) and path.stem[: match.start()] == name
    }
    if len(dated) < 2:
        raise InputError(
            paths[0].parent,
            name,
            expected=f"two or more files {name}_<first day of the period>.tif",
            found=f"{len(dated)}",
        )
    starts = pd.DatetimeIndex(sorted(dated))
    months = (starts[-1].year - starts[-2].year) * 12 + starts[-1].month - starts[-2].month
    last = starts[-1] + (pd.DateOffset(months=months) if months else starts[-1] - starts[-2])
    ends = pd.DatetimeIndex([*starts[1:], last])
    maps = [open_raster(dated[start], name, f"{name}: GeoTIFF") for start in starts]
    declared = maps[0].rio.crs
    crs = {} if declared is None else {"crs": declared.to_wkt()}
    fields = [
        one.isel(band=0, drop=True).drop_vars("spatial_ref").chunk(y=_BLOCK["y"], x=_BLOCK["x"])
        for one in maps
    ]
    field = xr.concat(fields, pd.Index(starts, name="time")).rename(name)
    bounds = np.column_stack([starts.to_numpy(), ends.to_numpy()])
    cube = field.to_dataset().assign_coords(time_bnds=(("time", "bnds"), bounds))
    if declared is not None and declared.is_geographic:
        return cube.rename(y="latitude", x="longitude")
    return cube.assign_attrs(crs)
