from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pydantic import ValidationError
from pyproj import Geod, Transformer

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.grids import ProjectedGrid, TargetGrid
from uflux_kedro.gridding.regrid import align
from uflux_kedro.gridding.reproject import align_projected
from uflux_kedro.gridding.sampling import sample_at_sites

pytest.importorskip("odc.geo", reason="needs the extra raster")

BRITAIN = ProjectedGrid(
    crs="EPSG:27700", resolution=500, west=400e3, south=200e3, east=430e3, north=220e3
)
MONTHS = pd.date_range("2017-01-01", periods=2, freq="MS")


def field(function, west=-4.0, east=1.0, south=50.0, north=54.0, side=0.25) -> xr.Dataset:
    """Two months of a function of latitude and longitude, as states, rates and classes."""
    latitude = np.arange(south + side / 2, north, side)
    longitude = np.arange(west + side / 2, east, side)
    values = function(latitude[:, None], longitude[None, :]) + np.zeros((2, 1, 1))
    dims = ("time", "latitude", "longitude")
    bounds = np.column_stack([MONTHS, MONTHS + pd.offsets.MonthBegin(1)])
    return xr.Dataset(
        {"TA": (dims, values.astype("float32"), {"units": "degC"}),
         "P": (dims, values.astype("float32")),
         "IGBP": (dims[1:], np.round(values[0]).astype("int8"))},
        {"time": MONTHS, "latitude": latitude, "longitude": longitude, "time_bnds": (("time", "bnds"), bounds)},
    )  # fmt: skip


def test_centres_are_those_of_the_projection():
    grid = BRITAIN.coordinates()
    assert grid.sizes == {"y": 40, "x": 60}
    assert (float(grid.x[0]), float(grid.y[0])) == (400250.0, 200250.0)
    longitude, latitude = Transformer.from_crs(27700, 4326, always_xy=True).transform(
        414750, 209750
    )
    found = grid.sel(x=414750, y=209750)
    assert float(found.latitude) == pytest.approx(latitude, abs=1e-9)
    assert float(found.longitude) == pytest.approx(longitude, abs=1e-9)


def test_a_state_is_interpolated_where_the_cells_are_finer():
    plane = field(lambda la, lo: 2 * (la - 52) + 3 * lo)
    aligned = align(plane.chunk(time=1), BRITAIN)
    assert isinstance(aligned["TA"].data, da.Array)
    assert aligned["TA"].dims == ("time", "y", "x")
    assert aligned["TA"].dtype == np.float32
    expected = 2 * (aligned.latitude - 52) + 3 * aligned.longitude
    # GDAL locates places in the source to an eighth of a target cell.
    np.testing.assert_allclose(aligned["TA"][0], expected, atol=6e-3)
    assert aligned["TA"].attrs["units"] == "degC"
    assert {"time", "time_bnds", "x", "y", "latitude", "longitude"} == set(aligned.coords)
    assert aligned.attrs["crs"] == "EPSG:27700"


def wide(resolution: float) -> ProjectedGrid:
    return ProjectedGrid(
        crs="EPSG:27700", resolution=resolution, west=380e3, south=200e3, east=440e3, north=260e3
    )


def noise(seed: int, side: float = 0.05) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    return field(lambda la, lo: rng.integers(1, 15, (la.size, lo.size)), side=side)


@pytest.mark.parametrize(("resolution", "parts"), [(500, 10), (2000, 40), (10e3, 160)])
def test_rates_are_averaged_by_area(resolution, parts):
    """Compare with cells cut into many parts, each with the value of the source cell under it."""
    rough = noise(0)
    found = align(rough, wide(resolution))["P"][0].to_numpy()
    cut = wide(resolution / parts).coordinates()
    row = np.rint((cut.latitude.to_numpy() - rough.latitude.to_numpy()[0]) / 0.05).astype(int)
    column = np.rint((cut.longitude.to_numpy() - rough.longitude.to_numpy()[0]) / 0.05).astype(int)
    side = len(found)
    beneath = rough["P"][0].to_numpy()[row, column]
    expected = beneath.reshape(side, parts, side, parts).mean(axis=(1, 3))
    assert found.mean() == pytest.approx(expected.mean(), rel=1e-3)
    # GDAL averages over the box around a target cell that is rotated against the source's.
    assert np.sqrt(np.mean((found - expected) ** 2)) < 0.08 * expected.std()


