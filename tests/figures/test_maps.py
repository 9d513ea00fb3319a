"""Figure 4: means by time and by area, scales, projection, coastlines."""

from __future__ import annotations

import cartopy.crs as ccrs
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.collections import LineCollection

from tests.testing.synthetic import make_products
from uflux_kedro.errors import InputError
from uflux_kedro.figures.labels import MINUS
from uflux_kedro.figures.maps import coast_segments, mean_maps_figure, spread_maps_figure
from uflux_kedro.statistics.means import cell_edges, land_mean, time_mean, zonal_profile

SCALES = {
    "GPP": ("YlGn", 0, 10),
    "RECO": ("YlOrBr", 0, 10),
    "NEE": ("PRGn_r", -5, 5),
    "H": ("hot_r", 0, 100),
    "LE": ("Blues", 0, 100),
}


def maps(figure):
    return {a.get_title(loc="left"): a for a in figure.axes if a.get_title(loc="left")}


def colour_bars(figure):
    return [a for a in figure.axes if not a.get_title(loc="left")]


@pytest.fixture(scope="module")
def figure(products):
    return mean_maps_figure(products)


def test_scales_are_those_published(figure):
    panels = maps(figure)
    assert list(panels) == list(SCALES)
    for flux, (colours, low, high) in SCALES.items():
        (picture,) = panels[flux].get_images()
        assert (picture.get_cmap().name, *picture.get_clim()) == (colours, low, high)


def test_each_colour_bar_names_its_unit(figure):
    labels = [bar.get_xlabel() for bar in colour_bars(figure)]
    assert labels == ["gC m⁻² d⁻¹"] * 3 + ["W m⁻²"] * 2


def test_projection_keeps_areas(figure, products):
    assert all(isinstance(a.projection, ccrs.EqualEarth) for a in maps(figure).values())
    europe = {"GPP": products["GPP"].sel(latitude=slice(30, 72), longitude=slice(-15, 45))}
    (axis,) = maps(mean_maps_figure(europe)).values()
    assert isinstance(axis.projection, ccrs.LambertAzimuthalEqualArea)


