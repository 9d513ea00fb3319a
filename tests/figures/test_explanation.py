"""Figures that explain a member, and responses by class."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.container import BarContainer

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.explanation.responses import response_curves
from uflux_kedro.figures.explanation import (
    MOST_PREDICTORS,
    effects_figure,
    importance_figure,
    shap_figure,
)
from uflux_kedro.figures.labels import number
from uflux_kedro.figures.response import response_figure
from uflux_kedro.figures.style import FLUX_COLOURS, png_bytes
from uflux_kedro.report.captions import caption_of


@pytest.fixture
def importance() -> pd.DataFrame:
    values = np.arange(1.0, 21.0)
    index = pd.Index([f"P{i:02d}" for i in range(20)], name="predictor")
    table = {"importance": values, "low": values - 0.5, "high": values + 0.5}
    return pd.DataFrame(table, index=index)


def test_the_most_important_predictor_is_on_top(importance):
    importance.loc["P19", ["low", "high"]] = np.nan
    axis = importance_figure(importance, "GPP", "increase of RMSE").axes[0]
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert len(names) == MOST_PREDICTORS
    assert names[:2] == ["P19", "P18"]
    assert axis.get_ylim()[0] > axis.get_ylim()[1], "the axis points down"
    assert [bar.get_width() for bar in axis.patches[:2]] == [20.0, 19.0]
    lines = axis.collections[0].get_segments()
    assert len(lines) == MOST_PREDICTORS - 1, "what has no interval has no line"
    assert lines[0][:, 0].tolist() == [18.5, 19.5]
    assert axis.get_xlabel() == "GPP, increase of RMSE (gC m⁻² d⁻¹)"
    assert axis.figure.get_label().endswith("the largest: P19 20, P18 19, P17 18")


def test_dots_of_contributions_are_at_their_values():
    shap = pd.DataFrame(
        {"predictor": ["TA", "VPD"] * 500, "value": np.arange(1000.0), "effect": [3.0, -0.5] * 500}
    )
    figure = shap_figure(shap, "LE")
    axis = figure.axes[0]
    assert [t.get_text() for t in axis.get_yticklabels()] == ["TA", "VPD"]
    first, second = axis.collections[:2]
    assert set(first.get_offsets()[:, 0]) == {3.0}
    assert set(second.get_offsets()[:, 0]) == {-0.5}
    assert len(first.get_offsets()) == 400
    assert np.abs(second.get_offsets()[:, 1] - 1).max() <= 0.4
    assert figure.axes[1].get_ylabel() == "value of the predictor, by rank"


def test_effects_are_drawn_the_widest_first_with_classes_as_bars():
    curve = pd.DataFrame(
        {"predictor": "ERA5_TA", "value": [0.0, 10.0, 20.0], "effect": [-1.0, 0, 1]}
    )
    classes = pd.DataFrame({"predictor": "IGBP", "value": [1.0, 10.0], "effect": [3.0, -3.0]})
    table = pd.concat([curve, classes], ignore_index=True)
    table = table.assign(low=table["effect"] - 0.1, high=table["effect"] + 0.1)
    first, second = effects_figure(table, "GPP").axes[:2]
    assert first.get_title(loc="left") == "IGBP"
    (bars,) = (c for c in first.containers if isinstance(c, BarContainer))
    assert [bar.get_height() for bar in bars] == [3.0, -3.0]
    assert [t.get_text() for t in first.get_xticklabels()] == ["ENF", "GRA"]
    assert second.get_xlabel() == "°C"
    assert second.get_lines()[0].get_ydata().tolist() == [-1.0, 0.0, 1.0]


@pytest.fixture
def rows() -> pd.DataFrame:
    random = np.random.default_rng(0)
    site = np.repeat(np.arange(6), 24)
    x = random.uniform(-5, 25, site.size)
    return pd.DataFrame(
        {
            "site_id": [f"S{s}" for s in site],
            "time": np.tile(pd.date_range("2001-01-01", periods=24, freq="MS"), 6),
            "IGBP": np.where(site < 4, "GRA", "ENF"),
            "x": x,
            "truth": 1 + 0.1 * x,
            "prediction": 1.2 + 0.1 * x + random.normal(0, 0.1, x.size),
            "baseline": 2.0,
        }
    )


def test_a_panel_has_the_curves_of_its_class_and_its_counts(rows):
    found = response_curves(rows)
    figure = response_figure(found, "RECO", rows)
    forest, grass = figure.axes[:2]
    assert forest.get_title(loc="left") == "ENF  (2; 4)"
    assert grass.get_title(loc="left") == "GRA  (4; 8)"
    assert [line.get_label() for line in grass.get_lines()] == ["tower", "model", "baseline"]
    assert grass.get_lines()[1].get_color() == FLUX_COLOURS["RECO"]
    tower = found.curves.query("IGBP == 'GRA' and source == 'truth'")
    np.testing.assert_array_equal(grass.get_lines()[0].get_ydata(), tower["effect"])
    assert len(grass.collections[0].get_offsets()) == 4 * 24
    assert figure.get_supxlabel() == "TA (°C)"
    assert all(axis.xaxis.get_tick_params()["labelbottom"] for axis in (forest, grass))
    without = response_figure(response_curves(rows.drop(columns="baseline")), "NEE")
    assert [line.get_label() for line in without.axes[0].get_lines()] == ["tower", "model"]
    assert without.get_supxlabel() == "PPFD (µmol m⁻² s⁻¹)"


def test_a_wild_band_does_not_set_the_scale(rows):
    found = response_curves(rows)
    found.curves.loc[0, "high"] = 1e6
    found.fits["towers"] = 5
    low, high = response_figure(found, "RECO").axes[0].get_ylim()
    assert found.curves["effect"].max() < high < 10
    assert low < found.curves["effect"].min()


def test_the_band_of_few_towers_is_not_drawn(rows):
    found = response_curves(rows)
    found.fits.loc[found.fits["IGBP"] == "GRA", "towers"] = 5
    figure = response_figure(found, "RECO")
    assert [len(axis.collections) for axis in figure.axes[:2]] == [0, 3], "bands of three sources"
    curves = found.curves.query("IGBP == 'GRA'").groupby("source")["effect"].mean()
    difference = curves["prediction"] - curves["truth"]
    assert f"GRA {number(difference)}" in figure.get_label()


def test_the_same_input_gives_the_same_picture(rows):
    found = response_curves(rows)
    first, second = (png_bytes(response_figure(found, "RECO", rows)) for _ in range(2))
    assert first == second


def test_nothing_to_draw_is_an_error(importance, rows):
    none = response_curves(rows[:0])
    for draw in (
        lambda: importance_figure(importance[:0], "GPP", "x"),
        lambda: importance_figure(importance, "gpp", "x"),
        lambda: importance_figure(importance.drop(columns="low"), "GPP", "x"),
        lambda: shap_figure(pd.DataFrame(columns=["predictor", "value", "effect"]), "GPP"),
        lambda: effects_figure(pd.DataFrame({"predictor": []}), "GPP"),
        lambda: response_figure(none, "RECO"),
        lambda: response_figure(response_curves(rows), "LE"),
    ):
        with pytest.raises(InputError):
            draw()


def test_captions_name_flux_unit_and_number():
    found = caption_of("response_NEE")
    assert found.uflux == "10"
    assert found.title == "Response of NEE to PPFD by IGBP class"
    assert caption_of("response_RECO").uflux == "11"
    assert caption_of("importance_LE").uflux == ""
    assert caption_of("importance_LE").text.endswith("LE in W m⁻².")
    assert caption_of("next_tower_LE").title == "Where to build the next tower for LE"
    for key in ("response_GPP", "importance_TA", "shap_", "next_tower_TA"):
        with pytest.raises(ConfigurationError):
            caption_of(key)


def test_the_lowest_panel_of_each_column_has_numbers(rows):
    names = ["ENF", "EBF", "DBF", "MF", "OSH", "GRA"]
    many = pd.concat([rows.assign(IGBP=name) for name in names])
    axes = response_figure(response_curves(many), "RECO").axes[:6]
    shown = [axis.xaxis.get_tick_params()["labelbottom"] for axis in axes]
    assert shown == [False, False, True, True, True, True]
