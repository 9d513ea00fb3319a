"""Cells of a grid: that they fill it, which one a place lies in, and places between projections."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pyproj import Transformer

DEGREES = "EPSG:4326"
METRES_PER_DEGREE = 111_195.0
"""Along a meridian."""

_ROUNDING = 1e-6

_STEP, _OFF = 16, 1e-3
"""Cells from one that is carried to another projection to the next, and how far off, in the sizes
that matter, those between them may be."""

_POINTS = 101
"""Points from one edge of cells to the other by which their extent in another projection is found."""


def require_whole_cells(low: float, high: float, size: float, axis: str, unit: str) -> None:
    """Refuse an axis that two or more whole cells do not fill.

    Args:
        low: Lower edge of the axis.
        high: Upper edge.
        size: Edge of a cell, in the same unit.
        axis: Name of the axis, for the message.
        unit: Of the three, for the message.

    Raises:
        ValueError: If they do not, as Pydantic's validators want it.
    """
    cells = (high - low) / size
    if cells < 2 - _ROUNDING or abs(cells - round(cells)) > _ROUNDING:
        raise ValueError(
            f"{axis}: expected two or more whole cells of {size} {unit} "
            f"between {low} and {high}, found {cells:g}"
        )


def nearest(
    centres: np.ndarray, places: np.ndarray, degrees: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Nearest cell along one axis.

    Args:
        centres: Evenly spaced latitudes, longitudes or metres (n,); n is 2 at least.
        places: Places (m,) in the same unit.
        degrees: Whether 360 of them lead round to the start.

    Returns:
        Index of the nearest centre (m,), and whether the place lies outside its cell (m,).
    """
    away = centres[None, :] - places[:, None]
    distance = np.abs(turn(away) if degrees else away)
    index = distance.argmin(axis=1)
    half = abs(centres[1] - centres[0]) / 2
    return index, distance.min(axis=1) > half + _ROUNDING


def turn(degrees: np.ndarray) -> np.ndarray:
    """Difference of longitudes the short way round, -180..180; of latitudes, itself."""
    return (degrees + 180) % 360 - 180


@cache
def transformer(start: str, end: str) -> Transformer:
    """What carries x and y, or longitude and latitude, from one projection to another.

    Making one takes longer than carrying the points of a block.
    """
    from pyproj import Transformer

    return Transformer.from_crs(start, end, always_xy=True)


class Cells(NamedTuple):
    """Cells of one size, rows ascending.

    Attributes:
        crs: Their projection.
        west: Western edge.
        south: Southern edge.
        width: Of a cell, in the projection's unit.
        height: Of a cell.
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
        """Square cells that fill a box."""
        rows, columns = round((north - south) / side), round((east - west) / side)
        return cls(crs, west, south, side, side, rows, columns)

    @property
    def metres(self) -> float:
        """Height of a cell, metres."""
        return self.height * (METRES_PER_DEGREE if self.crs == DEGREES else 1)

    def extent(self) -> str:
        """Where they lie, for messages."""
        east, north = self.west + self.columns * self.width, self.south + self.rows * self.height
        return f"{self.west:g} to {east:g}, {self.south:g} to {north:g}"

    def part(self, rows: slice, columns: slice) -> Cells:
        """These rows and columns."""
        return self._replace(
            west=self.west + columns.start * self.width,
            south=self.south + rows.start * self.height,
            rows=rows.stop - rows.start,
            columns=columns.stop - columns.start,
        )

    def at(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Abscissae and ordinates (rows, columns) so many cells from the south-western corner."""
        x, y = np.meshgrid(self.west + columns * self.width, self.south + rows * self.height)
        return x, y

    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """Abscissae and ordinates (rows, columns)."""
        return self.at(np.arange(self.rows) + 0.5, np.arange(self.columns) + 0.5)

    def lattice(self) -> tuple[np.ndarray, np.ndarray]:
        """Abscissae and ordinates of points from edge to edge, to find their extent elsewhere by."""
        share = np.linspace(0, 1, _POINTS)
        return self.at(share * self.rows, share * self.columns)

    def cell_of(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Number of the cell in which each place lies, row by row; one more than all for none."""
        with np.errstate(invalid="ignore"):
            row, column = (y - self.south) / self.height, (x - self.west) / self.width
            inside = (row >= 0) & (row < self.rows) & (column >= 0) & (column < self.columns)
            index = row.astype("int32") * np.int32(self.columns) + column.astype("int32")
        return np.where(inside, index, np.int32(self.rows * self.columns))


def centres_in(cells: Cells, crs: str, sizes: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Centres of cells in another projection.

    Every sixteenth is carried there and the rest interpolated, as GDAL does; where that is not good
    enough, as at the edge of the map, all are carried.

    Args:
        cells: The cells.
        crs: The other projection.
        sizes: Width and height, in the other projection's unit, of which a thousandth matters no
            more.

    Returns:
        Abscissae and ordinates (rows, columns).
    """
    knots = [_knots(cells.rows), _knots(cells.columns)]
    if (
        min(len(k) for k in knots) > 1
        and len(knots[0]) * len(knots[1]) * 4 < cells.rows * cells.columns
    ):
        middles = [(k[:-1] + k[1:]) / 2 for k in knots]
        at_knots, at_middles = (
            carry(cells.crs, crs, *cells.at(rows + 0.5, columns + 0.5))
            for rows, columns in (knots, middles)
        )
        with np.errstate(invalid="ignore"):  # where a place is infinite the difference is none
            off = [
                np.abs(middle - (k[:-1, :-1] + k[1:, :-1] + k[:-1, 1:] + k[1:, 1:]) / 4).max()
                for k, middle in zip(at_knots, at_middles, strict=True)
            ]
        if all(one <= _OFF * size for one, size in zip(off, sizes, strict=True)):
            rows, columns = (
                _between(k, n) for k, n in zip(knots, (cells.rows, cells.columns), strict=True)
            )
            x, y = (rows @ values @ columns.T for values in at_knots)
            return x, y
    return carry(cells.crs, crs, *cells.centres())


def _knots(count: int) -> np.ndarray:
    """Every sixteenth place of so many, and the last."""
    return np.unique([*range(0, count, _STEP), count - 1]).astype(float)


def _between(knots: np.ndarray, count: int) -> np.ndarray:
    """Weights (count, knots) of linear interpolation."""
    places = np.arange(count)
    left = np.clip(np.searchsorted(knots, places, "right") - 1, 0, len(knots) - 2)
    share = (places - knots[left]) / (knots[left + 1] - knots[left])
    weights = np.zeros((count, len(knots)))
    weights[places, left], weights[places, left + 1] = 1 - share, share
    return weights


def carry(start: str, end: str, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places in another projection; infinite where they lie beyond the Earth's edge."""
    longitude, latitude = x, y
    if start != DEGREES:
        longitude, latitude = transformer(start, DEGREES).transform(x, y)
        # A hair more than half a turn is the rounding of an edge.
        longitude = np.where(np.abs(longitude) <= 180 + 1e-9, longitude, np.inf)
    if end == DEGREES:
        return longitude, latitude
    x, y = transformer(DEGREES, end).transform(longitude, latitude)
    return x, y
