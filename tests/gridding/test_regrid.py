from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.grids import TargetGrid
from uflux_kedro.gridding.regrid import align

resolutions = st.sampled_from([10.0, 15.0, 18.0, 20.0, 30.0])
seeds = st.integers(0, 1000)


def months(first: str, count: int) -> xr.Dataset:
    """A cube of months without variables."""
    starts = pd.date_range(first, periods=count, freq="MS")
    bounds = np.column_stack([starts, starts + pd.offsets.MonthBegin(1)])
    return xr.Dataset(coords={"time": starts, "time_bnds": (("time", "bnds"), bounds)})


def cube(name: str, values: np.ndarray, grid: TargetGrid) -> xr.Dataset:
    """One variable on a grid, one map per month."""
    base = months("2001-01", len(values)).assign_coords(grid.coordinates().coords)
    dims = ("time", "latitude", "longitude")
    return base.assign({name: (dims, values.astype("float32"), {"units": "u"})})


def random_cube(name: str, grid: TargetGrid, seed: int, gaps: float = 0.0) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    shape = (2, grid.coordinates().latitude.size, grid.coordinates().longitude.size)
    values = rng.uniform(0, 1, shape)
    values[rng.uniform(size=shape) < gaps] = np.nan
    return cube(name, values, grid)


def global_mean(data: xr.DataArray, grid: TargetGrid) -> np.ndarray:
    """Mean of each month over the sphere, by the exact area of each band."""
    edges = np.deg2rad(grid.south + np.arange(data.latitude.size + 1) * grid.resolution)
    area = xr.DataArray(np.diff(np.sin(edges)), dims="latitude")
    return data.weighted(area).mean(("latitude", "longitude")).to_numpy()


@settings(max_examples=8, deadline=None)
@given(source=resolutions, target=resolutions, seed=seeds)
def test_regridding_a_rate_conserves_its_global_mean(source, target, seed):
    before, after = TargetGrid(resolution=source), TargetGrid(resolution=target)
    original = random_cube("SW_IN", before, seed)
    aligned = align(original, after)
    np.testing.assert_allclose(
        global_mean(aligned["SW_IN"], after), global_mean(original["SW_IN"], before), rtol=1e-6
    )


@pytest.mark.parametrize("name", ["SW_IN", "TA", "NIRv"])
@settings(max_examples=5, deadline=None)
@given(source=resolutions, target=resolutions, seed=seeds)
def test_gaps_neither_leak_nor_spread(name, source, target, seed):
    """A constant with gaps stays constant, and is present where source cells have data."""
    before, after = TargetGrid(resolution=source), TargetGrid(resolution=target)
    holed = random_cube(name, before, seed, gaps=0.5)
    holed[name] = holed[name] * 0 + 7
    aligned = align(holed, after)[name]
    found = aligned.to_numpy()
    np.testing.assert_allclose(found[~np.isnan(found)], 7, rtol=1e-5)
    beneath = holed[name].sel(
        latitude=aligned.latitude, longitude=aligned.longitude, method="nearest"
    )
    if source >= target:
        assert not np.isnan(found[~np.isnan(beneath.to_numpy())]).any()


@pytest.mark.parametrize("name", ["SW_IN", "TA"])
@settings(max_examples=5, deadline=None)
@given(
    source=resolutions,
    target=resolutions,
    seed=seeds,
    flips=st.tuples(st.booleans(), st.booleans()),
)
def test_the_direction_of_an_axis_changes_nothing(name, source, target, seed, flips):
    original = random_cube(name, TargetGrid(resolution=source), seed, gaps=0.2)
    turned = original.isel(
        latitude=slice(None, None, -1 if flips[0] else 1),
        longitude=slice(None, None, -1 if flips[1] else 1),
    )
    grid = TargetGrid(resolution=target)
    xr.testing.assert_allclose(align(turned, grid), align(original, grid), rtol=1e-5)


def test_a_cube_on_the_target_grid_is_unchanged():
    grid = TargetGrid(resolution=15)
    original = random_cube("TA", grid, 1, gaps=0.3)
    noisy = original.assign_coords(longitude=original.longitude + 1e-6)
    aligned = align(noisy, grid)
    np.testing.assert_array_equal(aligned["TA"], original["TA"])
    np.testing.assert_array_equal(aligned.longitude, grid.coordinates().longitude)
    assert aligned["TA"].attrs == {"units": "u"}