def test_a_class_is_never_blended():
    rough = noise(1)
    rough["IGBP"] = (rough["IGBP"] > 7) * np.int8(15) + np.int8(1)
    found = align(rough, wide(500))["IGBP"]
    cell = rough["IGBP"].sel(latitude=found.latitude, longitude=found.longitude, method="nearest")
    assert found.dtype == np.int8
    assert float((found == cell).mean()) > 0.99
    assert np.unique(found).tolist() == [1, 16]


def test_rain_is_conserved_where_the_cells_are_coarser():
    rng = np.random.default_rng(1)
    fine = field(lambda la, lo: rng.uniform(0, 9, (la.size, lo.size)), -2.2, -0.8, 51.5, 52.2, 0.01)
    coarse = ProjectedGrid(
        crs="EPSG:27700", resolution=10e3, west=410e3, south=200e3, east=440e3, north=220e3
    )
    aligned = align(fine, coarse).load()
    to_metres = Transformer.from_crs(4326, 27700, always_xy=True)
    x, y = to_metres.transform(*np.meshgrid(fine.longitude, fine.latitude))
    inside = (x > 410e3) & (x < 440e3) & (y > 200e3) & (y < 220e3)
    area = np.cos(np.deg2rad(fine.latitude.to_numpy()))[:, None] * inside
    expected = float((fine["P"][0].to_numpy() * area).sum() / area.sum())
    assert float(aligned["P"][0].mean()) == pytest.approx(expected, rel=2e-3)
    assert aligned["TA"][0].std() < 0.3  # the mean of a hundred cells, not one of them


def test_the_most_common_class_wins_in_coarser_cells():
    fine = field(
        lambda la, lo: np.where((la * 100).round() % 4 == 0, 5.0, 10.0) + 0 * lo,
        -2.2,
        -0.8,
        51.5,
        52.2,
        0.01,
    )
    coarse = ProjectedGrid(
        crs="EPSG:27700", resolution=10e3, west=410e3, south=200e3, east=440e3, north=220e3
    )
    assert np.unique(align(fine, coarse)["IGBP"]).tolist() == [10]


def test_cells_beyond_the_source_are_missing():
    part = field(lambda la, lo: 0 * la + 0 * lo + 3, east=-1.8, side=0.1)
    aligned = align(part, BRITAIN)
    longitude = aligned.longitude.compute()
    outside = longitude > -1.79
    assert bool(outside.any())
    assert np.isnan(aligned["P"][0].where(outside, drop=True)).all()
    assert (aligned["IGBP"].where(outside, 0) == 0).all()
    inside = longitude < -1.9
    assert float(abs(aligned["P"][0].where(inside) - 3).max()) < 1e-6
    with pytest.raises(InputError, match="longitude: expected cells within the target grid"):
        align(field(lambda la, lo: la + lo, west=10, east=14), BRITAIN)


def test_scenes_in_another_projection():
    """Average the reflectance of a 10 m tile in UTM to 100 m cells of the national grid."""
    x = 600e3 + 10 * (np.arange(400) + 0.5)
    y = 5.74e6 + 10 * (np.arange(400) + 0.5)
    values = (x[None, :] - x.mean()) / 1e4 + (y[:, None] - y.mean()) / 1e4 + 0.5
    tile = xr.Dataset(
        {"NIR": (("y", "x"), values.astype("float32"))}, {"y": y, "x": x}, {"crs": "EPSG:32630"}
    )
    to_national = Transformer.from_crs(32630, 27700, always_xy=True)
    west, south = np.floor(np.array(to_national.transform(x.mean(), y.mean())) / 100) * 100
    grid = ProjectedGrid(
        crs="EPSG:27700",
        resolution=100,
        west=west - 500,
        south=south - 500,
        east=west + 500,
        north=south + 500,
    )
    aligned = align(tile, grid)
    back = Transformer.from_crs(27700, 32630, always_xy=True)
    at_x, at_y = back.transform(*np.meshgrid(aligned.x, aligned.y))
    expected = (at_x - x.mean()) / 1e4 + (at_y - y.mean()) / 1e4 + 0.5
    np.testing.assert_allclose(aligned["NIR"], expected, atol=1e-3)


