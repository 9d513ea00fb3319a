"""Edges and areas of cells, and the cell in which a place lies."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.cells import (
    EARTH_RADIUS,
    cell_area,
    cell_bounds,
    cell_edges,
    nearest,
    shortest_turn,
)

CENTRES = np.arange(-179.0, 180, 2)


@given(place=st.floats(-180, 180))
def test_a_place_lies_in_the_cell_around_it(place):
    index, outside = nearest(CENTRES, np.array([place]))
    assert not outside[0]
    assert abs(shortest_turn(CENTRES[index[0]] - place)) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("place", "index", "outside"),
    [(-10.0, 0, True), (0.5, 0, False), (4.4, 2, False), (5.1, 2, True), (90.0, 2, True)],
)
def test_a_place_beyond_the_last_cell_is_outside(place, index, outside):
    found, beyond = nearest(np.array([1.0, 2.5, 4.0]), np.array([place]))
    assert (found[0], beyond[0]) == (index, outside)


def test_nodes_are_neighbours_across_the_date_line():
    nodes = np.arange(-180.0, 180, 2)
    assert nearest(nodes, np.array([179.5]))[0].tolist() == [0]


@pytest.mark.parametrize(("degrees", "turned"), [(190, -170), (-190, 170), (359, -1), (45, 45)])
def test_differences_of_longitude_go_the_short_way_round(degrees, turned):
    assert shortest_turn(np.array(degrees)) == turned


SPHERE = 4 * np.pi * EARTH_RADIUS**2


def globe(size=2.0, poles=False):
    """Make a global grid; with ``poles`` the outermost cells are centred on the poles."""
    latitude = np.arange(-90, 90.1, size) if poles else np.arange(-90 + size / 2, 90, size)
    return xr.Dataset(
        coords={"latitude": latitude, "longitude": np.arange(-180 + size / 2, 180, size)}
    )


@settings(deadline=None)
@given(st.sampled_from([0.5, 1.0, 2.0, 5.0, 10.0, 30.0]), st.booleans())
def test_cells_cover_the_sphere(size, poles):
    area = cell_area(globe(size, poles))
    assert float(area.sum()) == pytest.approx(SPHERE, rel=1e-12)
    assert (area > 0).all()


def test_the_area_of_the_sphere_is_that_of_the_earth():
    # WGS84: 510 065 621.7 km2.
    assert pytest.approx(510_065_621.7e6, rel=1e-8) == SPHERE


def test_areas_are_proportional_to_the_cosine_of_latitude():
    area = cell_area(globe(0.5))
    ratio = area / np.cos(np.deg2rad(area["latitude"]))
    np.testing.assert_allclose(ratio, float(ratio[0, 0]), rtol=1e-5)
    one = cell_area(globe(1.0)).sel(latitude=0.5, longitude=0.5)
    assert float(one) == pytest.approx((np.pi / 180 * EARTH_RADIUS) ** 2, rel=1e-3)


def test_bounds_of_regular_and_irregular_cells():
    latitude = xr.DataArray([-90.0, 0.0, 90.0], dims="latitude", name="latitude")
    np.testing.assert_array_equal(cell_bounds(latitude), [[-90, -45], [-45, 45], [45, 90]])
    longitude = xr.DataArray([0.0, 1.0, 3.0], dims="longitude", name="longitude")
    np.testing.assert_array_equal(cell_bounds(longitude), [[-0.5, 0.5], [0.5, 2.0], [2.0, 4.0]])


@pytest.mark.parametrize("centres", [[5.0], [2.0, 1.0, 0.0], [1.0, 1.0]])
def test_bounds_need_ascending_centres(centres):
    axis = xr.DataArray(centres, dims="latitude", name="latitude")
    with pytest.raises(InputError, match="latitude: expected two or more ascending"):
        cell_bounds(axis)


def test_edges_are_not_clipped_without_the_name_of_latitude():
    assert cell_edges(np.array([80.0, 90.0])) == pytest.approx([75, 85, 95])
