"""What a member has learnt: importance of predictors, SHAP values, accumulated effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from uflux_kedro.errors import InputError, require_columns
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import flux_unit, unit_text
from uflux_kedro.figures.style import FLUX_COLOURS, PAGE_WIDTH, styled
from uflux_kedro.variables import IGBP_NAMES, variable_of

MOST_PREDICTORS = 15
"""Predictors that a figure shows, the most important ones."""

_VALUE_COLOURS = "cividis"
"""Colour map of low to high values, even for colour-blind readers."""

_DOTS = 400
"""Dots of a predictor; of more rows, as many are drawn by chance."""


@styled()
def importance_figure(importance: pd.DataFrame, flux: str, measure: str) -> Figure:
    """Draw the importance of each predictor with its interval over towers.

    Args:
        importance: Indexed by predictor: ``importance``, ``low``, ``high``, in the flux's unit.
        flux: Name of the flux.
        measure: What is measured, for the axis: ``increase of RMSE``, ``mean |SHAP value|``.

    Raises:
        InputError: If the flux is unknown, a column is missing or there is no predictor.
    """
    ordered_fluxes([flux], "importance")
    require_columns(importance, ("importance", "low", "high"), "importance")
    if importance.empty:
        raise InputError("importance", None, expected="at least one predictor", found="none")
    table = importance.sort_values("importance", ascending=False, kind="stable")
    table = table.head(MOST_PREDICTORS)
    places = np.arange(len(table))
    figure = Figure(figsize=(PAGE_WIDTH * 0.7, 0.2 * len(table) + 0.7), layout="constrained")
    axis = figure.subplots()
    axis.barh(places, table["importance"], height=0.62, color=FLUX_COLOURS[flux])
    known = table["low"].notna().to_numpy()
    axis.hlines(
        places[known], table["low"][known], table["high"][known], color="#262626", linewidth=1.0
    )
    axis.axvline(0, color="#4D4D4D", linewidth=0.6)
    axis.set(
        yticks=places,
        yticklabels=table.index,
        ylim=(len(table) - 0.4, -0.6),
        xlabel=f"{flux}, {measure} ({flux_unit(flux)})",
    )
    first = ", ".join(f"{name} {value:.2g}" for name, value in table["importance"].head(3).items())
    figure.set_label(f"{flux}, {measure} in {flux_unit(flux)}; the largest: {first}")
    return figure


@styled()
def shap_figure(shap: pd.DataFrame, flux: str) -> Figure:
    """Draw the SHAP values of all rows, one line of dots per predictor, coloured by its value.

    Args:
        shap: ``predictor``, ``value``, ``effect``, one row per row and predictor, as
            :func:`uflux_kedro.explanation.explain` returns it.
        flux: Name of the flux.

    Raises:
        InputError: If the flux is unknown, a column is missing or there is no row.
    """
    ordered_fluxes([flux], "shap")
    require_columns(shap, ("predictor", "value", "effect"), "shap")
    if shap.empty:
        raise InputError("shap", None, expected="at least one row", found="none")
    size = shap["effect"].abs().groupby(shap["predictor"]).mean()
    names = size.sort_values(ascending=False, kind="stable").index[:MOST_PREDICTORS]
    figure = Figure(figsize=(PAGE_WIDTH * 0.8, 0.26 * len(names) + 0.8), layout="constrained")
    axis = figure.subplots()
    random = np.random.default_rng(0)
    for row, name in enumerate(names):
        dots = shap[shap["predictor"] == name]
        dots = dots.sample(min(_DOTS, len(dots)), random_state=0)
        # Ranks, since one extreme value would leave one colour to all others.
        colour = dots["value"].rank(pct=True)
        places = row + _width(dots["effect"].to_numpy()) * random.uniform(-0.4, 0.4, len(dots))
        drawn = axis.scatter(
            dots["effect"], places, c=colour, cmap=_VALUE_COLOURS, vmin=0, vmax=1, s=4, linewidths=0
        )
    axis.axvline(0, color="#4D4D4D", linewidth=0.6, zorder=0)
    axis.set(
        yticks=range(len(names)),
        yticklabels=names,
        ylim=(len(names) - 0.4, -0.6),
        xlabel=f"{flux}, SHAP value ({flux_unit(flux)})",
    )
    bar = figure.colorbar(drawn, ax=axis, ticks=[0, 1], aspect=30, pad=0.01)
    bar.set_ticklabels(["lowest", "highest"])
    bar.set_label("value of the predictor, by rank", size=7)
    return figure


def _width(values: np.ndarray) -> np.ndarray:
    """Return how many values are near each one, against the densest place: 0-1."""
    counts, edges = np.histogram(values, bins=30)
    near = counts[np.clip(np.searchsorted(edges, values) - 1, 0, len(counts) - 1)]
    return near / counts.max()


@styled()
def effects_figure(effects: pd.DataFrame, flux: str) -> Figure:
    """Draw the accumulated local effect of each predictor, the widest first.

    Args:
        effects: ``predictor``, ``value``, ``effect``, ``low``, ``high``, as
            :func:`uflux_kedro.explanation.accumulated_effects` returns it.
        flux: Name of the flux.

    Returns:
        One panel per predictor on one scale of the flux; bands are the intervals over towers, and
        classes of land cover are bars.

    Raises:
        InputError: If the flux is unknown, a column is missing or there is no predictor.
    """
    ordered_fluxes([flux], "effects")
    require_columns(effects, ("predictor", "value", "effect", "low", "high"), "effects")
    if effects.empty:
        raise InputError("effects", None, expected="at least one predictor", found="none")
    by_name = effects.groupby("predictor")["effect"]
    widths = (by_name.max() - by_name.min()).sort_values(ascending=False, kind="stable")
    names = widths.index[:MOST_PREDICTORS]
    columns = min(4, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(PAGE_WIDTH, 1.45 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for axis, name in zip(axes, names, strict=False):
        table = effects[effects["predictor"] == name]
        variable = variable_of(str(name))
        if variable.kind == "category":
            _draw_classes(axis, table, FLUX_COLOURS[flux])
        else:
            _draw_curve(axis, table, FLUX_COLOURS[flux])
            axis.set_xlabel(unit_text(variable.unit), size=7, labelpad=1)
        axis.axhline(0, color="#BBBBBB", linewidth=0.6, zorder=0)
        axis.set_title(str(name), size=7)
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    figure.supylabel(f"effect on {flux} ({flux_unit(flux)})", size=8)
    widest = ", ".join(f"{name} {widths[name]:.2g}" for name in names[:3])
    figure.set_label(f"Effects on {flux}; ranges of the widest in {flux_unit(flux)}: {widest}")
    return figure


def _draw_curve(axis: Axes, table: pd.DataFrame, colour: str) -> None:
    axis.fill_between(
        table["value"], table["low"], table["high"], color=colour, alpha=0.25, linewidth=0
    )
    axis.plot(table["value"], table["effect"], color=colour)


def _draw_classes(axis: Axes, table: pd.DataFrame, colour: str) -> None:
    places = np.arange(len(table))
    axis.bar(places, table["effect"], color=colour, width=0.7)
    axis.vlines(places, table["low"], table["high"], color="#262626", linewidth=0.8)
    axis.set_xticks(
        places, [IGBP_NAMES.get(int(v), f"{v:g}") for v in table["value"]], rotation=90, size=5
    )
