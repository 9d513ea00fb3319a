"""Outlines of land cover and of areas, as the map has them."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import xarray as xr

from tests.testing.small_maps import projected_product, small_land_cover, small_product
from uflux_kedro.explorer.outlines import class_outlines, outline_features
from uflux_kedro.gridding.projections import DEGREES, project_points
from uflux_kedro.variables import IGBP_CLASSES


def globe(step):
    latitude, longitude = (np.arange(-edge + step / 2, edge, step) for edge in (90, 180))
    axes = {"latitude": latitude, "longitude": longitude}
    return xr.DataArray(np.zeros((len(latitude), len(longitude)), "uint8"), axes, list(axes))


def test_an_outline_follows_the_edges_of_the_cells():
    found = class_outlines(small_land_cover(small_product()), None)
    assert (found.kind, found.names) == ("IGBP", ("ENF",))
    assert shapely.equals(found.outlines[0], shapely.box(60, 40, 100, 70))


def test_a_fine_grid_is_outlined_to_a_degree():
    codes = globe(0.25)
    codes.loc[{"latitude": slice(10, 20), "longitude": slice(-30, 5)}] = IGBP_CLASSES["GRA"]
    codes.loc[{"latitude": slice(-20, -10), "longitude": slice(170, 180)}] = IGBP_CLASSES["OSH"]
    found = dict(zip(*(getattr(class_outlines(codes, None), n) for n in ("names", "outlines")), strict=True))  # fmt: skip
    assert set(found) == {"GRA", "OSH"}
    for name, box in {"GRA": (-30, 10, 5, 20), "OSH": (170, -20, 180, -10)}.items():
        assert shapely.hausdorff_distance(found[name], shapely.box(*box)) <= np.hypot(1, 1) / 2


@pytest.mark.parametrize("shape", [(361, 2), (3, 1000), (725, 723)])
def test_oblong_grids_are_covered_to_their_edges(shape):
    axes = {"y": np.arange(shape[0]) + 0.5, "x": np.arange(shape[1]) + 0.5}
    codes = xr.DataArray(np.full(shape, IGBP_CLASSES["CRO"], "uint8"), axes, ["y", "x"])
    found = class_outlines(codes, None)
    assert shapely.bounds(found.outlines[0]).tolist() == [0, 0, shape[1], shape[0]]


def test_outlines_of_a_projection_are_in_degrees():
    grid = projected_product()["H"][0]
    codes = xr.full_like(grid, IGBP_CLASSES["MF"], dtype="uint8")
    found = class_outlines(codes, "EPSG:3035").outlines[0]
    edges = (float(grid["x"][0]) - 5000, float(grid["y"][0]) - 5000)
    corner = project_points("EPSG:3035", DEGREES, *(np.array([edge]) for edge in edges))
    at = shapely.Point(*(float(part[0]) for part in corner))
    assert shapely.distance(found.boundary, at) < 1e-6


def test_features_are_lines_with_kind_and_name():
    found = outline_features([class_outlines(small_land_cover(small_product()), None)])
    (one,) = found["features"]
    assert one["properties"] == {"kind": "IGBP", "name": "ENF"}
    assert one["geometry"]["type"].endswith("LineString")
    assert outline_features([]) == {"type": "FeatureCollection", "features": []}
