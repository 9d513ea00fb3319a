"""Figures 10 and 11: response of a flux to light or temperature, by IGBP class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from uflux_kedro.errors import InputError, require_columns
from uflux_kedro.explanation.responses import RESPONSES, ResponseCurves
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import axis_label, number, unit_text
from uflux_kedro.figures.style import FLUX_COLOURS, PAGE_WIDTH, styled

_DOTS = 400
"""Rows of a class that are drawn; of more, as many are drawn by chance."""

_FEWEST_TOWERS = 5
"""Fewest towers of a class whose interval is drawn: draws of two or three say nothing of others."""

_LINES: dict[str, dict[str, Any]] = {
    "truth": {"color": "#262626", "label": "tower"},
    "prediction": {"label": "model"},
    "baseline": {"color": "#56B4E9", "linestyle": (0, (4, 2)), "label": "baseline"},
}
"""Source -> style of its line; the model has the colour of the flux."""


@styled()
def response_figure(found: ResponseCurves, flux: str, rows: pd.DataFrame | None = None) -> Figure:
    """Draw the fitted curves of towers, model and baseline, one panel per IGBP class.

    Args:
        found: Curves and fits of :func:`uflux_kedro.explanation.response_curves`.
        flux: NEE or RECO.
        rows: Rows of :func:`uflux_kedro.explanation.response_rows`, drawn as dots of the towers'
            values; None draws none.

    Returns:
        The figure; titles give the numbers of towers and site-years, bands the intervals over
        towers where a class has five or more.

    Raises:
        InputError: If the flux has no response, a column is missing or no class has a curve.
    """
    ordered_fluxes([flux], "response")
    require_columns(found.curves, ("IGBP", "source", "value", "effect", "low", "high"), "curves")
    require_columns(found.fits, ("IGBP", "source", "towers", "site_years"), "fits")
    if flux not in RESPONSES or found.curves.empty:
        raise InputError(
            "response",
            flux,
            expected=f"curves of {' or '.join(RESPONSES)} for at least one class",
            found="none",
        )
    classes = found.fits.drop_duplicates("IGBP").set_index("IGBP")
    columns = min(4, len(classes))
    lines = -(-len(classes) // columns)
    figure = Figure(figsize=(PAGE_WIDTH, 1.55 * lines + 0.6), layout="constrained")
    axes = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axis, (name, counts) in zip(axes, classes.iterrows(), strict=False):
        if rows is not None:
            _draw_rows(axis, rows[rows["IGBP"] == name])
        of_class = found.curves[found.curves["IGBP"] == name]
        _draw_curves(axis, of_class, FLUX_COLOURS[flux], counts["towers"] >= _FEWEST_TOWERS)
        axis.set_title(f"{name}  ({counts['towers']}; {counts['site_years']})", size=8)
    for axis in axes[len(classes) :]:
        axis.set_axis_off()
    for axis in axes[max(0, len(classes) - columns) : len(classes)]:
        axis.tick_params(labelbottom=True)  # also above an empty panel
    _limit(axes[0], found.curves, rows)
    response = RESPONSES[flux]
    figure.supylabel(axis_label(flux), size=8)
    figure.supxlabel(f"{response.driver} ({unit_text(response.unit)})", size=8)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=3)
    figure.set_label(f"{flux} against {response.driver}, fitted curves. {_said(found.curves)}")
    return figure


def _said(curves: pd.DataFrame) -> str:
    """Return how far model and tower differ in each class, on average over its curve, as text."""
    wide = curves.pivot_table(
        index=["IGBP", "value"], columns="source", values="effect", sort=False
    )
    difference = (wide["prediction"] - wide["truth"]).groupby("IGBP", sort=False).mean()
    shown = ", ".join(f"{name} {number(value)}" for name, value in difference.items())
    return f"Mean difference, model minus tower: {shown}"


def _draw_curves(axis: Axes, curves: pd.DataFrame, colour: str, bands: bool) -> None:
    for source, style in _LINES.items():
        curve = curves[curves["source"] == source]
        if curve.empty:
            continue
        (line,) = axis.plot(curve["value"], curve["effect"], **{"color": colour, **style})
        if bands:
            axis.fill_between(
                curve["value"], curve["low"], curve["high"],
                color=line.get_color(), alpha=0.18, linewidth=0,
            )  # fmt: skip


def _draw_rows(axis: Axes, rows: pd.DataFrame) -> None:
    dots = rows.sample(min(_DOTS, len(rows)), random_state=0)
    axis.scatter(dots["x"], dots["truth"], s=2, color="#BBBBBB", linewidths=0, zorder=0)


def _limit(axis: Axes, curves: pd.DataFrame, rows: pd.DataFrame | None) -> None:
    """Keep the axis to the curves and most of the dots: the bands of few towers are unbounded."""
    values = curves["effect"].to_numpy(float)
    if rows is not None:
        values = np.concatenate([values, np.quantile(rows["truth"], [0.01, 0.99])])
    low, high = values.min(), values.max()
    margin = 0.08 * (high - low) or 1.0
    axis.set_ylim(low - margin, high + margin)
