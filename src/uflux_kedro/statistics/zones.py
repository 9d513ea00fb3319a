"""Zones and their shares of cells: all cells, bands of latitude, land cover, areas with outlines.

On degrees a zone's share of a cell is the part of the cell's area inside the zone, so that a coarse
cell on a border is split between its neighbours. In a projection a cell belongs to the zone in which
its centre lies, which at a hundred metres makes no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.gridding.projections import DEGREES, transformer
from uflux_kedro.variables import IGBP_CLASSES

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from shapely import Geometry

_NO_ZONE = -1
_DEGREES_BETWEEN_POINTS = 0.05
"""Longest stretch of an outline without a point before it is projected."""


@dataclass(frozen=True)
class Tile:
    """A part of a grid.

    Attributes:
        rows: Lower and upper edges of the rows (ny, 2), degrees or metres, ascending.
        columns: Edges of the columns (nx, 2).
        area: Area of the cells (ny, nx), m2.
        classes: IGBP class of the cells (ny, nx); None without a map of land cover.
        crs: The projection; None for degrees.
    """

    rows: np.ndarray
    columns: np.ndarray
    area: np.ndarray
    classes: np.ndarray | None = None
    crs: str | None = None

    @property
    def cells(self) -> int:
        """Number of cells."""
        return len(self.rows) * len(self.columns)


class Zones(Protocol):
    """Zones of one kind: ``kind``, ``names`` (n,), and their shares of a tile's cells."""

    @property
    def kind(self) -> str:
        """Kind of the zones, such as ``country``."""

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each zone."""

    def shares(self, tile: Tile) -> csr_array:
        """Return each zone's share (rows) of each cell (columns, row by row of the tile)."""


@dataclass(frozen=True)
class AllCells:
    """One zone of all cells of the grid."""

    kind: str = "global"
    names: tuple[str, ...] = ("all cells",)

    def shares(self, tile: Tile) -> csr_array:
        """Return each cell in full."""
        return _of_labels(np.zeros(tile.cells, dtype=int), 1)


