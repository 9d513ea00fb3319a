"""Outlines of regions: countries, and files in each format and in other projections."""

from __future__ import annotations

import json
import sqlite3
import struct
import zipfile

import numpy as np
import pytest
import shapefile
import shapely
from pyproj import CRS, Transformer

from uflux_kedro.errors import InputError
from uflux_kedro.readers.regions import read_countries, read_outlines

SQUARE = shapely.box(5.0, 46.0, 9.0, 50.0)
FAR = shapely.box(-60.0, -10.0, -50.0, 0.0)


def test_countries_are_those_of_natural_earth():
    countries = read_countries()
    assert countries.kind == "country"
    assert len(set(countries.names)) == len(countries.names) == 177
    of = dict(zip(countries.names, countries.outlines, strict=True))
    assert all(shapely.is_valid(a) for a in countries.outlines)
    for name, place in {"Germany": (10, 51), "Brazil": (-53, -10), "Côte d'Ivoire": (-5.5, 7.5)}.items():  # fmt: skip
        assert shapely.contains_xy(of[name], *place)
        assert sum(shapely.contains_xy(a, *place) for a in of.values()) == 1


def test_parts_of_one_name_become_one(tmp_path):
    features = [
        {"type": "Feature", "properties": {"area": name}, "geometry": shapely.geometry.mapping(g)}
        for name, g in [("A", SQUARE), ("B", FAR), ("A", shapely.box(9.0, 46.0, 10.0, 50.0))]
    ]
    path = tmp_path / "areas.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    found = read_outlines(path, "area", "basin")
    assert (found.kind, found.names) == ("basin", ("A", "B"))
    assert found.outlines[0].equals(shapely.box(5.0, 46.0, 10.0, 50.0))


def laea(box):
    """The box in EPSG:3035, with points along its sides."""
    to_metres = Transformer.from_crs("EPSG:4326", "EPSG:3035", always_xy=True)
    dense = shapely.segmentize(box, 0.05)
    return shapely.transform(dense, lambda p: np.column_stack(to_metres.transform(*p.T)))


@pytest.mark.parametrize("zipped", [False, True])
def test_shapefile_in_a_projection(tmp_path, zipped):
    path = tmp_path / "areas.shp"
    with shapefile.Writer(str(path)) as writer:
        writer.field("NAME", "C")
        writer.record("Ostland")
        writer.shape(shapely.geometry.mapping(laea(SQUARE)))
    path.with_suffix(".prj").write_text(CRS("EPSG:3035").to_wkt("WKT1_ESRI"))
    if zipped:
        archive = tmp_path / "areas.zip"
        with zipfile.ZipFile(archive, "w") as bundle:
            for part in tmp_path.glob("areas.???"):
                if part.suffix != ".zip":
                    bundle.write(part, part.name)
        path = archive
    found = read_outlines(path, "NAME")
    assert found.names == ("Ostland",)
    off = shapely.symmetric_difference(found.outlines[0], SQUARE).area
    assert off < 1e-4 * SQUARE.area


@pytest.mark.parametrize("envelope", [0, 1])
def test_geopackage(tmp_path, envelope):
    path = tmp_path / "areas.gpkg"
    head = b"GP\0" + bytes([1 | envelope << 1]) + struct.pack("<i", 3035)
    head += struct.pack("<4d", 0, 1, 0, 1) if envelope else b""
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE gpkg_geometry_columns (table_name, column_name, srs_id)")
        base.execute("CREATE TABLE gpkg_spatial_ref_sys (srs_id, organization, organization_coordsys_id)")  # fmt: skip
        base.execute("INSERT INTO gpkg_geometry_columns VALUES ('areas', 'geom', 3035)")
        base.execute("INSERT INTO gpkg_spatial_ref_sys VALUES (3035, 'EPSG', 3035)")
        base.execute("CREATE TABLE areas (fid INTEGER, geom BLOB, name TEXT)")
        base.execute("INSERT INTO areas VALUES (1, ?, 'Ostland')", (head + laea(SQUARE).wkb,))
        base.execute("INSERT INTO areas VALUES (2, NULL, 'nowhere')")
    base.close()
    found = read_outlines(path, "name")
    assert found.names == ("Ostland",)
    assert shapely.symmetric_difference(found.outlines[0], SQUARE).area < 1e-4 * SQUARE.area


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("areas.kml", "<kml/>", "expected a file of regions: .geojson"),
        ("areas.geojson", "{", "expected a complete file of regions; found JSONDecodeError"),
        ("areas.gpkg", "no database", "expected a complete file of regions"),
        ("areas.shp", "no shapes", "expected a complete file of regions"),
        (
            "areas.json",
            '{"features": [{"properties": {"x": 1, "id": 2}, "geometry": {"type": "Polygon",'
            ' "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}}]}',
            "name: expected areas with a name in that attribute; found the attributes id, x",
        ),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_outlines(path, "name")


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_outlines(tmp_path / "none.gpkg", "name")