def test_pixel_shows_the_cell_at_its_place(figure, products):
    axis = maps(figure)["GPP"]
    (picture,) = axis.get_images()
    left, right, bottom, top = picture.get_extent()
    shown = picture.get_array()
    mean = products["GPP"]["GPP"].mean("time")
    for lon, lat in [(-80.0, 12.0), (71.0, -33.0), (100.0, 60.0)]:
        x, y = axis.projection.transform_point(lon, lat, ccrs.PlateCarree())
        column = int((x - left) / (right - left) * shown.shape[1])
        row = int((y - bottom) / (top - bottom) * shown.shape[0])
        expected = mean.sel(latitude=lat, longitude=lon, method="nearest")
        assert shown[row, column] == pytest.approx(float(expected), rel=0.01)
    ocean = axis.projection.transform_point(-150.0, 0.0, ccrs.PlateCarree())
    column = int((ocean[0] - left) / (right - left) * shown.shape[1])
    assert shown.mask[shown.shape[0] // 2, column]


def test_time_mean_weighs_periods_by_their_length():
    product = make_products(step=30.0, months=2)["GPP"]
    january, february = product["GPP"].values
    expected = (31 * january + 28 * february) / 59
    assert time_mean(product, "GPP").values == pytest.approx(expected, nan_ok=True, rel=1e-5)
    plain = time_mean(product.drop_vars("time_bnds"), "GPP").values
    assert plain == pytest.approx((january + february) / 2, nan_ok=True, rel=1e-5)


def test_land_mean_weighs_cells_by_area(figure):
    latitude = np.arange(-85.0, 90, 10)
    field = xr.DataArray(
        np.repeat(np.where(abs(latitude) < 30, 1.0, 0.0)[:, None], 36, axis=1),
        {"latitude": latitude, "longitude": np.arange(-175.0, 180, 10)},
    )
    # Half of a sphere lies between 30 degrees south and north, though a third of the rows do.
    assert land_mean(field) == pytest.approx(0.5, abs=1e-9)
    assert land_mean(field.where(field["latitude"] > 0)) == pytest.approx(0.5, abs=1e-9)


def test_land_mean_is_in_the_title(figure, products):
    expected = land_mean(time_mean(products["NEE"], "NEE"))
    title = maps(figure)["NEE"].get_title(loc="right")
    assert float(title.removeprefix("land mean ").replace(MINUS, "-")) == pytest.approx(
        expected, abs=0.005
    )


def test_coast_is_the_edge_of_the_land():
    island = xr.DataArray(
        np.zeros((3, 4), bool), {"latitude": [-10.0, 0.0, 10.0], "longitude": [0.0, 10, 20, 30]}
    )
    island[1, 2] = True
    edges = {tuple(sorted(map(tuple, s))) for s in coast_segments(island).tolist()}
    assert edges == {
        ((15.0, -5.0), (15.0, 5.0)),
        ((25.0, -5.0), (25.0, 5.0)),
        ((15.0, -5.0), (25.0, -5.0)),
        ((15.0, 5.0), (25.0, 5.0)),
    }


def test_coast_knows_that_a_globe_is_round():
    land = xr.DataArray(
        np.zeros((2, 4), bool), {"latitude": [-45.0, 45.0], "longitude": [-135.0, -45, 45, 135]}
    )
    land[:, [0, 3]] = True
    assert set(coast_segments(land)[..., 0].ravel()) == {-90.0, 90.0}
    land[:, 3] = False
    assert set(coast_segments(land)[..., 0].ravel()) == {-90.0, -180.0}


def test_grid_with_nodes_on_the_poles_and_the_date_line():
    latitude, longitude = np.arange(-90.0, 91, 30), np.arange(-180.0, 180, 30)
    field = xr.DataArray(
        np.arange(84.0).reshape(1, 7, 12),
        {"time": [0], "latitude": latitude, "longitude": longitude},
        name="LE",
    )
    field[0, 0, 0] = np.nan
    (axis,) = maps(mean_maps_figure({"LE": field.to_dataset()})).values()
    (coast,) = [c for c in axis.collections if isinstance(c, LineCollection)]
    assert np.isfinite(np.concatenate([p.vertices for p in coast.get_paths()])).all()
    shown = axis.get_images()[0].get_array()
    middle = shown.shape[0] // 2
    # Both edges of the map are in the cell around 180 degrees.
    assert shown[middle, 0] == shown[middle, -1] == field[0, 3, 0]


def test_no_coast_runs_across_the_map():
    products = make_products()
    for product in products.values():
        everywhere = product[next(iter(product.data_vars))].fillna(1.0)
        product[everywhere.name] = everywhere.where(abs(product["latitude"]) < 50)
    figure = mean_maps_figure(products)
    (coast,) = [c for c in maps(figure)["GPP"].collections if isinstance(c, LineCollection)]
    lengths = [np.ptp(path.vertices[:, 0]) for path in coast.get_paths()]
    assert len(lengths) == 72
    assert max(lengths) < 1.2e6  # ten degrees at the equator


def test_spread_shows_the_deviation_and_shares_scales_by_unit(products):
    figure = spread_maps_figure(products)
    limits = {flux: a.get_images()[0].get_clim() for flux, a in maps(figure).items()}
    assert limits["GPP"] == limits["RECO"] == limits["NEE"]
    assert limits["H"] == limits["LE"] != limits["GPP"]
    (picture,) = maps(figure)["LE"].get_images()
    assert picture.get_array().max() == pytest.approx(
        float(time_mean(products["LE"], "LE_std").max())
    )


def test_zonal_profile_is_a_mean_over_land_cells(products):
    profile = zonal_profile(products["GPP"], "GPP")
    mean = time_mean(products["GPP"], "GPP")
    row = mean.sel(latitude=35.0)
    assert float(profile.sel(latitude=35.0)) == pytest.approx(float(row[np.isfinite(row)].mean()))
    assert np.isnan(profile.sel(latitude=-85.0))


def test_zonal_profile_keeps_members_apart(products):
    product = products["LE"]
    both = xr.concat([product["LE"], 2 * product["LE"]], "member").rename("LE_member")
    profile = zonal_profile(product.assign(LE_member=both), "LE_member")
    expected = zonal_profile(product, "LE").values
    assert profile.dims == ("member", "latitude")
    assert profile.values == pytest.approx(np.stack([expected, 2 * expected]), nan_ok=True)


def test_product_without_its_variable_is_refused(products):
    with pytest.raises(InputError, match="product: GPP_std"):
        spread_maps_figure({"GPP": products["GPP"].drop_vars("GPP_std")})


def test_lazy_products_are_drawn(products):
    lazy = {"LE": products["LE"].chunk(time=3)}
    (axis,) = maps(mean_maps_figure(lazy)).values()
    assert axis.get_images()[0].get_array().count() > 0


def test_cell_edges_of_an_uneven_axis():
    assert cell_edges(np.array([0.0, 1.0, 3.0])) == pytest.approx([-0.5, 0.5, 2.0, 4.0])


def test_drawing_needs_no_network(products, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a figure asked for the network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    mean_maps_figure({"GPP": products["GPP"]}).draw_without_rendering()


def test_bounds_of_another_name_still_weight(products):
    product = products["GPP"].isel(time=slice(0, 2)).rename(bnds="nv")
    expected = time_mean(products["GPP"].isel(time=slice(0, 2)), "GPP")
    pd.testing.assert_frame_equal(time_mean(product, "GPP").to_pandas(), expected.to_pandas())
