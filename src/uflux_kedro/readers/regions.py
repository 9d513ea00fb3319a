"""Outlines of regions: countries as shipped here, or areas of a user's own file.

GeoJSON, shapefiles (or zips of them) and GeoPackages are read without GDAL. Outlines become
degrees of longitude and latitude (WGS84), whatever projection the file is in.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uflux_kedro.errors import InputError
from uflux_kedro.readers.round_the_earth import onto_sphere, within_map

if TYPE_CHECKING:
    from shapely import Geometry

_WGS84 = "EPSG:4326"
_POINTS_ACROSS = 500
"""Points at least that a line across all areas gets before it is turned into degrees."""
_GEOPACKAGE_HEADER = 8
_ENVELOPES = (0, 32, 48, 48, 64)
"""Bytes of the envelope that follows the header, by the code in the header's flags."""


@dataclass(frozen=True)
class Outlines:
    """Named areas of one kind.

    Attributes:
        kind: What they are, such as ``country``.
        names: Name of each (n,), each once.
        outlines: Polygons (n,) in degrees, longitude -180..180.
    """

    kind: str
    names: tuple[str, ...]
    outlines: tuple[Geometry, ...]


def read_countries() -> Outlines:
    """Countries of Natural Earth at 1:110 million: 177, their borders good to some 10 km.

    Small states have no outline at this scale. Which border is drawn where it is disputed is
    Natural Earth's choice; name a file of your own where another is wanted.

    Source: https://www.naturalearthdata.com/downloads/110m-cultural-vectors/, public domain.
    """
    file = resources.files(__package__) / "data" / "countries.geojson"
    with resources.as_file(file) as path:
        return read_outlines(path, "name", "country")


def read_outlines(path: Path | str, name_column: str, kind: str = "region") -> Outlines:
    """Read named areas from a file.

    Args:
        path: ``.geojson`` or ``.json``, ``.shp`` or a zip of it, ``.gpkg`` (its first layer).
        name_column: Attribute that holds the areas' names; areas of one name become one.
        kind: What they are, for the tables.

    Raises:
        InputError: If the file is absent, of another kind, has no such attribute, no area, or
            one that is no place on Earth.
    """
    path = Path(path)
    readers = {".geojson": _geojson, ".json": _geojson, ".shp": _shapefile, ".zip": _shapefile, ".gpkg": _geopackage}  # fmt: skip
    reader = readers.get(path.suffix.lower())
    if reader is None or not path.is_file():
        raise InputError(
            path,
            None,
            expected=f"a file of regions: {', '.join(readers)}",
            found=f"{path.suffix or 'no ending'}" if path.is_file() else "no such file",
        )
    try:
        features, crs = reader(path)
    except InputError:
        raise
    # What a damaged file raises depends on where its decoder stumbles.
    except Exception as error:
        raise InputError(
            path,
            None,
            expected="a complete file of regions",
            found=f"{type(error).__name__}: {error}",
        ) from error
    return _named(features, crs, name_column, kind, path)


def _geojson(path: Path) -> tuple[list[tuple[dict[str, Any], Geometry]], str]:
    from shapely.geometry import shape

    collection = json.loads(path.read_text(encoding="utf-8"))
    found = [(f["properties"] or {}, shape(f["geometry"])) for f in collection["features"] if f["geometry"]]  # fmt: skip
    # RFC 7946 knows WGS84 alone; files of the older standard name another.
    named = collection.get("crs", {}).get("properties", {}).get("name", _WGS84)
    return found, named


def _shapefile(path: Path) -> tuple[list[tuple[dict[str, Any], Geometry]], str]:
    import shapefile
    from shapely.geometry import shape

    with shapefile.Reader(str(path)) as reader:
        found = [
            (one.record.as_dict(), shape(one.shape.__geo_interface__))
            for one in reader.iterShapeRecords()
            if one.shape.shapeType != shapefile.NULL
        ]
    return found, _projection(path) or _WGS84


def _projection(path: Path) -> str:
    """Projection of a shapefile, which stands in a file beside it."""
    if path.suffix.lower() != ".zip":
        beside = path.with_suffix(".prj")
        return beside.read_text() if beside.is_file() else ""
    from zipfile import ZipFile

    with ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.lower().endswith(".prj")]
        return archive.read(names[0]).decode() if names else ""


def _geopackage(path: Path) -> tuple[list[tuple[dict[str, Any], Geometry]], str]:
    """Features of the first layer; https://www.geopackage.org/spec/#gpb_format."""
    import shapely

    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        layer = database.execute(
            "SELECT g.table_name, g.column_name, s.organization, s.organization_coordsys_id"
            " FROM gpkg_geometry_columns g JOIN gpkg_spatial_ref_sys s USING (srs_id)"
        ).fetchone()
        table = str(layer["table_name"]).replace('"', '""')
        rows = database.execute(f'SELECT * FROM "{table}"').fetchall()
    found = []
    for row in rows:
        properties = dict(row)
        blob = properties.pop(layer["column_name"])
        if blob:
            start = _GEOPACKAGE_HEADER + _ENVELOPES[blob[3] >> 1 & 0b111]
            found.append((properties, shapely.from_wkb(blob[start:])))
    return found, f"{layer['organization']}:{layer['organization_coordsys_id']}"


def _named(
    features: Iterable[tuple[dict[str, Any], Geometry]],
    crs: str,
    name_column: str,
    kind: str,
    path: Path,
) -> Outlines:
    import shapely

    areas: dict[str, list[Geometry]] = {}
    columns: set[str] = set()
    for properties, geometry in features:
        columns |= set(properties)
        name = properties.get(name_column)
        if name is not None and geometry.geom_type in ("Polygon", "MultiPolygon"):
            areas.setdefault(str(name), []).append(geometry)
    if not areas:
        raise InputError(
            path,
            name_column,
            expected="areas with a name in that attribute",
            found=f"the attributes {', '.join(sorted(columns)) or 'of no feature'}",
        )
    whole = [shapely.union_all(shapely.make_valid(parts)) for parts in areas.values()]
    to_degrees = _to_degrees(crs)
    if to_degrees is not None:
        # A straight line of the projection is none in degrees: it gets points on its way.
        step = np.ptp(shapely.total_bounds(whole)[[0, 2]]) / _POINTS_ACROSS
        whole = [onto_sphere(shapely.segmentize(a, step), to_degrees, path) for a in whole]
    else:
        whole = [within_map(a, path) for a in whole]
    return Outlines(kind, tuple(areas), tuple(whole))


def _to_degrees(crs: str) -> Any:
    """Function of points (n, 2) to degrees; None where they are degrees."""
    from pyproj import CRS, Transformer

    given = CRS.from_user_input(crs)
    if given.is_geographic:
        return None
    transformer = Transformer.from_crs(given, _WGS84, always_xy=True)
    return lambda points: np.column_stack(transformer.transform(*points.T))
