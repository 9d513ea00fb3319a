"""Shares of cells that zones take, on tiles of a few cells."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import shapely

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.statistics.zones import AllCells, Areas, Bands, LandCover, Tile
from uflux_kedro.variables import IGBP_CLASSES


def tile(latitudes, longitudes, classes=None):
    rows, columns = (
        np.stack([edges[:-1], edges[1:]], axis=1)
        for edges in map(np.asarray, (latitudes, longitudes))
    )
    return Tile(rows, columns, np.ones((len(rows), len(columns))), classes)


def sine(degrees):
    return np.sin(np.deg2rad(degrees))


def test_the_whole_takes_every_cell():
    grid = tile([0.0, 1, 2], [0.0, 1, 2, 3])
    assert grid.cells == 6
    np.testing.assert_array_equal(AllCells().shares(grid).toarray(), np.ones((1, 6)))


def test_bands_are_named_by_their_ends():
    assert Bands((-90.0, -23.5, 0.0, 60.0)).names == ("90S to 23.5S", "23.5S to 0", "0 to 60N")


def test_a_band_takes_its_part_of_a_rows_area():
    shares = Bands((0.0, 5.0, 30.0)).shares(tile([-10.0, 0, 10, 20, 40], [0.0, 1, 2])).toarray()
    half = sine(5) / sine(10)  # areas go with the sine of latitude
    part = (sine(30) - sine(20)) / (sine(40) - sine(20))
    expected = [[0, half, 0, 0], [0, 1 - half, 1, part]]
    np.testing.assert_allclose(shares, np.repeat(expected, 2, axis=1), atol=1e-12)


def test_classes_are_zones_and_water_and_gaps_are_none():
    codes = np.array([[0, 1, 16], [17, 255, 12]])
    shares = LandCover().shares(tile([0.0, 1, 2], [0.0, 1, 2, 3], codes)).toarray()
    names = LandCover().names
    assert set(names) == set(IGBP_CLASSES) - {"WAT"}
    taken = {(names[zone], cell): share for (zone, cell), share in np.ndenumerate(shares) if share}
    assert taken == {("ENF", 1): 1.0, ("BSV", 2): 1.0, ("CRO", 5): 1.0}
    with pytest.raises(ConfigurationError, match="land cover"):
        LandCover().shares(tile([0.0, 1], [0.0, 1]))


def test_an_outline_takes_its_part_of_each_cell():
    grid = tile([0.0, 10, 20, 30], [0.0, 10, 20, 30])
    boxes = (shapely.box(5, 10, 20, 15), shapely.box(-5, -5, 10, 10), shapely.box(50, 50, 60, 60))
    shares = Areas("box", ("a", "b", "c"), boxes).shares(grid).toarray().reshape(3, 3, 3)
    part = (sine(15) - sine(10)) / (sine(20) - sine(10))
    np.testing.assert_allclose(shares[0], [[0, 0, 0], [part / 2, part, 0], [0, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(shares[1], [[1, 0, 0], [0, 0, 0], [0, 0, 0]], atol=1e-12)
    assert not shares[2].any()


def test_an_outline_with_a_hole_does_not_take_the_hole():
    ring = shapely.box(0, 0, 30, 30) - shapely.box(10, 10, 20, 20)
    shares = Areas("ring", ("ring",), (ring,)).shares(tile([0.0, 10, 20, 30], [0.0, 10, 20, 30]))
    np.testing.assert_allclose(shares.toarray().ravel(), [1, 1, 1, 1, 0, 1, 1, 1, 1], atol=1e-12)


def projected():
    """Three by four cells of 100 km in equal-area metres about 52 N, 10 E."""
    rows = 3_000_000 + 1e5 * np.arange(4.0)
    columns = 4_300_000 + 1e5 * np.arange(5.0)
    grid = tile(rows, columns)
    return Tile(grid.rows, grid.columns, np.full((3, 4), 1e10), crs="EPSG:3035")


def centres(grid):
    from pyproj import Transformer

    to_degrees = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True)
    x, y = np.meshgrid(grid.columns.mean(1), grid.rows.mean(1))
    return to_degrees.transform(x.ravel(), y.ravel())


def test_in_a_projection_bands_take_the_cells_whose_centres_they_hold():
    grid = projected()
    _, latitude = centres(grid)
    edges = tuple(np.sort(latitude)[[2, 6, 9]])  # a band begins with its lower end
    shares = Bands(edges).shares(grid).toarray()
    expected = [(latitude >= low) & (latitude < high) for low, high in pairwise(edges)]
    # Centres that are ends themselves are on the edge of rounding.
    inside = ~np.isin(latitude, edges)
    np.testing.assert_array_equal(shares[:, inside], np.array(expected, float)[:, inside])
    assert shares[:, inside].sum() == 5


def test_in_a_projection_areas_take_the_cells_whose_centres_they_hold():
    pytest.importorskip("rasterio")
    grid = projected()
    longitude, _ = centres(grid)
    middle = float(np.median(longitude))
    halves = (shapely.box(-30, 30, middle, 70), shapely.box(middle, 30, 50, 70))
    far = shapely.box(100, -40, 140, -10)
    shares = Areas("half", ("west", "far", "east"), (halves[0], far, halves[1])).shares(grid)
    np.testing.assert_array_equal(shares.toarray()[0], longitude < middle)
    assert not shares.toarray()[1].any()
    np.testing.assert_array_equal(shares.toarray()[2], longitude > middle)
    nowhere = Areas("far", ("far",), (far,)).shares(grid)
    assert nowhere.shape == (1, 12)
    assert nowhere.nnz == 0
