from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uflux_kedro.gridding.cells import nearest, turn

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
