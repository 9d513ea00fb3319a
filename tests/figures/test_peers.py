"""Figure 8: the difference, its means along both axes, and the density."""

from __future__ import annotations

import matplotlib.collections
import numpy as np
import pytest

from tests.testing.synthetic import make_products
from uflux_kedro.errors import InputError
from uflux_kedro.figures.labels import number
from uflux_kedro.figures.peers import peer_density_figure, peer_maps_figure, peer_seasons_figure
from uflux_kedro.figures.style import png_bytes
from uflux_kedro.statistics.means import area_mean
from uflux_kedro.statistics.peers import compare_with_peer


@pytest.fixture(scope="module")
def comparisons():
    products = make_products()
    found = {}
    for flux in ("GPP", "H"):
        peer = products[flux].copy(deep=True)
        peer[flux] = peer[flux] * 0.8 + 0.1
        peer[flux].attrs = products[flux][flux].attrs
        found[flux] = compare_with_peer(products[flux], flux, peer)
    return found


def panels(figure):
    return {a.get_title(loc="left"): a for a in figure.axes if a.get_title(loc="left")}


def test_each_map_shows_the_difference_between_equal_limits(comparisons):
    axes = panels(peer_maps_figure(comparisons, "FLUXCOM-X"))
    assert list(axes) == ["GPP: product minus FLUXCOM-X", "H: product minus FLUXCOM-X"]
    for flux, axis in zip(("GPP", "H"), axes.values(), strict=True):
        mesh = next(c for c in axis.collections if isinstance(c, matplotlib.collections.QuadMesh))
        low, high = mesh.get_clim()
        assert low == -high
        shown = np.ma.filled(mesh.get_array().astype(float), np.nan).ravel()
        expected = comparisons[flux]["difference"].values.ravel()
        np.testing.assert_allclose(shown, expected)
        r2 = float(comparisons[flux]["spatial_r2"])
        assert f"spatial R² {r2:.2f}" in axis.get_title(loc="right")


def test_profiles_beside_and_below_are_means_by_area(comparisons):
    figure = peer_maps_figure({"GPP": comparisons["GPP"]}, "other")
    one = comparisons["GPP"]
    lines = [a for a in figure.axes if len(a.get_lines()) == 2]
    beside, below = lines
    product, peer = (one[name].transpose("latitude", "longitude") for name in ("product", "peer"))
    # Cells of ten degrees have areas in proportion to the cosine of their latitude.
    weight = np.cos(np.deg2rad(one["latitude"].to_numpy()))[:, None] * np.isfinite(peer.to_numpy())
    with np.errstate(invalid="ignore", divide="ignore"):
        cells = np.isfinite(product.to_numpy()).sum(axis=1)
        by_latitude = np.nansum(product.to_numpy(), axis=1) / cells
        by_longitude = np.nansum(peer.to_numpy() * weight, axis=0) / weight.sum(axis=0)
    np.testing.assert_allclose(beside.get_lines()[1].get_xdata(), by_latitude, rtol=1e-5)
    np.testing.assert_allclose(below.get_lines()[0].get_ydata(), by_longitude, rtol=1e-5)
    assert [t.get_label() for t in beside.get_lines()] == ["other", "product"]


def test_seasons_of_a_flux_share_a_scale_and_say_their_mean(comparisons):
    figure = peer_seasons_figure(comparisons, "other")
    maps = [a for a in figure.axes if a.get_images() and a.get_label() != "<colorbar>"]
    assert len(maps) == 2 * 4
    names = [a.get_title(loc="left").replace("\N{EN DASH}", "-") for a in maps[:4]]
    assert names == ["Dec-Feb", "Mar-May", "Jun-Aug", "Sep-Nov"]
    assert len({a.get_images()[0].get_clim() for a in maps[:4]}) == 1
    summer = comparisons["GPP"]["seasonal_difference"].sel(season=3)
    drawn = np.ma.filled(maps[2].get_images()[0].get_array().astype(float), np.nan)
    np.testing.assert_allclose(drawn, summer)
    mean = number(float(area_mean(summer)))
    assert maps[2].get_title(loc="right") == mean
    assert f"June to August {mean}" in figure.get_label()
    winter = {"GPP": comparisons["GPP"].copy()}
    winter["GPP"]["seasonal_difference"] = winter["GPP"]["seasonal_difference"].where(winter["GPP"]["season"] == 1)  # fmt: skip
    last = [a for a in peer_seasons_figure(winter, "other").axes if a.get_images()][3]
    assert last.get_title(loc="right") == "no common month"


def test_density_has_one_panel_a_flux_with_its_scores(comparisons):
    figure = peer_density_figure(comparisons, "other")
    axes = panels(figure)
    assert list(axes) == ["GPP", "H"]
    axis = axes["GPP"]
    assert f"NSE {float(comparisons['GPP']['NSE']):.2f}" in axis.get_title(loc="right")
    mesh = next(c for c in axis.collections if isinstance(c, matplotlib.collections.QuadMesh))
    shown = float(np.ma.sum(mesh.get_array())) * 1000
    assert shown == pytest.approx(float(comparisons["GPP"]["density"].sum()), rel=0.01)
    assert axis.get_xlabel() == "GPP, other (gC m⁻² d⁻¹)"


def test_same_comparison_same_picture_and_no_flux_of_another_name(comparisons):
    first, second = (png_bytes(peer_density_figure(comparisons, "other")) for _ in range(2))
    assert first == second
    with pytest.raises(InputError, match="Reco"):
        peer_maps_figure({"Reco": comparisons["GPP"]}, "other")
