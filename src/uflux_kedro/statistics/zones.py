"""Which cells belong to which zone: the whole, bands of latitude, land cover, outlines.

A zone takes a share of each cell. On degrees the share is the part of the cell's area that lies
inside, so that a coarse cell on a border is parted between its neighbours; in a projection a
cell belongs where its centre lies, which at a hundred metres makes no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.gridding.cells import DEGREES, transformer
from uflux_kedro.variables import IGBP_CLASSES

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from shapely import Geometry

_NO_ZONE = -1
_DEGREES_BETWEEN_POINTS = 0.05
"""Outlines get a point this often before they are brought into a projection."""


@dataclass(frozen=True)
class Tile:
    """A part of a grid.

    Attributes:
        rows: Lower and upper edges of the rows (ny, 2), degrees or metres, ascending.
        columns: Edges of the columns (nx, 2).
        area: Area of the cells (ny, nx), m2.
        classes: IGBP class of the cells (ny, nx); None where no map is at hand.
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
        """What they are, such as ``country``."""

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each."""

    def shares(self, tile: Tile) -> csr_array:
        """Share of each cell (columns, row by row of the tile) that each zone (rows) takes."""


@dataclass(frozen=True)
class Whole:
    """All cells of the grid."""

    kind: str = "global"
    names: tuple[str, ...] = ("all cells",)

    def shares(self, tile: Tile) -> csr_array:
        """Each cell in full."""
        return _of_labels(np.zeros(tile.cells, dtype=int), 1)


@dataclass(frozen=True)
class Bands:
    """Bands of latitude.

    Attributes:
        edges: Their edges (n + 1,), ascending, degrees north.
    """

    edges: tuple[float, ...]
    kind: str = "zonal"

    @property
    def names(self) -> tuple[str, ...]:
        """Such as ``30S to 0``."""
        ends = [f"{abs(e):g}{'S' if e < 0 else 'N' if e > 0 else ''}" for e in self.edges]
        return tuple(f"{a} to {b}" for a, b in pairwise(ends))

    def shares(self, tile: Tile) -> csr_array:
        """On degrees the part of a row's area that lies within the band."""
        if tile.crs is not None:
            _, latitude = _centres_in_degrees(tile)
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
    """IGBP classes, each cell in its own; water is none."""

    kind: str = "IGBP"
    names: tuple[str, ...] = tuple(name for name in IGBP_CLASSES if name != "WAT")

    def shares(self, tile: Tile) -> csr_array:
        """Each cell in full, in its class.

        Raises:
            ConfigurationError: If the tile has no map of classes.
        """
        if tile.classes is None:
            raise ConfigurationError("Zones by IGBP class need the map of land cover: found none")
        place = np.full(256, _NO_ZONE)
        place[[IGBP_CLASSES[name] for name in self.names]] = np.arange(len(self.names))
        return _of_labels(place[tile.classes.ravel().astype("uint8")], len(self.names))


@dataclass(frozen=True)
class Areas:
    """Areas with outlines.

    Attributes:
        kind: What they are.
        names: Name of each (n,).
        outlines: Polygons (n,), degrees of longitude -180..180 and latitude.
    """

    kind: str
    names: tuple[str, ...]
    outlines: tuple[Geometry, ...]

    def shares(self, tile: Tile) -> csr_array:
        """Part of each cell's area inside, or in a projection the cell whose centre is inside."""
        return _by_area(self.outlines, tile) if tile.crs is None else _by_centre(self.outlines, tile)  # fmt: skip


def _of_labels(labels: np.ndarray, n: int) -> csr_array:
    """Each cell in full in the zone of its label; ``_NO_ZONE`` is in none."""
    from scipy.sparse import csr_array

    cells = np.flatnonzero(labels >= 0)
    return csr_array((np.ones(cells.size), (labels[cells], cells)), shape=(n, labels.size))


def _by_area(outlines: Sequence[Geometry], tile: Tile) -> csr_array:
    """In the sine of latitude areas on the map are areas on the sphere.

    A border that is no parallel and no meridian bends a little in it, within one cell at most.
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
        part = touched & (share == 0)
        share[part] = shapely.area(shapely.intersection(outline, boxes[part])) / shapely.area(boxes[part])  # fmt: skip
        inside = share > 0
        cells.append((i * len(columns) + j)[inside])
        shares.append(share[inside])
        numbers.append(np.full(int(inside.sum()), number))
    where = (np.concatenate(numbers), np.concatenate(cells))
    return csr_array((np.concatenate(shares), where), shape=(len(outlines), tile.cells))


def _equal_area(points: np.ndarray) -> np.ndarray:
    """Longitude and the sine of latitude of points (n, 2) in degrees."""
    return np.column_stack([points[:, 0], np.sin(np.deg2rad(points[:, 1].clip(-90, 90)))])


def _by_centre(outlines: Sequence[Geometry], tile: Tile) -> csr_array:
    """Drawn into the tile; where areas overlap the later one has the cell."""
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
        # What lies far away has no place in the projection.
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
    return _of_labels(drawn[::-1].ravel(), len(outlines))  # drawn from the north


def _centres_in_degrees(tile: Tile) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of a projection's cells (cells,)."""
    x, y = np.meshgrid(tile.columns.mean(axis=1), tile.rows.mean(axis=1))
    return _in_degrees(tile, x.ravel(), y.ravel())


def _extent_in_degrees(tile: Tile) -> tuple[float, float, float, float]:
    """West, south, east and north of a projection's tile, by points along its four sides."""
    (west, east), (south, north) = (e[[0, -1], [0, 1]] for e in (tile.columns, tile.rows))
    x, y = np.linspace(west, east, 21), np.linspace(south, north, 21)
    sides = [(x, np.full(21, end)) for end in (south, north)]
    sides += [(np.full(21, end), y) for end in (west, east)]
    longitude, latitude = _in_degrees(tile, *(np.concatenate(s) for s in zip(*sides, strict=True)))
    extent = [longitude.min(), latitude.min(), longitude.max(), latitude.max()]
    # A pole within lies beyond all sides, and every meridian goes through it.
    for pole, latitude_of in ((-90.0, 1), (90.0, 3)):
        at = transformer(DEGREES, str(tile.crs)).transform(0.0, pole)
        if west <= at[0] <= east and south <= at[1] <= north:
            extent[0], extent[2], extent[latitude_of] = -180.0, 180.0, pole
    return tuple(extent)


def _in_degrees(tile: Tile, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return transformer(str(tile.crs), DEGREES).transform(x, y)
