from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uflux_kedro.gridding import cells as cells_module
from uflux_kedro.gridding.cells import DEGREES, Cells, carry, centres_in, nearest, turn

CENTRES = np.arange(-179.0, 180, 2)


@given(place=st.floats(-180, 180))
def test_a_place_lies_in_the_cell_around_it(place):
    index, outside = nearest(CENTRES, np.array([place]))
    assert not outside[0]
    assert abs(turn(CENTRES[index[0]] - place)) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("place", "index", "outside"),
    [(-10.0, 0, True), (0.5, 0, False), (4.4, 2, False), (5.1, 2, True), (90.0, 2, True)],
)
def test_a_region_ends_with_its_last_cell(place, index, outside):
    found, beyond = nearest(np.array([1.0, 2.5, 4.0]), np.array([place]))
    assert (found[0], beyond[0]) == (index, outside)


def test_nodes_meet_at_the_date_line():
    nodes = np.arange(-180.0, 180, 2)
    assert nearest(nodes, np.array([179.5]))[0].tolist() == [0]


@pytest.mark.parametrize(("degrees", "turned"), [(190, -170), (-190, 170), (359, -1), (45, 45)])
def test_the_short_way_round(degrees, turned):
    assert turn(np.array(degrees)) == turned


SINUSOIDAL = "+proj=sinu +R=6371007.181 +units=m"
BRITAIN = Cells("EPSG:27700", 350_000, 450_000, 100, 100, 300, 517)


@pytest.mark.parametrize(
    ("cells", "crs", "side"),
    [
        (BRITAIN, DEGREES, 0.05),
        (BRITAIN, SINUSOIDAL, 463.3),
        (Cells("EPSG:3035", 3e6, 2e6, 100, 100, 512, 64), DEGREES, 0.001),
        (Cells(DEGREES, -3, 52, 0.002, 0.002, 200, 200), "EPSG:27700", 1000),
    ],
)
def test_they_are_where_the_projection_puts_them(cells, crs, side, monkeypatch):
    expected = carry(cells.crs, crs, *cells.centres())
    carried = []
    monkeypatch.setattr(cells_module, "carry", lambda *a: carried.append(a[2].size) or carry(*a))
    found = centres_in(cells, crs, (side, side))
    assert sum(carried) < cells.rows * cells.columns / 50, "most are interpolated"
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one - other).max() < 1e-3 * side


@pytest.mark.parametrize(
    "cells",
    [
        # The date line, the pole, and a map whose corners lie beyond the Earth.
        Cells("EPSG:3832", 3_200_000, 0, 10_000, 10_000, 64, 128),
        Cells("EPSG:3575", -50_000, -50_000, 1000, 1000, 100, 100),
        Cells(SINUSOIDAL, -20_015_109, 5_000_000, 50_000, 50_000, 100, 800),
    ],
)
def test_where_that_is_not_good_enough_all_are_carried(cells):
    for one, other in zip(
        centres_in(cells, DEGREES, (0.01, 0.01)),
        carry(cells.crs, DEGREES, *cells.centres()),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_small_blocks_are_carried_as_they_are():
    few = BRITAIN.part(slice(3, 5), slice(0, 1))
    for one, other in zip(
        centres_in(few, DEGREES, (1, 1)), carry(few.crs, DEGREES, *few.centres()), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("axis", [0, 1])
def test_one_infinite_place_has_all_carried(axis, monkeypatch):
    """Of either axis: the other's good places do not hide it."""

    def broken(*arguments):
        found = carry(*arguments)
        found[axis][0, 0] = np.inf
        return found

    monkeypatch.setattr(cells_module, "carry", broken)
    found = centres_in(BRITAIN, DEGREES, (0.05, 0.05))
    for one, other in zip(found, broken(BRITAIN.crs, DEGREES, *BRITAIN.centres()), strict=True):
        np.testing.assert_array_equal(one, other)
