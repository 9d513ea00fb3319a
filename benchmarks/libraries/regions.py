"""Files of regions, and outlines that cross the date line or surround a pole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from benchmarks.libraries.contest import Contest, Work
from uflux_kedro.readers import regions, round_the_earth
from uflux_kedro.readers.regions import read_countries

if TYPE_CHECKING:
    from shapely import Geometry

_PROJECTION = "EPSG:6933"
_ACROSS = 0.1
"""Distance of points of the outlines, degrees, for files of some megabytes."""


def files(folder: Path) -> Iterator[Contest]:
    """Compare reading countries in a projection from each file format; geopandas writes the files."""
    own = (regions._geojson, regions._shapefile, regions._projection, regions._geopackage)
    for ending, reader in (("geojson", own[0]), ("shp", own[1]), ("gpkg", own[3])):
        path = folder / f"countries.{ending}"
        for library, way, packages in (
            ("pyogrio", _by_pyogrio, ("geopandas", "pyogrio")),
            ("geopandas with pyogrio", _by_geopandas, ("geopandas", "pyogrio")),
        ):
            contest = Contest(
                f"File of 177 regions, {ending}", library, packages, _areas_read, _areas_read_by,
                (path, reader, way), own, (way,),
            )  # fmt: skip
            if not contest.missing and not path.exists():
                _write(path)
            yield contest


def _write(path: Path) -> None:
    import geopandas

    countries = read_countries()
    outlines = [shapely.segmentize(one, _ACROSS) for one in countries.outlines]
    table = geopandas.GeoDataFrame({"NAME": countries.names}, geometry=outlines, crs=4326)
    table.to_crs(_PROJECTION).to_file(path)


def _areas_read(path: Path, reader: Any, way: Any) -> Work:
    del way
    reader(path)
    return lambda: np.array([outline.area for _, outline in reader(path)[0]])


def _areas_read_by(path: Path, reader: Any, way: Any) -> Work:
    del reader
    way(path)
    return lambda: np.array([outline.area for _, outline in way(path)[0]])


def _by_pyogrio(path: Path) -> tuple[list[tuple[dict[str, Any], Geometry]], str]:
    from pyogrio.raw import read

    about, _, outlines, columns = read(path)
    rows = [dict(zip(about["fields"], row, strict=True)) for row in zip(*columns, strict=True)]
    found = [(row, shapely.from_wkb(wkb)) for row, wkb in zip(rows, outlines, strict=True) if wkb]
    return found, about["crs"] or "EPSG:4326"


def _by_geopandas(path: Path) -> tuple[list[tuple[dict[str, Any], Geometry]], Any]:
    import geopandas

    table = geopandas.read_file(path)
    rows = table.drop(columns="geometry").to_dict("records")
    found = [(row, one) for row, one in zip(rows, table.geometry, strict=True) if one is not None]
    return found, table.crs or "EPSG:4326"


def sphere(folder: Path) -> Iterator[Contest]:
    """Compare outlines in a projection that are split on a map in degrees."""
    del folder
    north, south = "EPSG:3995", "EPSG:3031"
    for what, crs in (
        ("Area over the date line", "EPSG:3832"),
        ("Area over the date line by the North Pole", north),
        ("Area about the North Pole with a hole", north),
        ("Area about the South Pole with a hole", south),
    ):
        yield Contest(
            what, "antimeridian", ("antimeridian",), _split, _split_by_library, (what, crs),
            (round_the_earth.onto_sphere, round_the_earth._ring), (_fixed,),
        )  # fmt: skip


def _drawn(what: str, crs: str) -> Geometry:
    """Return the outline in its projection."""
    project = Transformer.from_crs(4326, crs, always_xy=True).transform

    def draw(outline: Geometry) -> Geometry:
        dense = shapely.segmentize(outline, 0.2)
        return shapely.transform(dense, lambda p: np.column_stack(project(*p.T)))

    if "hole" not in what:
        return draw(shapely.box(150, 60, 210, 80) if "Pole" in what else shapely.box(170, -10, 190, 10))  # fmt: skip
    side = 1 if "North" in what else -1
    turn = np.linspace(-180, 180, 181)[:-1]
    ring = np.column_stack(project(turn, np.full(turn.size, 66.0 * side)))
    hole = draw(shapely.box(30, min(70 * side, 75 * side), 50, max(70 * side, 75 * side)))
    return shapely.Polygon(ring, [hole.exterior.coords])


def _back(crs: str) -> round_the_earth.Points:
    degrees = Transformer.from_crs(crs, 4326, always_xy=True).transform
    return lambda points: np.column_stack(degrees(*points.T))


def _described(outline: Geometry) -> NDArray:
    return np.array([outline.area, *outline.bounds])


def _split(what: str, crs: str) -> Work:
    drawn = _drawn(what, crs)
    return lambda: _described(round_the_earth.onto_sphere(drawn, _back(crs), what))


def _split_by_library(what: str, crs: str) -> Work:
    drawn = _drawn(what, crs)
    import antimeridian  # noqa: F401 - not part of the work

    return lambda: _described(_fixed(drawn, _back(crs)))


def _fixed(outline: Geometry, to_degrees: round_the_earth.Points) -> Geometry:
    import antimeridian

    torn = shapely.transform(outline, to_degrees)
    return shapely.make_valid(shapely.geometry.shape(antimeridian.fix_shape(torn)))