@pytest.mark.parametrize(
    "settings_",
    [
        {"crs": "EPSG:4326"},
        {"crs": "EPSG:999999"},
        {"resolution": 7000},
        {"east": 399e3},
        {"edge": 1},
    ],
)
def test_an_impossible_grid_is_refused(settings_):
    with pytest.raises(ValidationError):
        ProjectedGrid(**(BRITAIN.model_dump() | settings_))


def sites(*places: tuple[float, float]) -> pd.DataFrame:
    latitude, longitude = zip(*places, strict=True)
    names = [f"XX-{i}" for i in range(len(places))]
    return pd.DataFrame({"site_id": names, "latitude": latitude, "longitude": longitude})


def test_towers_read_cells_and_footprints_of_a_projected_grid():
    aligned = align(field(lambda la, lo: 2 * (la - 52) + 3 * lo + 9), BRITAIN)
    place = (51.77, -1.84)
    table = sample_at_sites(aligned, sites(place))
    assert list(table) == ["site_id", "time", "IGBP", "P", "TA"]
    exact = 2 * (place[0] - 52) + 3 * place[1] + 9
    assert table["TA"].tolist() == pytest.approx([exact, exact], abs=0.02)
    wide = sample_at_sites(aligned, sites(place), radius=3000)
    geod = Geod(ellps="WGS84")
    longitude, latitude = aligned.longitude.to_numpy(), aligned.latitude.to_numpy()
    here = np.full(longitude.shape, place[1]), np.full(longitude.shape, place[0])
    distance = geod.inv(longitude, latitude, *here)[2]
    expected = aligned["P"][0].to_numpy()[distance <= 3000].mean()
    assert wide["P"].iloc[0] == pytest.approx(expected, rel=2e-3)
    with pytest.raises(InputError, match=r"found outside it: XX-0 \(53, -1.84\)"):
        sample_at_sites(aligned, sites((53.0, -1.84)))


def test_grids_in_degrees_keep_their_axes():
    cube = field(lambda la, lo: la + lo, side=1.0)
    grid = TargetGrid(resolution=1, west=-3, south=51, east=0, north=53)
    assert align(cube, grid)["TA"].dims == ("time", "latitude", "longitude")
    record = cube[["time_bnds"]].assign(CO2=("time", [400.0, 401.0]))  # fmt: skip
    assert align(record, grid) is record


def test_block_edges_are_invisible():
    """Every block approximates the projection closely enough."""
    rng = np.random.default_rng(0)
    axes = {
        "latitude": np.arange(50, 54, 0.25) + 0.125,
        "longitude": np.arange(-6, 0, 0.25) + 0.125,
    }
    noise = rng.normal(size=[len(axis) for axis in axes.values()]).astype("float32")
    cube = xr.Dataset({"TA": (tuple(axes), noise)}, axes)
    grid = ProjectedGrid(
        crs="EPSG:27700", resolution=100, west=2.5e5, south=1e5, east=3.524e5, north=2.024e5
    )
    found = align_projected(cube, grid)["TA"].to_numpy()
    places = {name: (("y", "x"), grid.coordinates()[name].to_numpy()) for name in axes}
    exact = cube["TA"].interp({n: xr.Variable(*place) for n, place in places.items()})
    assert np.abs(found - exact.to_numpy()).max() < 0.01