def geojson(path, crs=None, **areas):
    features = [
        {"type": "Feature", "properties": {"NAME": n}, "geometry": shapely.geometry.mapping(a)}
        for n, a in areas.items()
    ]
    named = {"crs": {"properties": {"name": crs}}} if crs else {}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features} | named))
    return path


PACIFIC = shapely.union(shapely.box(170, -10, 180, 10), shapely.box(-180, -10, -170, 10))


@pytest.mark.parametrize("crs", [None, "EPSG:3832"])
def test_an_area_over_the_date_line_stays_one(tmp_path, crs):
    box = shapely.segmentize(shapely.box(170, -10, 190, 10), 0.5)
    far = shapely.box(200, -10, 220, 10)
    if crs:
        to = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform
        box, far = (shapely.transform(a, lambda p: np.column_stack(to(*p.T))) for a in (box, far))
    path = geojson(tmp_path / "areas.geojson", crs, over=box, beyond=far)
    over, beyond = read_outlines(path, "NAME").outlines
    for found, true in ((over, PACIFIC), (beyond, shapely.box(-160, -10, -140, 10))):
        assert shapely.symmetric_difference(found, true).area < 0.01
        assert found.bounds[0] >= -180
        assert found.bounds[2] <= 180


@pytest.mark.parametrize("side", [1, -1])
def test_an_area_round_a_pole_holds_it(tmp_path, side):
    """A polar cap with a hole, in a polar projection."""
    crs = "EPSG:3995" if side > 0 else "EPSG:3031"
    to = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform
    turn = np.linspace(-180, 180, 181)[:-1]
    ring = np.column_stack(to(turn, np.full(180, 66.0 * side)))
    lake = shapely.box(30, 70, 50, 75) if side > 0 else shapely.box(30, -75, 50, -70)
    hole = shapely.transform(shapely.segmentize(lake, 0.1), lambda p: np.column_stack(to(*p.T)))
    path = geojson(tmp_path / "cap.geojson", crs, cap=shapely.Polygon(ring, [hole.exterior.coords]))
    (cap,) = read_outlines(path, "NAME").outlines
    assert cap.area == pytest.approx(360 * 24 - 20 * 5, rel=1e-3)
    assert shapely.contains_xy(cap, 179.0, 89.9 * side)
    assert not shapely.contains_xy(cap, 40.0, 72.0 * side)
    assert not shapely.contains_xy(cap, 100.0, 60.0 * side)


def test_metres_without_a_projection_are_refused(tmp_path):
    path = geojson(tmp_path / "metres.geojson", area=shapely.box(4e6, 3e6, 4.1e6, 3.1e6))
    with pytest.raises(InputError, match=r"geometry: expected longitudes .* states its projection"):
        read_outlines(path, "NAME")


def write_geojson(path, corners, crs=None):
    geometry = {"type": "Polygon", "coordinates": [corners]}
    features = [{"type": "Feature", "properties": {"area": "A"}, "geometry": geometry}]
    named = {"crs": {"type": "name", "properties": {"name": crs}}} if crs else {"crs": None}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features} | named))
    return path


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("crs", [None, "EPSG:3035"])
def test_corners_that_are_no_numbers_are_refused(tmp_path, value, crs):
    corners = [[5, 46], [9, 46], [9, value], [5, 50], [5, 46]]
    with pytest.raises(InputError, match="numbers as the corners of every area; found 1 of 5"):
        read_outlines(write_geojson(tmp_path / "a.geojson", corners, crs), "area")


@pytest.mark.parametrize("crs", ["EPSG:999999", "my own projection", "EPSG:5773"])
def test_a_projection_that_nobody_knows_is_refused(tmp_path, crs):
    corners = [[5, 46], [9, 46], [9, 50], [5, 50], [5, 46]]
    with pytest.raises(InputError, match=f"projection: expected one that PROJ knows.*{crs}"):
        read_outlines(write_geojson(tmp_path / "a.geojson", corners, crs), "area")
