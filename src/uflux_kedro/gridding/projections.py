"""Square or oblong cells in any projection, and the places of their centres in another one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pyproj import Transformer

DEGREES = "EPSG:4326"
"""Longitude and latitude."""
METRES_PER_DEGREE = 111_195.0
"""Along a meridian."""

_STEP, _TOLERANCE = 16, 1e-3
"""Every 16th centre is projected; interpolated ones may be off by this share of a cell."""

_LATTICE_POINTS = 101
"""Points along each side of a grid from which its extent in another projection is found."""


@cache
def transformer(start: str, end: str) -> Transformer:
    """Return the pyproj transformer of x and y (longitude and latitude) between two projections.

    It is cached: making one takes longer than projecting the points of a block.
    """
    from pyproj import Transformer

    return Transformer.from_crs(start, end, always_xy=True)


class Cells(NamedTuple):
    """Cells of one size, rows ascending.

    Attributes:
        crs: Their projection.
        west: Western edge.
        south: Southern edge.
        width: Width of a cell, in the projection's unit.
        height: Height of a cell.
        rows: Number of rows.
        columns: Number of columns.
    """

    crs: str
    west: float
    south: float
    width: float
    height: float
    rows: int
    columns: int

    @classmethod
    def between(
        cls, crs: str, west: float, south: float, east: float, north: float, side: float
    ) -> Cells:
        """Return the square cells that fill a box."""
        rows, columns = round((north - south) / side), round((east - west) / side)
        return cls(crs, west, south, side, side, rows, columns)

    @property
    def metres(self) -> float:
        """Height of a cell, metres."""
        return self.height * (METRES_PER_DEGREE if self.crs == DEGREES else 1)

    def extent(self) -> str:
        """Return the extent as words, for messages."""
        east, north = self.west + self.columns * self.width, self.south + self.rows * self.height
        return f"{self.west:g} to {east:g}, {self.south:g} to {north:g}"

    def part(self, rows: slice, columns: slice) -> Cells:
        """Return the cells of some rows and columns."""
        return self._replace(
            west=self.west + columns.start * self.width,
            south=self.south + rows.start * self.height,
            rows=rows.stop - rows.start,
            columns=columns.stop - columns.start,
        )

    def at(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y (rows, columns) of places given in cells from the south-western corner."""
        x, y = np.meshgrid(self.west + columns * self.width, self.south + rows * self.height)
        return x, y

    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y (rows, columns) of the centres."""
        return self.at(np.arange(self.rows) + 0.5, np.arange(self.columns) + 0.5)

    def lattice(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of points from edge to edge, whose extent is that of the cells."""
        share = np.linspace(0, 1, _LATTICE_POINTS)
        return self.at(share * self.rows, share * self.columns)

    def cell_of(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the number of the cell in which each place lies, counted row by row.

        A place outside gets ``rows * columns``.
        """
        with np.errstate(invalid="ignore"):
            row, column = (y - self.south) / self.height, (x - self.west) / self.width
            inside = (row >= 0) & (row < self.rows) & (column >= 0) & (column < self.columns)
            index = row.astype("int32") * np.int32(self.columns) + column.astype("int32")
        return np.where(inside, index, np.int32(self.rows * self.columns))


def project_centres(
    cells: Cells, crs: str, sizes: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres of cells in another projection.

    Every sixteenth centre is projected and the others are interpolated, as GDAL does. Where that
    is not accurate enough, as at the edge of the map, all are projected.

    Args:
        cells: The cells.
        crs: The other projection.
        sizes: Width and height of the cells of interest in the other projection, in its unit.
            Places are right to a thousandth of them.

    Returns:
        x and y (rows, columns).
    """
    knots = [_knots(cells.rows), _knots(cells.columns)]
    if (
        min(len(k) for k in knots) > 1
        and len(knots[0]) * len(knots[1]) * 4 < cells.rows * cells.columns
    ):
        midpoints = [(k[:-1] + k[1:]) / 2 for k in knots]
        at_knots, at_midpoints = (
            project_points(cells.crs, crs, *cells.at(rows + 0.5, columns + 0.5))
            for rows, columns in (knots, midpoints)
        )
        with np.errstate(invalid="ignore"):  # an infinite place minus another is NaN
            errors = [
                np.abs(exact - (k[:-1, :-1] + k[1:, :-1] + k[:-1, 1:] + k[1:, 1:]) / 4).max()
                for k, exact in zip(at_knots, at_midpoints, strict=True)
            ]
        if all(error <= _TOLERANCE * size for error, size in zip(errors, sizes, strict=True)):
            rows, columns = (
                _interpolation_weights(k, n)
                for k, n in zip(knots, (cells.rows, cells.columns), strict=True)
            )
            x, y = (rows @ values @ columns.T for values in at_knots)
            return x, y
    return project_points(cells.crs, crs, *cells.centres())


def _knots(count: int) -> np.ndarray:
    """Return every sixteenth index below ``count``, and the last one."""
    return np.unique([*range(0, count, _STEP), count - 1]).astype(float)


def _interpolation_weights(knots: np.ndarray, count: int) -> np.ndarray:
    """Return weights (count, knots) of linear interpolation."""
    places = np.arange(count)
    left = np.clip(np.searchsorted(knots, places, "right") - 1, 0, len(knots) - 2)
    share = (places - knots[left]) / (knots[left + 1] - knots[left])
    weights = np.zeros((count, len(knots)))
    weights[places, left], weights[places, left + 1] = 1 - share, share
    return weights


def project_points(
    start: str, end: str, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return places in another projection; infinite where they lie beyond the edge of the map."""
    longitude, latitude = x, y
    if start != DEGREES:
        longitude, latitude = transformer(start, DEGREES).transform(x, y)
        # Slightly more than 180 degrees is the rounding of an edge.
        longitude = np.where(np.abs(longitude) <= 180 + 1e-9, longitude, np.inf)
    if end == DEGREES:
        return longitude, latitude
    x, y = transformer(DEGREES, end).transform(longitude, latitude)
    return x, y
