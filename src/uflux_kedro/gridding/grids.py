"""Target grids: regular in degrees, or square cells in a projection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.gridding.cells import require_whole_cells
from uflux_kedro.gridding.projections import DEGREES, METRES_PER_DEGREE, Cells, project_centres
from uflux_kedro.lazy import xr
from uflux_kedro.schemas import Parameters

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

TILE = 512
"""Edge of a block of the target, cells. It must divide the edge of a product's region, since a block
that two regions share is computed twice. Within a block GDAL approximates the projection by straight
lines: from 0.25 degrees to 100 m, white noise of standard deviation 1 is off by 0.007 at most; with
blocks twice and four times as long, by 0.03 and 0.13."""


class TargetGrid(Parameters):
    """A regular grid of latitude and longitude, given by its edges."""

    resolution: float = Field(gt=0, le=90)
    """Edge of a cell, degrees."""
    west: float = Field(-180.0, ge=-180, lt=180)
    """Western edge, degrees east."""
    south: float = Field(-90.0, ge=-90, lt=90)
    """Southern edge, degrees north."""
    east: float = Field(180.0, gt=-180, le=180)
    """Eastern edge, degrees east."""
    north: float = Field(90.0, gt=-90, le=90)
    """Northern edge, degrees north."""

    @model_validator(mode="after")
    def _whole_cells(self) -> TargetGrid:
        require_whole_cells(self.west, self.east, self.resolution, "west to east", "degrees")
        require_whole_cells(self.south, self.north, self.resolution, "south to north", "degrees")
        return self

    def cells(self) -> Cells:
        """Return the grid's cells."""
        return Cells.between(DEGREES, self.west, self.south, self.east, self.north, self.resolution)

    def coordinates(self) -> xr.Dataset:
        """Return the centres of the cells: ``latitude`` and ``longitude``, both ascending."""
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
    """Square cells in a projection, given by their edges."""

    crs: str
    """Projection as pyproj reads it, such as ``EPSG:27700``; its unit is the metre."""
    resolution: float = Field(gt=0)
    """Edge of a cell, metres."""
    west: float
    """Western edge, metres in the projection."""
    south: float
    """Southern edge, metres."""
    east: float
    """Eastern edge, metres."""
    north: float
    """Northern edge, metres."""

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
        """Return the centres of the cells.

        Returns:
            Coordinates ``y`` and ``x`` in metres, ascending; ``latitude`` and ``longitude`` (y, x)
            of each cell in degrees, lazily; the projection in ``attrs["crs"]``.
        """
        import dask.array as da

        cells = self.cells()
        axes = {
            name: (np.arange(count) + 0.5) * self.resolution + low
            for name, count, low in (("y", cells.rows, self.south), ("x", cells.columns, self.west))
        }
        # In blocks: two coordinates of every cell take more memory than a flux.
        rows, columns = (da.arange(n, chunks=TILE) for n in (cells.rows, cells.columns))
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
        """Return the grid's cells."""
        edges = self.west, self.south, self.east, self.north
        return Cells.between(self.crs, *edges, self.resolution)

    def geobox(self) -> GeoBox:
        """Return the grid as an odc-geo box, from south to north.

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
    """Return longitude (0) or latitude (1) of a block's centres, to a thousandth of a cell."""
    part = cells.part(*(slice(places.min(), places.max() + 1) for places in (rows, columns)))
    side = cells.width / METRES_PER_DEGREE
    return project_centres(part, DEGREES, (side, side))[which]


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
