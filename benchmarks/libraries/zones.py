"""Fractions of cells that polygons cover, on a grid of degrees and in a projection.

exactextract divides cells of a regular grid. Rows of equal height in degrees have different heights
in the sine of latitude, in which areas are those of the sphere. Outlines are therefore converted to
numbers of rows and columns, with points so dense that the curvature between them is negligible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from benchmarks.libraries.contest import Contest, Work
from uflux_kedro.gridding.cells import EARTH_RADIUS
from uflux_kedro.gridding.projections import DEGREES, transformer
from uflux_kedro.readers.regions import read_countries
from uflux_kedro.statistics import zones
from uflux_kedro.statistics.zones import Areas, Tile

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from shapely import Geometry

_FINE = 200
"""Points of an outline per row, for exactextract in equal areas."""
_ACROSS = 0.05
"""Distance of points of an outline that is projected, degrees."""
ROUND = (
    shapely.union(shapely.box(170, -10, 180, 10), shapely.box(-180, -10, -170, 10)),
    shapely.box(-180, 65.3, 180, 90),
    shapely.box(-180, -90, 180, -65.3),
)
"""Outlines across the date line and around each pole."""


def contests(folder: Path) -> Iterator[Contest]:
    """Compare on degrees, for countries and for areas across the date line and around the poles."""
    del folder
    countries = read_countries().outlines
    own = (zones._by_area, zones._equal_area)
    parts = ("exactextract",)
    masks = ("regionmask", "geopandas", "pyogrio", "pooch")
    for what, outlines, cells, ways in (
        ("177 countries at 1 degree", countries, 180, (_equal, _plain, _mask, _approximate)),
        # regionmask's fractions, from hundreds of points per cell, need more than 17 GB here.
        ("177 countries at 0.25 degrees", countries, 720, (_equal, _plain, _mask)),
        ("date line and poles at 1 degree", ROUND, 180, (_equal, _plain, _mask, _approximate)),
    ):
        for way in ways:
            packages = parts if way in (_equal, _plain) else masks
            new = (_equal, _cover) if way is _equal else (_plain, _cover) if way is _plain else (way,)  # fmt: skip
            library, manner = (way.__doc__ or "").rstrip(".").split(", ", 1)
            yield Contest(
                what, f"{library} ({manner})", packages, _areas_of, _areas_by,
                (outlines, cells, way), own, new,
            )  # fmt: skip


def projected(folder: Path) -> Iterator[Contest]:
    """Compare countries in a projection, where ours assigns whole cells by their centres."""
    del folder
    countries = read_countries().outlines
    for what, crs, corner, side, cells in (
        ("Countries, 4.2 million cells of 100 m (EPSG:3035)", "EPSG:3035", (4.0e6, 2.7e6), 100.0, 2048),
        ("Countries, 490 000 cells of 5 km (EPSG:3035)", "EPSG:3035", (2.5e6, 1.4e6), 5000.0, 700),
        ("Countries, 14 400 cells of 50 km about the North Pole", "EPSG:6931", (-3e6, -3e6), 5e4, 120),
    ):  # fmt: skip
        yield Contest(
            what, "exactextract (parts of cells)", ("exactextract",), _projected_ours,
            _projected_library, (countries, crs, corner, side, cells), (zones._by_centre,),
            (_in_projection, _cover),
        )  # fmt: skip


def _degrees(rows: int) -> Tile:
    """Return the globe in square cells of 180 / ``rows`` degrees."""
    latitude, longitude = np.linspace(-90, 90, rows + 1), np.linspace(-180, 180, 2 * rows + 1)
    ends = [np.stack([e[:-1], e[1:]], axis=1) for e in (latitude, longitude)]
    heights = np.diff(np.sin(np.deg2rad(ends[0])), axis=1)
    area = EARTH_RADIUS**2 * np.outer(heights, np.deg2rad(np.diff(ends[1], axis=1)))
    return Tile(*ends, area)


def _areas_of(outlines: Sequence[Geometry], rows: int, way: Any) -> Work:
    del way
    tile = _degrees(rows)
    zone = Areas("area", tuple(map(str, range(len(outlines)))), tuple(outlines))
    zone.shares(_degrees(2))
    return lambda: zone.shares(tile) @ tile.area.ravel()


def _areas_by(outlines: Sequence[Geometry], rows: int, way: Any) -> Work:
    tile = _degrees(rows)
    way(outlines, _degrees(10))
    return lambda: way(outlines, tile) @ tile.area.ravel()


def _equal(outlines: Sequence[Geometry], tile: Tile) -> csr_array:
    """exactextract, equal areas."""
    rows = np.rad2deg(np.sin(np.deg2rad(np.append(tile.rows[:, 0], tile.rows[-1, 1]))))
    columns = np.append(tile.columns[:, 0], tile.columns[-1, 1])

    def equal(p: NDArray) -> NDArray:
        return np.column_stack([p[:, 0], np.rad2deg(np.sin(np.deg2rad(p[:, 1].clip(-90, 90))))])

    def numbers(p: NDArray) -> NDArray:
        ends = [np.interp(v, e, np.arange(e.size)) for v, e in zip(p.T, (columns, rows), strict=True)]  # fmt: skip
        return np.column_stack(ends)

    step = np.ptp(tile.rows, axis=1).max() / _FINE
    drawn = [shapely.segmentize(shapely.transform(o, equal), step) for o in outlines]
    return _cover([shapely.transform(o, numbers) for o in drawn], len(tile.rows), len(tile.columns))


def _plain(outlines: Sequence[Geometry], tile: Tile) -> csr_array:
    """exactextract, parts of degrees."""
    corner = np.array([tile.columns[0, 0], tile.rows[0, 0]])
    size = np.array([np.ptp(tile.columns[0]), np.ptp(tile.rows[0])])
    drawn = [shapely.transform(o, lambda p: (p - corner) / size) for o in outlines]
    return _cover(drawn, len(tile.rows), len(tile.columns))


def _cover(outlines: Sequence[Geometry], ny: int, nx: int) -> csr_array:
    from exactextract import exact_extract
    from exactextract.feature import Feature, FeatureSource
    from exactextract.raster import NumPyRasterSource
    from scipy.sparse import csr_array

    class One(Feature):
        """A feature as WKB: exactextract's default, GeoJSON, takes ten times as long."""

        def __init__(self, outline: Geometry) -> None:
            super().__init__()
            self.outline = outline

        def geometry(self) -> bytes:
            return shapely.to_wkb(self.outline)

    class All(FeatureSource):
        def count(self) -> int:
            return len(valid)

        def __iter__(self) -> Iterator[One]:
            return (One(outlines[i]) for i in valid)

        def srs_wkt(self) -> None:
            return None

    # exactextract raises an error for an outline without area.
    valid = [i for i, outline in enumerate(outlines) if outline.area > 0]
    if not valid:
        return csr_array((len(outlines), ny * nx))
    grid = NumPyRasterSource(np.zeros((ny, nx), "int8"), xmin=0, ymin=0, xmax=nx, ymax=ny)
    found = exact_extract(grid, All(), ["cell_id", "coverage"], output="pandas")
    number = np.repeat(valid, found["cell_id"].str.len())
    cell, share = (np.concatenate(found[c].to_list()) for c in ("cell_id", "coverage"))
    row, column = np.divmod(cell.astype(int), nx)  # from the north
    where = (number, (ny - 1 - row) * nx + column)
    return csr_array((share.astype("float64"), where), shape=(len(outlines), ny * nx))


