"""Figure 2: the drawing agrees with the rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from uflux_kedro.errors import InputError
from uflux_kedro.figures.labels import MINUS
from uflux_kedro.figures.scatter import scatter_figure
from uflux_kedro.variables import FLUXES


@pytest.fixture(scope="module")
def figure(predictions):
    return scatter_figure(predictions)


def panel(figure, flux):
    return next(a for a in figure.axes if a.get_title(loc="left") == flux)


def line(axis, label):
    return next(x for x in axis.get_lines() if x.get_label() == label)


def test_ols_line_and_numbers_agree_with_scipy(figure, predictions):
    for flux in FLUXES:
        truth, prediction = predictions[flux]["truth"], predictions[flux]["prediction"]
        fit = stats.linregress(truth, prediction)
        axis = panel(figure, flux)
        x, y = line(axis, "OLS").get_data()
        assert y == pytest.approx(fit.intercept + fit.slope * np.asarray(x))
        words = axis.texts[0].get_text().replace(MINUS, "-")
        assert f"r² = {fit.rvalue**2:.2f}" in words
        assert f"y = {fit.slope:.2f} x" in words
        assert f"{abs(fit.intercept):.2f}" in words


def test_every_row_is_counted_and_panels_share_one_scale(figure, predictions):
    hexagons = [panel(figure, flux).collections[0] for flux in FLUXES]
    for flux, counts in zip(FLUXES, hexagons, strict=True):
        assert counts.get_array().sum() == len(predictions[flux])
    assert len({h.get_clim() for h in hexagons}) == 1
    assert hexagons[0].get_clim()[1] >= max(h.get_array().max() for h in hexagons)


def test_axes_name_flux_side_and_unit(figure):
    for flux, unit in [("GPP", "gC m⁻² d⁻¹"), ("RECO", "gC m⁻² d⁻¹"), ("NEE", "gC m⁻² d⁻¹"),
                       ("H", "W m⁻²"), ("LE", "W m⁻²")]:  # fmt: skip
        axis = panel(figure, flux)
        assert axis.get_xlabel() == f"{flux}, tower ({unit})"
        assert axis.get_ylabel() == f"{flux}, model ({unit})"


def test_identity_line_runs_corner_to_corner_of_square_axes(figure):
    axis = panel(figure, "NEE")
    x, y = line(axis, "1:1").get_data()
    assert list(x) == list(y) == list(axis.get_xlim()) == list(axis.get_ylim())
    assert axis.get_aspect() == 1.0


def test_rows_without_both_values_are_left_out_and_n_says_so(predictions):
    gpp = predictions["GPP"].copy()
    gpp.loc[gpp.index[:10], "truth"] = np.nan
    gpp.loc[gpp.index[10:15], "prediction"] = np.nan
    axis = panel(scatter_figure({"GPP": gpp}), "GPP")
    assert axis.get_title(loc="right").startswith(f"n = {len(gpp) - 15},")


def test_constant_prediction_is_drawn_without_r2(predictions):
    gpp = predictions["GPP"].assign(prediction=2.0)
    assert "undefined" in panel(scatter_figure({"GPP": gpp}), "GPP").texts[0].get_text()


def test_resolution_names_what_is_counted(predictions):
    figure = scatter_figure({"LE": predictions["LE"]}, resolution="DD")
    words = [
        label
        for axis in figure.findobj(lambda a: hasattr(a, "get_xlabel"))
        for label in [axis.get_xlabel()]
    ]
    assert "site-days in a hexagon" in words


def test_unknown_flux_name_is_refused(predictions):
    with pytest.raises(InputError, match="Reco"):
        scatter_figure({"Reco": predictions["RECO"]})


def test_missing_column_and_empty_table_are_refused(predictions):
    with pytest.raises(InputError, match="predictions of GPP: prediction"):
        scatter_figure({"GPP": predictions["GPP"].drop(columns="prediction")})
    with pytest.raises(InputError, match="rows with truth and prediction"):
        scatter_figure({"GPP": predictions["GPP"].iloc[:0]})
