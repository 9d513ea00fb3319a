from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.grids import TargetGrid
from uflux_kedro.gridding.sampling import sample_at_sites

MONTHS = pd.date_range("2001-01-01", periods=3, freq="MS")


def drivers(grid: TargetGrid, water: tuple[tuple[float, float], ...] = ()) -> xr.Dataset:
    """Drivers in which every value encodes its place and month; all land but ``water``."""
    axes = grid.coordinates()
    numbers = np.arange(3 * axes.latitude.size * axes.longitude.size, dtype="float32")
    values = numbers.reshape(3, axes.latitude.size, axes.longitude.size)
    cube = axes.assign_coords(time=MONTHS).assign(
        ERA5_TA=(("time", "latitude", "longitude"), values),
        IGBP=(("latitude", "longitude"), np.ones(values.shape[1:], dtype="int8")),
        Latitude=("latitude", axes.latitude.to_numpy()),
        Year=("time", MONTHS.year.to_numpy()),
    )
    for latitude, longitude in water:
        cube["IGBP"].loc[{"latitude": latitude, "longitude": longitude}] = 0
    return cube


def sites(*places: tuple[float, float]) -> pd.DataFrame:
    names = [f"XX-{i:03d}" for i in range(len(places))]
    latitude, longitude = zip(*places, strict=True)
    return pd.DataFrame({"site_id": names, "latitude": latitude, "longitude": longitude})


@settings(max_examples=8, deadline=None)
@given(places=st.lists(st.tuples(st.floats(-89, 89), st.floats(-180, 180)), min_size=1, max_size=5))
def test_a_tower_reads_its_own_cell(places):
    cube = drivers(TargetGrid(resolution=10))
    table = sample_at_sites(cube.chunk(time=1), sites(*places))
    assert len(table) == 3 * len(places)
    for i, (latitude, longitude) in enumerate(places):
        rows = table[table["site_id"] == f"XX-{i:03d}"]
        cell = cube.sel(latitude=rows["Latitude"].iloc[0])
        assert abs(rows["Latitude"].iloc[0] - latitude) <= 5 + 1e-6
        column = int(rows["ERA5_TA"].iloc[0]) % 36
        away = abs((float(cube.longitude[column]) - longitude + 180) % 360 - 180)
        assert away <= 5 + 1e-6
        np.testing.assert_array_equal(rows["ERA5_TA"], cell["ERA5_TA"][:, column])
        assert rows["time"].tolist() == list(MONTHS)
        assert rows["Year"].tolist() == [2001] * 3


def test_the_table_has_the_drivers_and_nothing_else():
    table = sample_at_sites(drivers(TargetGrid(resolution=10)), sites((5, 5), (-5, 5)))
    assert list(table) == ["site_id", "time", "ERA5_TA", "IGBP", "Latitude", "Year"]
    assert table[["site_id", "time"]].equals(
        table[["site_id", "time"]].sort_values(["site_id", "time"], ignore_index=True)
    )


@pytest.mark.parametrize(
    ("place", "land"),
    [
        ((5.0, 7.0), (5.0, 15.0)),  # nearer to the east
        ((7.0, 5.0), (15.0, 5.0)),  # nearer to the north
        ((5.0, 3.0), (5.0, -5.0)),  # nearer to the west
    ],
)
def test_a_tower_on_a_coast_reads_the_nearest_land(place, land):
    cube = drivers(TargetGrid(resolution=10), water=((5.0, 5.0),))
    table = sample_at_sites(cube, sites(place))
    expected = cube["ERA5_TA"].sel(latitude=land[0], longitude=land[1])
    np.testing.assert_array_equal(table["ERA5_TA"], expected)
    assert table["IGBP"].unique().tolist() == [1]


def test_land_under_the_tower_wins_over_a_nearer_centre():
    cube = drivers(TargetGrid(resolution=10))
    table = sample_at_sites(cube, sites((9.9, 5.0)))
    assert table["Latitude"].unique().tolist() == [5.0]


def test_the_land_may_lie_across_the_date_line():
    water = tuple((float(la), 175.0) for la in (-5, 5, 15)) + tuple((float(la), 165.0) for la in (-5, 5, 15))  # fmt: skip
    cube = drivers(TargetGrid(resolution=10), water=water)
    table = sample_at_sites(cube, sites((5.0, 175.0)))
    expected = cube["ERA5_TA"].sel(latitude=5, longitude=-175)
    np.testing.assert_array_equal(table["ERA5_TA"], expected)


def test_a_tower_surrounded_by_water_is_an_error():
    water = tuple((float(la), float(lo)) for la in (-5, 5, 15) for lo in (-5, 5, 15))
    cube = drivers(TargetGrid(resolution=10), water=water)
    with pytest.raises(InputError, match=r"expected land .* found only water: XX-001 \(5, 5\)$"):
        sample_at_sites(cube, sites((45, 45), (5, 5)))


def test_a_tower_outside_the_grid_is_an_error():
    region = drivers(TargetGrid(resolution=5, west=0, south=40, east=20, north=60))
    with pytest.raises(InputError, match=r"found outside it: XX-001 \(35, 10\), XX-002 \(50, -1\)"):
        sample_at_sites(region, sites((50, 10), (35, 10), (50, -1)))


@settings(max_examples=10, deadline=None)
@given(
    latitude=st.floats(-70, 70),
    longitude=st.floats(-180, 180),
    radius=st.floats(50e3, 2e6),
    seed=st.integers(0, 99),
)
def test_a_footprint_is_the_mean_of_the_land_within(latitude, longitude, radius, seed):
    cube = drivers(TargetGrid(resolution=5))
    land = np.random.default_rng(seed).random(cube["IGBP"].shape) < 0.7
    cube["IGBP"] = cube["IGBP"].where(land, 0)
    here = sites((latitude, longitude))
    try:
        cell = sample_at_sites(cube, here)
    except InputError:
        return  # only water around
    table = sample_at_sites(cube.chunk(time=1), here, radius)
    east = (cube.longitude - longitude + 180) % 360 - 180
    distance = 111_195 * np.hypot(
        cube.latitude - latitude, east * np.cos(np.deg2rad(latitude))
    ).transpose("latitude", "longitude")
    weights = np.cos(np.deg2rad(cube.latitude)) * (distance <= radius) * land
    if float(weights.sum()) == 0:
        pd.testing.assert_frame_equal(table, cell)
        return
    expected = cube["ERA5_TA"].weighted(weights).mean(("latitude", "longitude"))
    np.testing.assert_allclose(table["ERA5_TA"], expected, rtol=1e-4)
    for name in ("IGBP", "Latitude", "Year", "time", "site_id"):
        assert table[name].equals(cell[name])


def test_missing_cells_in_a_footprint_are_ignored():
    cube = drivers(TargetGrid(resolution=5))
    cube["ERA5_TA"][0] = cube["ERA5_TA"][0] * 0 + 4
    cube["ERA5_TA"].loc[{"latitude": 2.5, "longitude": 7.5}] = np.nan
    table = sample_at_sites(cube, sites((2.5, 2.5)), radius=700e3)
    assert table["ERA5_TA"].iloc[0] == 4
