"""Target grids: regular in degrees, or square cells in a projection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.gridding.cells import (
    DEGREES,
    METRES_PER_DEGREE,
    Cells,
    centres_in,
    require_whole_cells,
)
from uflux_kedro.lazy import xr
from uflux_kedro.schemas import Parameters

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

_TILE = 512
"""Edge of a block of the target, cells: a whole part of a product's region, since a block that two
regions share is made twice. Across a block GDAL follows the projection along straight lines: on
0.25 degree cells brought to 100 m, white noise of standard deviation 1 is off by 0.007 at most, with
blocks twice and four times as long by 0.03 and 0.13."""


class TargetGrid(Parameters):
    """A regular grid of latitude and longitude, given by its edges.

    Attributes:
        resolution: Edge of a cell, degrees.
        west: Western edge, degrees east.
        south: Southern edge, degrees north.
        east: Eastern edge, degrees east.
        north: Northern edge, degrees north.
    """

    resolution: float = Field(gt=0, le=90)
    west: float = Field(-180.0, ge=-180, lt=180)
    south: float = Field(-90.0, ge=-90, lt=90)
    east: float = Field(180.0, gt=-180, le=180)
    north: float = Field(90.0, gt=-90, le=90)

    @model_validator(mode="after")
    def _whole_cells(self) -> TargetGrid:
        require_whole_cells(self.west, self.east, self.resolution, "west to east", "degrees")
        require_whole_cells(self.south, self.north, self.resolution, "south to north", "degrees")
        return self

    def cells(self) -> Cells:
        """Its cells."""
        return Cells.between(DEGREES, self.west, self.south, self.east, self.north, self.resolution)

    def coordinates(self) -> xr.Dataset:
        """Centres of the cells: ``latitude`` and ``longitude``, both ascending."""
        cells = self.cells()
        axes = {
            "latitude": (self.south, cells.rows, "degrees_north", "Y"),
            "longitude": (self.west, cells.columns, "degrees_east", "X"),
        }
        grid = xr.Dataset()
        for name, (low, count, unit, axis) in axes.items():
            centres = np.round(low + (np.arange(count) + 0.5) * self.resolution, 8)
            attributes = {"standard_name": name, "units": unit, "axis": axis}
            grid = grid.assign_coords({name: (name, centres, attributes)})
        return grid


class ProjectedGrid(Parameters):
    """Square cells in a projection, given by their edges.

    Attributes:
        crs: The projection as pyproj reads it, such as ``EPSG:27700``; its unit is the metre.
        resolution: Edge of a cell, metres.
        west: Western edge, metres in the projection.
        south: Southern edge.
        east: Eastern edge.
        north: Northern edge.
    """

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


GRID_KINDS = ("in degrees", "in a projection")


def _kind_of(grid: Any) -> str:
    """Which of the two a mapping describes: only a grid in a projection names its ``crs``."""
    projected = "crs" in grid if isinstance(grid, dict) else isinstance(grid, ProjectedGrid)
    return GRID_KINDS[projected]


Grid = Annotated[
    Annotated[TargetGrid, Tag(GRID_KINDS[0])] | Annotated[ProjectedGrid, Tag(GRID_KINDS[1])],
    Discriminator(_kind_of),
]
"""Field of a parameter model that takes either kind of grid; errors are those of the kind meant."""
