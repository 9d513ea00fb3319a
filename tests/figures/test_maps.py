"""Figure 4: means by time and by area, scales, projection, coastlines."""

from __future__ import annotations

import cartopy.crs as ccrs
import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import LineCollection

from tests.testing.synthetic import make_products
from uflux_kedro.errors import InputError
from uflux_kedro.figures.labels import MINUS
from uflux_kedro.figures.maps import coast_segments, mean_maps_figure, spread_maps_figure
from uflux_kedro.statistics.means import area_mean, multi_year_mean

SCALES = {
    "GPP": ("YlGn", 0, 10),
    "RECO": ("YlOrBr", 0, 10),
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
    assert list(panels) == ["GPP", "RECO", "NEE", "H", "LE"]
    for flux, (colours, low, high) in SCALES.items():
        (picture,) = panels[flux].get_images()
        assert (picture.get_cmap().name, *picture.get_clim()) == (colours, low, high)


def test_land_without_a_value_is_no_sea(products):
    heat = products["H"]
    carbon = products["GPP"].copy()
    carbon["GPP"] = carbon["GPP"].where(abs(carbon["latitude"]) < 30)
    panels = maps(mean_maps_figure({"GPP": carbon, "H": heat}))
    empty, _ = panels["GPP"].get_images()
    assert 0 < empty.get_array().count() < empty.get_array().size
    assert tuple(round(255 * c) for c in empty.get_cmap()(0.0)[:3]) == (200, 200, 200)
    assert len(panels["H"].get_images()) == 1


@pytest.mark.parametrize("factor", [0.01, 1, 100])
def test_the_scale_of_nee_follows_its_values(products, factor):
    scaled = products["NEE"].assign(NEE=products["NEE"]["NEE"] * factor)
    (picture,) = maps(mean_maps_figure({"NEE": scaled}))["NEE"].get_images()
    low, high = picture.get_clim()
    size = abs(multi_year_mean(scaled, "NEE"))
    assert low == -high
    assert picture.get_cmap().name == "PRGn_r"
    assert float(size.quantile(0.98)) <= high <= 2 * float(size.quantile(0.98))


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


def test_land_mean_is_in_the_title(figure, products):
    expected = float(area_mean(multi_year_mean(products["NEE"], "NEE")))
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
    month = np.array([["2001-01-01", "2001-02-01"]], "datetime64[ns]")
    product = field.to_dataset().assign_coords(time_bnds=(("time", "bnds"), month))
    (axis,) = maps(mean_maps_figure({"LE": product})).values()
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
        float(multi_year_mean(products["LE"], "LE_std").max())
    )


def test_product_without_its_variable_is_refused(products):
    with pytest.raises(InputError, match="product: GPP_std"):
        spread_maps_figure({"GPP": products["GPP"].drop_vars("GPP_std")})


def test_lazy_products_are_drawn(products):
    lazy = {"LE": products["LE"].chunk(time=3)}
    (axis,) = maps(mean_maps_figure(lazy)).values()
    assert axis.get_images()[0].get_array().count() > 0


def test_drawing_needs_no_network(products, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a figure asked for the network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    mean_maps_figure({"GPP": products["GPP"]}).draw_without_rendering()