def test_a_finer_state_is_interpolated_between_the_cells_centres():
    coarse, fine = TargetGrid(resolution=20), TargetGrid(resolution=10)
    latitude = coarse.coordinates().latitude.to_numpy()
    values = np.broadcast_to(latitude[:, None] / 2, (1, latitude.size, 18))
    aligned = align(cube("TA", values, coarse), fine)["TA"]
    inner = aligned.sel(latitude=slice(-75, 75))
    np.testing.assert_allclose(inner, np.broadcast_to(inner.latitude.to_numpy()[:, None] / 2, inner.shape), rtol=1e-5)  # fmt: skip


def test_a_state_is_interpolated_along_latitude_first_in_every_process():
    """The other order rounds differently."""
    coarse, fine = TargetGrid(resolution=20), TargetGrid(resolution=10)
    original = random_cube("TA", coarse, 5).astype("float64")
    axes = {name: fine.coordinates()[name][2:-2] for name in ("latitude", "longitude")}
    first, last = (
        original["TA"].interp({a: axes[a]}).interp({b: axes[b]})
        for a, b in (tuple(axes), tuple(axes)[::-1])
    )
    found = align(original, fine)["TA"].sel(axes)
    np.testing.assert_array_equal(found, first)
    assert (first != last).any()


def test_a_finer_rate_is_not_blended():
    coarse, fine = TargetGrid(resolution=20), TargetGrid(resolution=10)
    original = random_cube("P", coarse, 3)
    aligned = align(original, fine)["P"]
    np.testing.assert_allclose(
        aligned, original["P"].to_numpy().repeat(2, 1).repeat(2, 2), rtol=1e-5
    )


def test_a_coarser_state_is_the_mean_of_its_cells():
    fine, coarse = TargetGrid(resolution=5), TargetGrid(resolution=30)
    original = random_cube("NIRv", fine, 4)
    aligned = align(original, coarse)["NIRv"].sel(latitude=15, longitude=15).to_numpy()
    block = original["NIRv"].sel(latitude=slice(0, 30), longitude=slice(0, 30))
    area = np.cos(np.deg2rad(block.latitude))
    np.testing.assert_allclose(
        aligned, block.weighted(area).mean(("latitude", "longitude")), rtol=1e-4
    )


def test_interpolation_crosses_the_date_line():
    coarse, fine = TargetGrid(resolution=20), TargetGrid(resolution=10)
    values = np.zeros((1, 9, 18))
    values[..., 0], values[..., -1] = 4.0, 8.0
    aligned = align(cube("TA", values, coarse), fine)["TA"]
    edges = aligned.sel(latitude=5, longitude=[175, -175]).to_numpy().ravel()
    np.testing.assert_allclose(edges, [7.0, 5.0], rtol=1e-5)


def igbp(codes: np.ndarray, grid: TargetGrid) -> xr.Dataset:
    axes = grid.coordinates()
    return axes.assign(IGBP=(("latitude", "longitude"), codes.astype("int8")))


@settings(max_examples=5, deadline=None)
@given(seed=seeds)
def test_the_most_common_class_wins(seed):
    fine, coarse = TargetGrid(resolution=10), TargetGrid(resolution=30)
    codes = np.random.default_rng(seed).choice([0, 1, 10, 16], (18, 36), p=[0.1, 0.5, 0.3, 0.1])
    aligned = align(igbp(codes, fine), coarse)["IGBP"]
    assert aligned.dtype == np.int8
    for row in range(6):
        for column in range(12):
            block = codes[3 * row : 3 * row + 3, 3 * column : 3 * column + 3]
            counts = np.bincount(block.ravel())
            assert counts[int(aligned[row, column])] == counts.max()


def test_a_class_is_never_blended():
    coarse, fine = TargetGrid(resolution=20), TargetGrid(resolution=10)
    codes = np.random.default_rng(5).choice([0, 1, 16], (9, 18))
    aligned = align(igbp(codes, coarse), fine)["IGBP"]
    np.testing.assert_array_equal(aligned, codes.repeat(2, 0).repeat(2, 1))


