"""Align cubes to a grid in a projection, such as 100 m cells of EPSG:27700 (extra ``raster``).

GDAL regrids through odc-geo, lazily and block by block. Rates are averaged by area; so are states
and indices where the target is coarser, and where it is finer they are interpolated. Classes are
counted (:mod:`uflux_kedro.gridding.land_cover`). GDAL averages over the box around a target cell
that is rotated against the source: on white noise the mean over 60 km is off by 1e-4 where the
target is coarser and by 5e-4 where it is finer, a cell by 1 to 6 % of the field's standard deviation.
"""

from __future__ import annotations

import numpy as np

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.grids import TILE, ProjectedGrid
from uflux_kedro.gridding.land_cover import class_of_cells
from uflux_kedro.gridding.projections import DEGREES, METRES_PER_DEGREE, project_points
from uflux_kedro.lazy import xr
from uflux_kedro.variables import variable_of


def align_projected(cube: xr.Dataset, grid: ProjectedGrid) -> xr.Dataset:
    """Align a cube to a projected grid, each variable by its kind.

    Args:
        cube: Canonical names on ``latitude``, ``longitude``, or on ``y``, ``x`` with
            ``attrs["crs"]``; with or without time.
        grid: The target.

    Returns:
        The variables (..., y, x), lazy, NaN where the cube has no data; coordinates as
        :meth:`ProjectedGrid.coordinates`.

    Raises:
        ConfigurationError: If the extra ``raster`` is not installed.
        InputError: If cube and grid do not overlap.
    """
    target = grid.coordinates()
    axes = ("y", "x") if "x" in cube.dims else ("latitude", "longitude")
    _check_overlap(cube, grid, axes)
    crs = cube.attrs["crs"] if axes == ("y", "x") else DEGREES
    side = float(abs(np.diff(cube[axes[0]].to_numpy()).mean()))
    metres = side if axes == ("y", "x") else side * METRES_PER_DEGREE
    size = grid.resolution / metres
    aligned = {
        str(n): class_of_cells(v, crs, grid, target)
        if variable_of(str(n)).kind == "category"
        else _reproject(v, grid, crs, axes, size)
        for n, v in cube.data_vars.items()
    }
    kept = {n: c for n, c in cube.coords.items() if n in ("time", "time_bnds")}
    return xr.Dataset(aligned, kept, {**cube.attrs, "crs": grid.crs}).assign_coords(target.coords)


def _reproject(
    data: xr.DataArray, grid: ProjectedGrid, crs: str, axes: tuple[str, str], size: float
) -> xr.DataArray:
    """Regrid one variable to a grid whose cells are ``size`` times as long as the source's."""
    from odc.geo.xr import assign_crs, xr_reproject

    rate = variable_of(str(data.name)).kind == "rate"
    leading = [d for d in data.dims if d not in axes]
    source = data.transpose(*leading, *axes)
    source = source.drop_vars([c for c in data.coords if c not in (*axes, *leading)])
    # odc-geo makes the blocks in space; one period at a time keeps memory flat.
    source = source.chunk({**dict.fromkeys(leading, 1), **dict.fromkeys(axes, -1)})
    box = grid.geobox()
    found = xr_reproject(
        assign_crs(source.astype("float32"), crs),
        box,
        resampling="average" if rate or size > 1.01 else "bilinear",
        dst_nodata=np.nan,
        chunks=tuple(min(TILE, edge) for edge in box.shape),
    )
    found = found.drop_vars([c for c in found.coords if c not in leading])
    found = found.rename(dict(zip(found.dims[-2:], ("y", "x"), strict=True)))
    return found.astype(data.dtype).assign_attrs(data.attrs)


def _check_overlap(cube: xr.Dataset, grid: ProjectedGrid, axes: tuple[str, str]) -> None:
    if axes == ("y", "x"):
        if cube.attrs["crs"] != grid.crs:
            return
        wanted = {"y": (grid.south, grid.north), "x": (grid.west, grid.east)}
    else:
        longitude, latitude = project_points(grid.crs, DEGREES, *grid.cells().lattice())
        wanted = {
            axis: (float(places.min()), float(places.max()))
            for axis, places in zip(axes, (latitude, longitude), strict=True)
        }
    for axis, (low, high) in wanted.items():
        found = cube[axis].to_numpy()
        if found.max() < low or found.min() > high:
            raise InputError(
                str(cube.attrs.get("source", "cube")),
                axis,
                expected=f"cells within the target grid, {low:g} to {high:g}",
                found=f"cells from {found.min():g} to {found.max():g}",
            )
