"""A target grid in a projection, such as 100 m cells of EPSG:27700 (extra ``raster``).

Regridding is GDAL's, by odc-geo, which keeps it lazy tile by tile. Rates, and whatever the target
is coarser for, are averaged over the source's cells by the area that falls into a target cell;
states and indices are interpolated where the target is finer. Classes are counted
(:mod:`uflux_kedro.gridding.classes`). GDAL averages over the box around a target cell that is
turned against the source: on white noise the mean over 60 km moves by 1e-4 where the target is
coarser and by 5e-4 where it is finer, a cell by 1 to 6 % of the field's standard deviation.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.gridding.cells import DEGREES, METRES_PER_DEGREE, require_whole_cells, transformer
from uflux_kedro.gridding.classes import class_of_cells
from uflux_kedro.lazy import xr
from uflux_kedro.variables import VARIABLES

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

_TILE = 512
"""Edge of a block of the target, cells: a whole part of a product's region, since a block that two
regions share is made twice. Across a block GDAL follows the projection along straight lines: on
0.25 degree cells brought to 100 m, white noise of standard deviation 1 is off by 0.007 at most, with
blocks twice and four times as long by 0.03 and 0.13."""


class ProjectedGrid(BaseModel):
    """Square cells in a projection, given by their edges.

    Attributes:
        crs: The projection as pyproj reads it, such as ``EPSG:27700``; its unit is the metre.
        resolution: Edge of a cell, metres.
        west: Western edge, metres in the projection.
        south: Southern edge.
        east: Eastern edge.
        north: Northern edge.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    crs: str
    resolution: float = Field(gt=0)
    west: float
    south: float
    east: float
    north: float

    @field_validator("crs")
    @classmethod
    def _in_metres(cls, crs: str) -> str:
        from pyproj import CRS
        from pyproj.exceptions import CRSError

        try:
            parsed = CRS.from_user_input(crs)
        except CRSError as error:
            raise ValueError(f"expected a projection such as EPSG:27700: {error}") from error
        if not parsed.is_projected or parsed.axis_info[0].unit_name != "metre":
            raise ValueError(f"expected a projection in metres, found {parsed.name}")
        return crs

    @model_validator(mode="after")
    def _whole_cells(self) -> ProjectedGrid:
        require_whole_cells(self.west, self.east, self.resolution, "west to east", "m")
        require_whole_cells(self.south, self.north, self.resolution, "south to north", "m")
        return self

    def coordinates(self) -> xr.Dataset:
        """Centres of the cells.

        Returns:
            Coordinates ``y`` and ``x`` in metres, ascending, and of each cell ``latitude`` and
            ``longitude`` (y, x) in degrees; ``attrs["crs"]``.
        """
        # All sources come onto one grid, and its places are larger than a flux.
        return _coordinates(self).copy()

    def geobox(self) -> GeoBox:
        """The grid as odc-geo has it, from south to north.

        Raises:
            ConfigurationError: If the extra ``raster`` is not installed.
        """
        try:
            from affine import Affine
            from odc.geo.geobox import GeoBox
        except ImportError as error:
            raise ConfigurationError(
                "A projected target grid needs odc-geo: install uflux_kedro[raster]"
            ) from error
        rows, columns = (
            round((high - low) / self.resolution)
            for low, high in ((self.south, self.north), (self.west, self.east))
        )
        side = self.resolution
        return GeoBox((rows, columns), Affine(side, 0, self.west, 0, side, self.south), self.crs)


@lru_cache(maxsize=1)
def _coordinates(grid: ProjectedGrid) -> xr.Dataset:
    axes = {
        name: (np.arange(round((high - low) / grid.resolution)) + 0.5) * grid.resolution + low
        for name, low, high in (("y", grid.south, grid.north), ("x", grid.west, grid.east))
    }
    to_degrees = transformer(grid.crs, DEGREES)
    longitude, latitude = np.empty((2, len(axes["y"]), len(axes["x"])))
    for row, y in enumerate(axes["y"]):
        longitude[row], latitude[row] = to_degrees.transform(axes["x"], np.full_like(axes["x"], y))
    in_metres = {
        name: (name, values, {"standard_name": f"projection_{name}_coordinate", "units": "m"})
        for name, values in axes.items()
    }
    in_degrees = {
        name: (("y", "x"), values, {"standard_name": name, "units": unit})
        for name, values, unit in (
            ("latitude", latitude, "degrees_north"),
            ("longitude", longitude, "degrees_east"),
        )
    }
    return xr.Dataset(attrs={"crs": grid.crs}).assign_coords(in_metres | in_degrees)


