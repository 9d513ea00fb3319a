"""Seasons, skill by site, and the figure of one member."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from uflux_kedro.figures.labels import MINUS, number
from uflux_kedro.figures.member import member_figure
from uflux_kedro.figures.seasons import seasonal_cycles, seasons_figure
from uflux_kedro.figures.site_skill import LOWEST_NSE, site_nse, site_skill_figure


def test_southern_seasons_are_shifted_by_six_months():
    time = pd.to_datetime(["2003-01-01", "2003-07-01"])
    predictions = pd.concat(
        pd.DataFrame({"site_id": site, "time": time, "truth": [1.0, 9.0], "prediction": 0.0})
        for site in ("north", "south")
    )
    sites = pd.DataFrame({"site_id": ["north", "south"], "latitude": [40.0, -40.0], "IGBP": "GRA"})
    cycles = seasonal_cycles(predictions, sites).set_index(["site_id", "month"])["truth"]
    assert cycles["north", 7] == cycles["south", 1] == 9.0
    assert cycles["north", 1] == cycles["south", 7] == 1.0


def test_each_site_weighs_alike_in_its_class(sites, predictions):
    figure = seasons_figure(predictions["LE"], sites, "LE")
    assert figure.get_supylabel() == "LE (W m⁻²)"
    axis = next(a for a in figure.axes if a.get_title(loc="left").startswith("ENF"))
    assert axis.get_title(loc="left") == "ENF  (2)"
    tower, model = axis.get_lines()
    cycles = seasonal_cycles(predictions["LE"], sites).query("IGBP == 'ENF'")
    by_site = cycles.pivot_table(index="month", columns="site_id", values=["truth", "prediction"])
    assert tower.get_ydata() == pytest.approx(by_site["truth"].mean(axis=1))
    assert model.get_ydata() == pytest.approx(by_site["prediction"].mean(axis=1))


def test_nse_of_a_site_is_against_its_own_mean(predictions):
    one = predictions["GPP"]
    rows = one[one["site_id"] == "XX-000"]
    error = ((rows["prediction"] - rows["truth"]) ** 2).sum()
    expected = 1 - error / ((rows["truth"] - rows["truth"].mean()) ** 2).sum()
    assert site_nse(one)[0] == pytest.approx(expected)
    flat = one.assign(truth=one["truth"].where(one["site_id"] != "XX-000", 3.0))
    assert site_nse(flat).size == one["site_id"].nunique() - 1


def test_a_score_of_fewer_than_ten_values_is_left_out(predictions):
    one = predictions["GPP"]
    few = one[(one["site_id"] != "XX-000") | (one.groupby("site_id").cumcount() < 9)]
    assert site_nse(few).size == site_nse(one).size - 1 == 7
    assert "GPP" in site_skill_figure({"GPP": few}).get_label()


def test_classes_above_an_empty_panel_have_their_months(sites, predictions):
    figure = seasons_figure(predictions["LE"], sites.assign(IGBP=list("ABCDEFGG")), "LE")
    shown = [axis.xaxis.get_tick_params()["labelbottom"] for axis in figure.axes if axis.axison]
    assert shown == [False] * 3 + [True] * 4
    assert figure.get_label().startswith("Seasonal cycle of LE, tower and model. G: tower ")


def test_sites_beyond_the_edge_are_drawn_at_it(predictions):
    bad = predictions["GPP"].copy()
    bad.loc[bad["site_id"] == "XX-003", "prediction"] += 1000
    figure = site_skill_figure({"GPP": bad})
    scatters = [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]
    drawn = [np.asarray(c.get_offsets())[:, 0] for c in scatters]
    assert sum(map(len, drawn)) == 8
    assert min(map(min, drawn)) == LOWEST_NSE
    assert figure.axes[0].get_yticklabels()[0].get_text() == "GPP\n8 towers"


def test_member_figure_names_member_unit_and_residuals(predictions):
    name = "MODIS-NIRv-ERA5.LE.DF21"
    figure = member_figure(predictions["LE"], name, "W m-2")
    scatter, season, sites = figure.axes
    assert figure.get_suptitle() == name
    assert scatter.get_xlabel() == "tower (W m⁻²)"
    assert season.get_ylabel() == f"model {MINUS} tower (W m⁻²)"
    residual = predictions["LE"]["prediction"] - predictions["LE"]["truth"]
    medians = residual.groupby(predictions["LE"]["time"].dt.month).median()
    points = next(c for c in season.collections if isinstance(c, PathCollection))
    assert np.asarray(points.get_offsets())[:, 1] == pytest.approx(medians.to_numpy())
    median = np.median(site_nse(predictions["LE"]))
    assert sites.get_title(loc="left") == f"8 towers, median {number(median)}"


def test_member_figure_of_one_row_per_site(predictions):
    few = predictions["GPP"].groupby("site_id").head(1)
    figure = member_figure(few, "X.GPP.RF", "gC m-2 d-1")
    figure.draw_without_rendering()
    assert not figure.axes[2].collections
