"""Align cubes to one grid, each variable by its kind.

Rates (radiation, rain) are averaged by area, which conserves them. States and indices are
interpolated, or averaged by area where the target is coarser and interpolation would see a few
cells out of many. Classes are never blended. Missing cells are ignored, so that a coast stays sharp.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.cells import nearest
from uflux_kedro.gridding.conservative import mean_by_area
from uflux_kedro.gridding.grids import ProjectedGrid, TargetGrid
from uflux_kedro.gridding.land_cover import class_of_cells
from uflux_kedro.gridding.reproject import align_projected
from uflux_kedro.lazy import xr
from uflux_kedro.variables import IGBP_CLASSES, variable_of

_SAME_PLACE = 1e-4
"""Degrees; coordinates of two files that differ by less are those of the same cells."""

_MIN_WEIGHT = 0.25 - 1e-6
"""Least weight of the neighbours with data from which a value is interpolated."""


def align(cube: xr.Dataset, grid: TargetGrid | ProjectedGrid) -> xr.Dataset:
    """Align a cube to a target grid, each variable by its kind.

    Args:
        cube: Canonical names and coordinates, with or without time. A record without place,
            such as CO2, is returned as it is.
        grid: The target, in degrees or in a projection.

    Returns:
        The variables on the grid's cells, lazy where the cube is; NaN where it has no data. A
        cube that is on the grid already keeps its numbers.

    Raises:
        InputError: If cube and grid do not overlap.
    """
    if "latitude" not in cube.coords and "x" not in cube.dims:
        return cube
    if isinstance(grid, ProjectedGrid):
        return align_projected(cube, grid)
    target = grid.coordinates()
    if "x" in cube.dims:
        return _from_projection(cube, grid, target)
    _check_overlap(cube, target)
    cube = _ascending(cube)
    if _on_grid(cube, target):
        return cube.assign_coords(target.coords)
    coarser = _spacing(target) > 1.01 * _spacing(cube)
    aligned = {str(n): _regrid(v, target, coarser) for n, v in cube.data_vars.items()}
    kept = {n: c for n, c in cube.coords.items() if n in ("time", "time_bnds")}
    return xr.Dataset(aligned, kept, cube.attrs).assign_coords(target.coords)


def _from_projection(cube: xr.Dataset, grid: TargetGrid, target: xr.Dataset) -> xr.Dataset:
    """Regrid the classes of a projected source, such as tiles of land cover, to degrees."""
    fields = [str(n) for n in cube.data_vars if variable_of(str(n)).kind != "category"]
    if fields:
        raise InputError(
            str(cube.attrs.get("source", "cube")),
            ", ".join(fields),
            expected=f"a target grid in a projection (crs), as the source is in {cube.attrs['crs']}",
            found="a target grid in degrees, to which only classes can be regridded",
        )
    classes = {
        n: class_of_cells(v, cube.attrs["crs"], grid, target) for n, v in cube.data_vars.items()
    }
    attrs = {k: v for k, v in cube.attrs.items() if k != "crs"}
    return xr.Dataset(classes, attrs=attrs).assign_coords(target.coords)


def _ascending(cube: xr.Dataset) -> xr.Dataset:
    for axis in ("latitude", "longitude"):
        if not cube.indexes[axis].is_monotonic_increasing:
            cube = cube.sortby(axis)
    return cube


def _check_overlap(cube: xr.Dataset, target: xr.Dataset) -> None:
    for axis in ("latitude", "longitude"):
        source, wanted = cube[axis].to_numpy(), target[axis].to_numpy()
        if source.max() < wanted.min() or source.min() > wanted.max():
            raise InputError(
                str(cube.attrs.get("source", "cube")),
                axis,
                expected=f"cells within the target grid, {wanted.min():g} to {wanted.max():g} degrees",
                found=f"cells from {source.min():g} to {source.max():g}",
            )


def _on_grid(cube: xr.Dataset, target: xr.Dataset) -> bool:
    return all(
        cube[axis].shape == target[axis].shape
        and np.allclose(cube[axis], target[axis], rtol=0, atol=_SAME_PLACE)
        for axis in ("latitude", "longitude")
    )


def _spacing(grid: xr.Dataset) -> float:
    """Return the mean step of latitude and longitude, degrees."""
    return float(np.mean([np.abs(np.diff(grid[a])).mean() for a in ("latitude", "longitude")]))


def _regrid(data: xr.DataArray, target: xr.Dataset, coarser: bool) -> xr.DataArray:
    kind = variable_of(str(data.name)).kind
    if kind == "category":
        regridded = _most_common(data, target) if coarser else _nearest(data, target)
    elif kind == "rate" or coarser:
        regridded = mean_by_area(data, target)
    else:
        regridded = _interpolate(data, target)
    return regridded.astype(data.dtype).assign_attrs(data.attrs).transpose(*data.dims)


def _interpolate(data: xr.DataArray, target: xr.Dataset) -> xr.DataArray:
    """Interpolate bilinearly between those of the four neighbours that have data."""
    # xarray interpolates in double precision, under dask while declaring the original type.
    data = data.astype("float64")
    valid = data.notnull()
    weight = _linear(valid.astype("float64"), target)
    return _linear(data.where(valid, 0), target) / weight.where(weight >= _MIN_WEIGHT)


def _linear(data: xr.DataArray, target: xr.Dataset) -> xr.DataArray:
    """Interpolate along latitude, then along longitude.

    xarray-regrid takes the axes in the order of a set, which differs from process to process, and the
    last digit with it. What it pads at the poles and around the Earth is kept.
    """
    from xarray_regrid.utils import format_for_regrid

    padded = format_for_regrid(data, target)
    return padded.interp({axis: target[axis] for axis in ("latitude", "longitude")})


def _most_common(data: xr.DataArray, target: xr.Dataset) -> xr.DataArray:
    classes = np.array(list(IGBP_CLASSES.values()), dtype=data.dtype)
    water = IGBP_CLASSES["WAT"]
    return _regridder(data).most_common(target, values=classes, fill_value=water)


def _nearest(data: xr.DataArray, target: xr.Dataset) -> xr.DataArray:
    """Return the class of the cell in which each centre lies; xarray-regrid blends polar rows."""
    latitude, longitude = target["latitude"].to_numpy(), target["longitude"].to_numpy()
    row, outside_south_north = nearest(data["latitude"].to_numpy(), latitude)
    column, outside_west_east = nearest(data["longitude"].to_numpy(), longitude)
    found = data.isel(latitude=row, longitude=column).assign_coords(target.coords)
    outside = xr.DataArray(outside_south_north, dims="latitude") | xr.DataArray(
        outside_west_east, dims="longitude"
    )
    return found.where(~outside, IGBP_CLASSES["WAT"])


def _regridder(data: xr.DataArray) -> Any:
    # The import registers the accessor.
    import xarray_regrid  # noqa: F401

    return data.regrid