def align_projected(cube: xr.Dataset, grid: ProjectedGrid) -> xr.Dataset:
    """Bring a cube onto a projected grid, each variable by its kind.

    Args:
        cube: Canonical names on ``latitude``, ``longitude``, or on ``y``, ``x`` with
            ``attrs["crs"]``; with time or without.
        grid: The target.

    Returns:
        The variables (..., y, x), lazy, NaN where the cube has no data; coordinates as
        :meth:`ProjectedGrid.coordinates`.

    Raises:
        ConfigurationError: If the extra ``raster`` is not installed.
        InputError: If cube and grid have no place in common.
    """
    target = grid.coordinates()
    axes = ("y", "x") if "x" in cube.dims else ("latitude", "longitude")
    _check_overlap(cube, grid, target, axes)
    crs = cube.attrs["crs"] if axes == ("y", "x") else "EPSG:4326"
    side = float(abs(np.diff(cube[axes[0]].to_numpy()).mean()))
    metres = side if axes == ("y", "x") else side * METRES_PER_DEGREE
    size = grid.resolution / metres
    aligned = {
        str(n): class_of_cells(v, crs, grid, target)
        if VARIABLES[str(n)].kind == "category"
        else _reproject(v, grid, crs, axes, size)
        for n, v in cube.data_vars.items()
    }
    kept = {n: c for n, c in cube.coords.items() if n in ("time", "time_bnds")}
    return xr.Dataset(aligned, kept, {**cube.attrs, "crs": grid.crs}).assign_coords(target.coords)


def _reproject(
    data: xr.DataArray, grid: ProjectedGrid, crs: str, axes: tuple[str, str], size: float
) -> xr.DataArray:
    """One variable on the grid, whose cells are ``size`` times as long as the source's."""
    from odc.geo.xr import assign_crs, xr_reproject

    rate = VARIABLES[str(data.name)].kind == "rate"
    leading = [d for d in data.dims if d not in axes]
    source = data.transpose(*leading, *axes)
    source = source.drop_vars([c for c in data.coords if c not in (*axes, *leading)])
    # Blocks in space are the library's matter, and one of time keeps memory flat.
    source = source.chunk({**dict.fromkeys(leading, 1), **dict.fromkeys(axes, -1)})
    box = grid.geobox()
    found = xr_reproject(
        assign_crs(source.astype("float32"), crs),
        box,
        resampling="average" if rate or size > 1.01 else "bilinear",
        dst_nodata=np.nan,
        chunks=tuple(min(_TILE, edge) for edge in box.shape),
    )
    found = found.drop_vars([c for c in found.coords if c not in leading])
    found = found.rename(dict(zip(found.dims[-2:], ("y", "x"), strict=True)))
    return found.astype(data.dtype).assign_attrs(data.attrs)


def _check_overlap(
    cube: xr.Dataset, grid: ProjectedGrid, target: xr.Dataset, axes: tuple[str, str]
) -> None:
    if axes == ("y", "x"):
        if cube.attrs["crs"] != grid.crs:
            return
        wanted = {"y": (grid.south, grid.north), "x": (grid.west, grid.east)}
    else:
        wanted = {a: (float(target[a].min()), float(target[a].max())) for a in axes}
    for axis, (low, high) in wanted.items():
        found = cube[axis].to_numpy()
        if found.max() < low or found.min() > high:
            raise InputError(
                str(cube.attrs.get("source", "cube")),
                axis,
                expected=f"some of {low:g} to {high:g}",
                found=f"{found.min():g} to {found.max():g}",
            )
