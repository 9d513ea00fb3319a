"""A target grid in a projection, such as 100 m cells of EPSG:27700 (extra ``raster``).

Regridding is GDAL's, by odc-geo, which keeps it lazy tile by tile. Rates, and whatever the target
is coarser for, are averaged over the source's cells by the area that falls into a target cell;
states and indices are interpolated where the target is finer. Classes are counted
(:mod:`uflux_kedro.gridding.classes`). GDAL averages over the box around a target cell that is
turned against the source: on white noise the mean over 60 km moves by 1e-4 where the target is
coarser and by 5e-4 where it is finer, a cell by 1 to 6 % of the field's standard deviation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.gridding.cells import DEGREES, METRES_PER_DEGREE, require_whole_cells
from uflux_kedro.gridding.classes import class_of_cells
from uflux_kedro.gridding.places import Cells, carry, centres_in
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
        import dask.array as da

        cells = self.cells()
        axes = {
            name: (np.arange(count) + 0.5) * self.resolution + low
            for name, count, low in (("y", cells.rows, self.south), ("x", cells.columns, self.west))
        }
        # Blocks of places: all of them at once are larger than a flux.
        rows, columns = (da.arange(n, chunks=_TILE) for n in (cells.rows, cells.columns))
        longitude, latitude = (
            da.blockwise(
                _in_degrees, "yx", rows, "y", columns, "x", cells=cells, which=which,
                dtype="float64", meta=np.empty((0, 0)),
            )
            for which in (0, 1)
        )  # fmt: skip
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
        return xr.Dataset(attrs={"crs": self.crs}).assign_coords(in_metres | in_degrees)

    def cells(self) -> Cells:
        """Its cells."""
        edges = self.west, self.south, self.east, self.north
        return Cells.between(self.crs, *edges, self.resolution)

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
        cells = self.cells()
        to_metres = Affine(cells.width, 0, self.west, 0, cells.height, self.south)
        return GeoBox((cells.rows, cells.columns), to_metres, self.crs)


def _in_degrees(rows: np.ndarray, columns: np.ndarray, cells: Cells, which: int) -> np.ndarray:
    """Longitude (0) or latitude (1) of a block's centres, to a thousandth of a cell."""
    part = cells.part(*(slice(places.min(), places.max() + 1) for places in (rows, columns)))
    side = cells.width / METRES_PER_DEGREE
    return centres_in(part, DEGREES, (side, side))[which]


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
    _check_overlap(cube, grid, axes)
    crs = cube.attrs["crs"] if axes == ("y", "x") else DEGREES
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


def _check_overlap(cube: xr.Dataset, grid: ProjectedGrid, axes: tuple[str, str]) -> None:
    if axes == ("y", "x"):
        if cube.attrs["crs"] != grid.crs:
            return
        wanted = {"y": (grid.south, grid.north), "x": (grid.west, grid.east)}
    else:
        longitude, latitude = carry(grid.crs, DEGREES, *grid.cells().lattice())
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
                expected=f"some of {low:g} to {high:g}",
                found=f"{found.min():g} to {found.max():g}",
            )
