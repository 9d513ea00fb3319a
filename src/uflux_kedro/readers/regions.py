"""Read outlines of regions: the countries included in the package, or areas from a file.

GeoJSON, shapefiles (or zips of them) and GeoPackages are read without GDAL. Outlines are converted
from the projection of the file to degrees of longitude and latitude (WGS84).
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
"""Least number of points on a line across all areas before it is converted to degrees."""
_GEOPACKAGE_HEADER = 8
_ENVELOPES = (0, 32, 48, 48, 64)
"""Size in bytes of the envelope that follows the header, by its code in the flags."""


@dataclass(frozen=True)
class Outlines:
    """Named areas of one kind.

    Attributes:
        kind: Kind of areas, such as ``country``.
        names: Names of the areas (n,), without duplicates.
        outlines: Polygons (n,) in degrees, longitude -180..180.
    """

    kind: str
    names: tuple[str, ...]
    outlines: tuple[Geometry, ...]


def read_countries() -> Outlines:
    """Read the 177 countries of Natural Earth at 1:110 million, with borders good to about 10 km.

    Small states have no outline at this scale. Disputed borders are as Natural Earth draws them;
    use :func:`read_outlines` with another file for other borders.

    Source: https://www.naturalearthdata.com/downloads/110m-cultural-vectors/, public domain.
    """
    file = resources.files(__package__) / "data" / "countries.geojson"
    with resources.as_file(file) as path:
        return read_outlines(path, "name", "country")


def read_outlines(path: Path | str, name_column: str, kind: str = "region") -> Outlines:
    """Read named areas from a file.

    Args:
        path: ``.geojson`` or ``.json``, ``.shp`` or a zip of it, ``.gpkg`` (its first layer).
        name_column: Attribute with the names of the areas; areas of the same name are merged.
        kind: Kind of areas, as written in the tables.

    Raises:
        InputError: If the file is absent or of another format, has no such attribute or no area,
            or an area lies outside the valid longitudes and latitudes.
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
    # The decoders raise many kinds of exceptions on damaged files.
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
    # RFC 7946 allows WGS84 only; files of the older standard may name another.
    named = ((collection.get("crs") or {}).get("properties") or {}).get("name", _WGS84)
    return found, str(named)


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
    """Return the projection of a shapefile, which is in a separate file."""
    if path.suffix.lower() != ".zip":
        beside = path.with_suffix(".prj")
        return beside.read_text() if beside.is_file() else ""
    from zipfile import ZipFile

    with ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.lower().endswith(".prj")]
        return archive.read(names[0]).decode() if names else ""


def _geopackage(path: Path) -> tuple[list[tuple[dict[str, Any], Geometry]], str]:
    """Read the features of the first layer; https://www.geopackage.org/spec/#gpb_format."""
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
    for name, parts in areas.items():
        corners = shapely.get_coordinates(parts)
        if not np.isfinite(corners).all():
            raise InputError(
                path,
                "geometry",
                expected="numbers as the corners of every area",
                found=f"{int((~np.isfinite(corners).all(axis=1)).sum())} of {len(corners)} corners "
                f"of {name!r} infinite or not a number",
                hint="Mend or remove the area",
            )
    to_degrees = _to_degrees(crs, path)
    whole = [shapely.union_all(shapely.make_valid(parts)) for parts in areas.values()]
    if to_degrees is not None:
        # A line that is straight in the projection is curved in degrees: add points along it.
        step = np.ptp(shapely.total_bounds(whole)[[0, 2]]) / _POINTS_ACROSS
        whole = [onto_sphere(shapely.segmentize(a, step), to_degrees, path) for a in whole]
    else:
        whole = [within_map(a, path) for a in whole]
    return Outlines(kind, tuple(areas), tuple(whole))


def _to_degrees(crs: str, where: Path) -> Any:
    """Return a function that converts points (n, 2) to degrees; None if they are in degrees."""
    from pyproj import CRS, Transformer
    from pyproj.exceptions import ProjError

    try:
        given = CRS.from_user_input(crs)
        if given.is_geographic:
            return None
        if not given.is_projected:
            raise ProjError(f"a {given.type_name}")
        transformer = Transformer.from_crs(given, _WGS84, always_xy=True)
    except ProjError as error:
        raise InputError(
            where,
            "projection",
            expected="one that PROJ knows, by its EPSG code or as WKT",
            found=f"{crs[:80]!r} ({error})",
            hint="Set the projection of the file, or convert it to longitude and latitude",
        ) from error
    return lambda points: np.column_stack(transformer.transform(*points.T))
