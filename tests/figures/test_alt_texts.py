"""What is said of figures of maps to those who do not see them agrees with what is drawn."""

from __future__ import annotations

import numpy as np

from tests.testing.synthetic import make_profiles
from uflux_kedro.figures import completeness_series_figure, mean_maps_figure, profiles_figure
from uflux_kedro.figures.labels import MINUS, number, range_in_words
from uflux_kedro.figures.peers import peer_density_figure, peer_maps_figure
from uflux_kedro.figures.profiles import tower_means
from uflux_kedro.statistics.means import area_mean, multi_year_mean
from uflux_kedro.statistics.peers import compare_with_peer


def test_a_range_holds_98_percent_and_may_be_of_nothing():
    assert range_in_words(np.arange(101.0), "W m⁻²") == "1.0 to 99.0 W m⁻²"
    assert range_in_words(np.array([-1.0, np.nan, -1.0])) == f"{MINUS}1.00 to {MINUS}1.00"
    assert range_in_words(np.array([np.nan])) == "no values"


def test_maps_say_their_land_means(products):
    label = mean_maps_figure({flux: products[flux] for flux in ("GPP", "H")}).get_label()
    for flux, unit in (("GPP", "gC m⁻² d⁻¹"), ("H", "W m⁻²")):
        mean = float(area_mean(multi_year_mean(products[flux], flux)))
        assert f"{flux}: land mean {number(mean)} {unit}, 98 % of cells" in label


def test_profiles_say_where_they_peak(products, training_table):
    profiles = make_profiles(products)
    label = profiles_figure(profiles, tower_means(training_table)).get_label()
    mean = profiles["LE"].mean("member")
    at = float(mean["latitude"][int(mean.argmax("latitude"))])
    side = "north" if at >= 0 else "south"
    assert f"LE is highest at {abs(at):.0f}° {side}, {number(float(mean.max()))} W m⁻²" in label


def test_comparisons_say_their_scores(products):
    peer = products["GPP"].copy(deep=True)
    peer["GPP"] = peer["GPP"] - 0.5
    both = {"GPP": compare_with_peer(products["GPP"], "GPP", peer)}
    assert "GPP: bias 0.50 gC m⁻² d⁻¹, spatial R² 1.00." in peer_maps_figure(both, "X").get_label()
    nse = number(float(both["GPP"]["NSE"]))
    assert f"GPP: NSE {nse}, bias 0.50 gC m⁻² d⁻¹." in peer_density_figure(both, "X").get_label()


def test_series_of_completeness_say_their_range(products):
    product = products["GPP"].assign(GPP_completeness=products["GPP"]["GPP"] * 0 + 0.25)
    label = completeness_series_figure({"GPP": product}).get_label()
    assert label.endswith("GPP 0.25 to 0.25.")