def _mask(outlines: Sequence[Geometry], tile: Tile) -> NDArray:
    """regionmask, centres."""
    return _masked(outlines, tile, "mask_3D")


def _approximate(outlines: Sequence[Geometry], tile: Tile) -> NDArray:
    """regionmask, shares by points within cells."""
    return _masked(outlines, tile, "mask_3D_frac_approx")


def _masked(outlines: Sequence[Geometry], tile: Tile, how: str) -> NDArray:
    import regionmask

    regions = regionmask.Regions(list(outlines), overlap=True)
    centres = tile.columns.mean(axis=1), tile.rows.mean(axis=1)
    share = getattr(regions, how)(*centres, drop=False)
    return share.to_numpy().reshape(len(outlines), -1)


def _projected_tile(crs: str, corner: tuple[float, float], side: float, cells: int) -> Tile:
    edges = np.stack([np.arange(cells), np.arange(1, cells + 1)], axis=1) * side
    return Tile(corner[1] + edges, corner[0] + edges, np.full((cells, cells), side**2), crs=crs)


def _projected_ours(outlines: Sequence[Geometry], *grid: Any) -> Work:
    tile = _projected_tile(*grid)
    zone = Areas("area", tuple(map(str, range(len(outlines)))), tuple(outlines))
    return lambda: _large(zone.shares(tile) @ tile.area.ravel(), tile)


def _projected_library(outlines: Sequence[Geometry], *grid: Any) -> Work:
    tile = _projected_tile(*grid)
    return lambda: _large(_in_projection(outlines, tile) @ tile.area.ravel(), tile)


def _large(areas: NDArray, tile: Tile) -> NDArray:
    """Set areas below a hundredth of the tile to 0: relative differences of slivers mean little."""
    return np.where(areas < 0.01 * tile.area.sum(), 0, areas)


def _in_projection(outlines: Sequence[Geometry], tile: Tile) -> csr_array:
    to_metres = transformer(DEGREES, str(tile.crs))
    near = shapely.box(*zones._extent_in_degrees(tile)).buffer(0.1)
    corner = np.array([tile.columns[0, 0], tile.rows[0, 0]])
    size = np.array([np.ptp(tile.columns[0]), np.ptp(tile.rows[0])])

    def numbers(p: NDArray) -> NDArray:
        return (np.column_stack(to_metres.transform(*p.T)) - corner) / size

    parts = [shapely.segmentize(shapely.intersection(o, near), _ACROSS) for o in outlines]
    drawn = [shapely.transform(part, numbers) for part in parts]
    return _cover(drawn, len(tile.rows), len(tile.columns))
