"""Centres of cells in another projection."""

from __future__ import annotations

import numpy as np
import pytest

from uflux_kedro.gridding import projections
from uflux_kedro.gridding.projections import DEGREES, Cells, project_centres, project_points

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
def test_most_centres_are_interpolated_to_a_thousandth_of_a_cell(cells, crs, side, monkeypatch):
    expected = project_points(cells.crs, crs, *cells.centres())
    projected = []
    monkeypatch.setattr(
        projections, "project_points", lambda *a: projected.append(a[2].size) or project_points(*a)
    )
    found = project_centres(cells, crs, (side, side))
    assert sum(projected) < cells.rows * cells.columns / 50, "most are interpolated"
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one - other).max() < 1e-3 * side


@pytest.mark.parametrize(
    "cells",
    [
        # The date line, the pole, and a map with corners beyond its edge.
        Cells("EPSG:3832", 3_200_000, 0, 10_000, 10_000, 64, 128),
        Cells("EPSG:3575", -50_000, -50_000, 1000, 1000, 100, 100),
        Cells(SINUSOIDAL, -20_015_109, 5_000_000, 50_000, 50_000, 100, 800),
    ],
)
def test_all_centres_are_projected_where_interpolation_is_inaccurate(cells):
    for one, other in zip(
        project_centres(cells, DEGREES, (0.01, 0.01)),
        project_points(cells.crs, DEGREES, *cells.centres()),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_all_centres_of_small_blocks_are_projected():
    few = BRITAIN.part(slice(3, 5), slice(0, 1))
    for one, other in zip(
        project_centres(few, DEGREES, (1, 1)),
        project_points(few.crs, DEGREES, *few.centres()),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("axis", [0, 1])
def test_one_infinite_place_has_all_centres_projected(axis, monkeypatch):
    """On either axis: the finite places of the other one do not hide it."""

    def broken(*arguments):
        found = project_points(*arguments)
        found[axis][0, 0] = np.inf
        return found

    monkeypatch.setattr(projections, "project_points", broken)
    found = project_centres(BRITAIN, DEGREES, (0.05, 0.05))
    for one, other in zip(found, broken(BRITAIN.crs, DEGREES, *BRITAIN.centres()), strict=True):
        np.testing.assert_array_equal(one, other)