@dataclass(frozen=True)
class Bands:
    """Bands of latitude.

    Attributes:
        edges: Edges of the bands (n + 1,), ascending, degrees north.
        kind: Kind of the zones.
    """

    edges: tuple[float, ...]
    kind: str = "zonal"

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each band, such as ``30S to 0``."""
        ends = [f"{abs(e):g}{'S' if e < 0 else 'N' if e > 0 else ''}" for e in self.edges]
        return tuple(f"{a} to {b}" for a, b in pairwise(ends))

    def shares(self, tile: Tile) -> csr_array:
        """Return, on degrees, the part of each cell's area within each band.

        In a projection a cell belongs to the band of its centre.
        """
        if tile.crs is not None:
            _, latitude = centres_in_degrees(tile)
            label = np.searchsorted(self.edges, latitude, side="right") - 1
            label[(label < 0) | (label >= len(self.names))] = _NO_ZONE
            return _of_labels(label, len(self.names))
        from scipy.sparse import csr_array

        edges, rows = np.sin(np.deg2rad(self.edges)), np.sin(np.deg2rad(tile.rows))
        low = np.maximum(edges[:-1, None], rows[None, :, 0])
        high = np.minimum(edges[1:, None], rows[None, :, 1])
        share = (high - low).clip(0) / np.diff(rows, axis=1).T
        return csr_array(np.repeat(share, len(tile.columns), axis=1))


@dataclass(frozen=True)
class LandCover:
    """One zone for each IGBP class but water."""

    kind: str = "IGBP"
    names: tuple[str, ...] = tuple(name for name in IGBP_CLASSES if name != "WAT")

    def shares(self, tile: Tile) -> csr_array:
        """Return each cell in full, in its class.

        Raises:
            ConfigurationError: If the tile has no map of classes.
        """
        if tile.classes is None:
            raise ConfigurationError("Zones by IGBP class need a map of land cover: found none")
        place = np.full(256, _NO_ZONE)
        place[[IGBP_CLASSES[name] for name in self.names]] = np.arange(len(self.names))
        return _of_labels(place[tile.classes.ravel().astype("uint8")], len(self.names))


@dataclass(frozen=True)
class Areas:
    """Areas with outlines.

    Attributes:
        kind: Kind of the areas, such as ``country``.
        names: Name of each area (n,).
        outlines: Polygons (n,), degrees of longitude -180..180 and latitude.
    """

    kind: str
    names: tuple[str, ...]
    outlines: tuple[Geometry, ...]

    def shares(self, tile: Tile) -> csr_array:
        """Return the part of each cell's area inside each outline.

        In a projection a cell with its centre inside counts in full.
        """
        return _by_area(self.outlines, tile) if tile.crs is None else _by_centre(self.outlines, tile)  # fmt: skip


def _of_labels(labels: np.ndarray, n: int) -> csr_array:
    """Return each cell in full in the zone of its label; ``_NO_ZONE`` is in no zone."""
    from scipy.sparse import csr_array

    cells = np.flatnonzero(labels >= 0)
    return csr_array((np.ones(cells.size), (labels[cells], cells)), shape=(n, labels.size))


def _by_area(outlines: Sequence[Geometry], tile: Tile) -> csr_array:
    """Return the part of each cell's area inside each outline.

    Areas are computed in longitude and the sine of latitude, which is an equal-area projection. A
    border that is neither a parallel nor a meridian is bent there, by less than a cell.
    """
    import shapely
    from scipy.sparse import csr_array

    rows, columns = np.sin(np.deg2rad(tile.rows)), tile.columns
    numbers: list[np.ndarray] = []
    cells: list[np.ndarray] = []
    shares: list[np.ndarray] = []
    for number, one in enumerate(outlines):
        outline = shapely.transform(one, _equal_area)
        west, south, east, north = outline.bounds
        i = np.flatnonzero((rows[:, 1] > south) & (rows[:, 0] < north))
        j = np.flatnonzero((columns[:, 1] > west) & (columns[:, 0] < east))
        i, j = (a.ravel() for a in np.meshgrid(i, j, indexing="ij"))
        boxes = shapely.box(columns[j, 0], rows[i, 0], columns[j, 1], rows[i, 1])
        shapely.prepare(outline)
        touched = shapely.intersects(outline, boxes)
        share = shapely.contains(outline, boxes).astype(float)
        partial = touched & (share == 0)
        overlap = shapely.intersection(outline, boxes[partial])
        share[partial] = shapely.area(overlap) / shapely.area(boxes[partial])
        inside = share > 0
        cells.append((i * len(columns) + j)[inside])
        shares.append(share[inside])
        numbers.append(np.full(int(inside.sum()), number))
    where = (np.concatenate(numbers), np.concatenate(cells))
    return csr_array((np.concatenate(shares), where), shape=(len(outlines), tile.cells))


def _equal_area(points: np.ndarray) -> np.ndarray:
    """Return longitude and the sine of latitude of points (n, 2) in degrees."""
    return np.column_stack([points[:, 0], np.sin(np.deg2rad(points[:, 1].clip(-90, 90)))])


def _by_centre(outlines: Sequence[Geometry], tile: Tile) -> csr_array:
    """Return the cells whose centres lie in each outline; of overlapping areas the last counts."""
    import shapely

    try:
        from rasterio.features import rasterize
        from rasterio.transform import from_bounds
    except ImportError as error:
        raise ConfigurationError(
            "Areas in a projection need rasterio: install uflux_kedro[raster]"
        ) from error
    to_metres = transformer(DEGREES, str(tile.crs))
    near = shapely.box(*_extent_in_degrees(tile)).buffer(0.1)
    shapes: list[tuple[Any, int]] = []
    for number, outline in enumerate(outlines):
        # Far away from the tile the projection may be undefined.
        part = shapely.segmentize(shapely.intersection(outline, near), _DEGREES_BETWEEN_POINTS)
        if not part.is_empty and part.area > 0:
            drawn = shapely.transform(part, lambda p: np.column_stack(to_metres.transform(*p.T)))
            shapes.append((drawn, number))
    shape = (len(tile.rows), len(tile.columns))
    if not shapes:
        return _of_labels(np.full(tile.cells, _NO_ZONE), len(outlines))
    edges = (tile.columns[0, 0], tile.rows[0, 0], tile.columns[-1, 1], tile.rows[-1, 1])
    drawn = rasterize(
        shapes,
        out_shape=shape,
        transform=from_bounds(*edges, shape[1], shape[0]),
        fill=_NO_ZONE,
        dtype="int32",
    )
    return _of_labels(drawn[::-1].ravel(), len(outlines))  # rasterio's rows start in the north


def centres_in_degrees(tile: Tile) -> tuple[np.ndarray, np.ndarray]:
    """Return longitude and latitude of the centres of a tile's cells (cells,)."""
    x, y = np.meshgrid(tile.columns.mean(axis=1), tile.rows.mean(axis=1))
    if tile.crs is None:
        return x.ravel(), y.ravel()
    return _in_degrees(tile, x.ravel(), y.ravel())


def _extent_in_degrees(tile: Tile) -> tuple[float, float, float, float]:
    """Return west, south, east and north of a projection's tile, from points along its sides."""
    (west, east), (south, north) = (e[[0, -1], [0, 1]] for e in (tile.columns, tile.rows))
    x, y = np.linspace(west, east, 21), np.linspace(south, north, 21)
    sides = [(x, np.full(21, end)) for end in (south, north)]
    sides += [(np.full(21, end), y) for end in (west, east)]
    longitude, latitude = _in_degrees(tile, *(np.concatenate(s) for s in zip(*sides, strict=True)))
    extent = [longitude.min(), latitude.min(), longitude.max(), latitude.max()]
    # A pole inside the tile lies beyond all sides, and every meridian passes through it.
    for pole, latitude_of in ((-90.0, 1), (90.0, 3)):
        at = transformer(DEGREES, str(tile.crs)).transform(0.0, pole)
        if west <= at[0] <= east and south <= at[1] <= north:
            extent[0], extent[2], extent[latitude_of] = -180.0, 180.0, pole
    return tuple(extent)


def _in_degrees(tile: Tile, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return transformer(str(tile.crs), DEGREES).transform(x, y)
