"""Outlines beyond the edge of the map and round poles."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from uflux_kedro.errors import InputError
from uflux_kedro.readers.round_the_earth import onto_sphere, within_map


def test_what_lies_within_the_map_stays_as_it_is():
    for box in (shapely.box(-180, -90, 180, 90), shapely.box(3, 41, 12, 53)):
        assert within_map(box, "f") is box


@pytest.mark.parametrize(
    ("west", "east", "expected"),
    [
        (170, 190, [(-180, -170), (170, 180)]),
        (-190, -170, [(-180, -170), (170, 180)]),
        (190, 200, [(-170, -160)]),
        (-540, -500, [(-180, -140)]),
        (500, 540, [(140, 180)]),
        (160, 540, [(-180, 180)]),
    ],
)
def test_what_lies_beyond_comes_in_on_the_other_side(west, east, expected):
    found = within_map(shapely.box(west, -10, east, 20), "f")
    boxes = shapely.union_all([shapely.box(a, -10, b, 20) for a, b in expected])
    assert shapely.equals(found, boxes)


@pytest.mark.parametrize(
    "bounds",
    [(-540.1, 0, 0, 1), (0, 0, 540.1, 1), (0, -90.1, 1, 0), (0, 0, 1, 90.1), (2e5, 5e6, 3e5, 6e6)],
)
def test_what_is_no_place_on_earth(bounds):
    with pytest.raises(InputError, match="longitudes within 540 and latitudes within 90"):
        within_map(shapely.box(*bounds), "f")


def test_latitudes_may_pass_the_pole_by_their_rounding():
    assert within_map(shapely.box(0, -90.0009, 1, 90.0009), "f").area > 0


def stretched(points):
    """A projection in tenths of degrees."""
    return points / 10


def test_a_polygon_with_a_hole_comes_to_degrees():
    ring = shapely.box(0, 0, 100, 100) - shapely.box(20, 20, 40, 40)
    found = onto_sphere(shapely.MultiPolygon([ring]), stretched, "f")
    assert shapely.equals(found, shapely.box(0, 0, 10, 10) - shapely.box(2, 2, 4, 4))


@pytest.mark.parametrize("side", [1, -1])
def test_a_ring_round_a_pole_holds_it(side):
    def polar(points):
        x, y = points.T
        return np.column_stack([np.rad2deg(np.arctan2(y, x)), side * (90 - np.hypot(x, y))])

    angle = np.linspace(0, 2 * np.pi, 73)
    circle = shapely.Polygon(20 * np.column_stack([np.cos(angle), np.sin(angle)]))
    found = onto_sphere(circle, polar, "f")
    low, high = sorted((70 * side, 90 * side))
    assert shapely.area(shapely.symmetric_difference(found, shapely.box(-180, low, 180, high))) < 1


def test_a_ring_over_the_date_line_stays_one():
    def wrapped(points):
        return np.column_stack([(points[:, 0] + 180) % 360 - 180, points[:, 1]])

    found = onto_sphere(shapely.box(170, 0, 200, 10), wrapped, "f")
    both = shapely.union(shapely.box(170, 0, 180, 10), shapely.box(-180, 0, -160, 10))
    assert shapely.equals(found, both)


def test_corners_outside_a_projection_are_counted():
    def nowhere(points):
        return np.where(points > 50, np.inf, points)

    with pytest.raises(InputError, match="found 4 of 5 outside"):
        onto_sphere(shapely.box(0, 0, 100, 100), nowhere, "f")