def test_a_region_is_selected_from_the_globe():
    region = TargetGrid(resolution=5, west=-10, south=35, east=30, north=60)
    original = random_cube("TA", TargetGrid(resolution=5), 6)
    aligned = align(original, region)["TA"]
    assert aligned.shape == (2, 5, 8)
    np.testing.assert_allclose(
        aligned,
        original["TA"].sel(latitude=aligned.latitude, longitude=aligned.longitude),
        rtol=1e-5,
    )


def test_cells_beyond_the_source_are_missing():
    region = TargetGrid(resolution=10, west=0, south=0, east=60, north=60)
    for name in ("TA", "P"):
        aligned = align(random_cube(name, region, 7), TargetGrid(resolution=10))[name]
        assert np.isnan(aligned.sel(longitude=-95, latitude=25).to_numpy()).all()
        assert not np.isnan(aligned.sel(longitude=25, latitude=25).to_numpy()).any()


def test_a_source_outside_the_target_is_an_error():
    region = TargetGrid(resolution=10, west=0, south=0, east=60, north=60)
    other = TargetGrid(resolution=10, west=100, south=0, east=160, north=60)
    source = random_cube("TA", region, 7).assign_attrs(source="era5")
    with pytest.raises(
        InputError, match="era5: longitude: expected cells within the target grid, 105 to 155"
    ):
        align(source, other)


@pytest.mark.parametrize("target", [5.0, 10.0, 30.0])
def test_lazy_cubes_stay_lazy_and_in_single_precision(target):
    original = random_cube("TA", TargetGrid(resolution=10), 8)
    original["P"] = random_cube("P", TargetGrid(resolution=10), 9)["P"]
    lazy = align(original.chunk(time=1), TargetGrid(resolution=target))
    for name in ("TA", "P"):
        assert isinstance(lazy[name].data, da.Array)
        assert lazy[name].dtype == np.float32
        assert lazy[name].chunks[0] == (1, 1)
    eager = align(original, TargetGrid(resolution=target))
    lazy.load()
    xr.testing.assert_allclose(lazy, eager, rtol=1e-5)
    assert all(data.dtype == np.float32 for data in lazy.data_vars.values())
    assert {"time", "time_bnds", "latitude", "longitude"} == set(lazy.coords)


@pytest.mark.parametrize(
    "settings_",
    [
        {"resolution": 7.0},
        {"resolution": 0.0},
        {"resolution": 10.0, "west": 20, "east": 0},
        {"resolution": 10.0, "south": 0, "north": 10},
        {"resolution": 10.0, "north": 95},
        {"resolution": 10.0, "nord": 90},
    ],
)
def test_an_impossible_grid_is_refused(settings_):
    with pytest.raises(ValidationError):
        TargetGrid(**settings_)


def test_centres_of_a_grid():
    axes = TargetGrid(resolution=0.1, west=-10.7, east=3.6, south=49.8, north=61).coordinates()
    assert axes.sizes == {"latitude": 112, "longitude": 143}
    assert axes.latitude.to_numpy()[[0, -1]].tolist() == [49.85, 60.95]
    assert axes.longitude.to_numpy()[[0, -1]].tolist() == [-10.65, 3.55]


@settings(max_examples=5, deadline=None)
@given(seed=seeds)
def test_a_grid_of_nodes_is_regridded_to_cells(seed):
    """ERA5's nodes at the poles and Greenwich, regridded to cells between them."""
    rng = np.random.default_rng(seed)
    nodes = months("2001-01", 1).assign_coords(
        latitude=np.arange(-90.0, 91, 10), longitude=np.arange(-180.0, 180, 10)
    )
    values = rng.uniform(0, 1, (1, 19, 36)).astype("float32")
    dims = ("time", "latitude", "longitude")
    nodes = nodes.assign(TA=(dims, values), SW_IN=(dims, values))
    grid = TargetGrid(resolution=10)
    aligned = align(nodes, grid)
    corners = values[:, :-1] + values[:, 1:]
    corners = (corners + np.roll(corners, -1, axis=2)) / 4
    np.testing.assert_allclose(aligned["TA"], corners, rtol=1e-4)
    # The polar caps end half a step from the poles.
    edges = np.sin(np.deg2rad([-90, *range(-85, 90, 10), 90]))
    expected = (values.mean(axis=2) @ np.diff(edges)) / 2
    np.testing.assert_allclose(global_mean(aligned["SW_IN"], grid), expected, rtol=1e-6)
