"""Global totals and means beside published ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from uflux_kedro.errors import require_columns
from uflux_kedro.figures.labels import number, unit_text
from uflux_kedro.figures.style import FLUX_COLOURS, PAGE_WIDTH, styled

_NEEDED = ("quantity", "unit", "value", "lower", "upper", "published", "low", "high", "label")
_COLOURS = FLUX_COLOURS | {"ET": FLUX_COLOURS["LE"], "Rn": "#262626"}
_PUBLISHED = "#6E6E6E"
_ACROSS = 3


@styled()
def literature_figure(table: pd.DataFrame) -> Figure:
    """Draw the product's global values beside published ones.

    Args:
        table: Result of :func:`uflux_kedro.report.literature.beside_literature`.

    Returns:
        One panel per quantity: the product with its interval, and the published values with
        theirs; a sentence in place of panels if there is no value.

    Raises:
        InputError: If a column is missing.
    """
    require_columns(table, _NEEDED, "table of published values")
    quantities = list(dict.fromkeys(table["quantity"]))
    if not quantities:
        figure = Figure(figsize=(PAGE_WIDTH, 0.6))
        words = "No full calendar year is mapped: no annual value to compare with published ones."
        figure.text(0.5, 0.5, words, ha="center", va="center")
        figure.set_label(words)
        return figure
    down = -(-len(quantities) // _ACROSS)
    figure = Figure(figsize=(PAGE_WIDTH, 1.45 * down), layout="constrained")
    axes = figure.subplots(down, min(_ACROSS, len(quantities)), squeeze=False).ravel()
    said = []
    for axis, quantity in zip(axes, quantities, strict=False):
        part = table[table["quantity"] == quantity]
        _draw(axis, part, quantity)
        said.append(_in_words(part, quantity))
    for axis in axes[len(quantities) :]:
        axis.set_axis_off()
    figure.set_label("The product beside published values. " + " ".join(said))
    return figure


def _draw(axis: Axes, part: pd.DataFrame, quantity: str) -> None:
    ours = part.iloc[0]
    colour = _COLOURS[quantity]
    names = ["this product", *part["label"]]
    if np.isfinite(ours["lower"]):
        axis.hlines(0, ours["lower"], ours["upper"], color=colour, linewidth=2)
        axis.axvspan(ours["lower"], ours["upper"], color=colour, alpha=0.12, linewidth=0)
    axis.plot(ours["value"], 0, marker="o", ms=5, color=colour)
    places = np.arange(1, len(part) + 1)
    axis.hlines(places, part["low"], part["high"], color=_PUBLISHED, linewidth=1.2)
    axis.plot(part["published"], places, linestyle="", marker="D", ms=3.5, color=_PUBLISHED)
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_title(quantity)
    axis.set_xlabel(f"{quantity} ({unit_text(ours['unit'])})")
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.margins(x=0.08)


def _in_words(part: pd.DataFrame, quantity: str) -> str:
    ours = part.iloc[0]
    published = ", ".join(
        f"{label} {number(value, 1)}"
        for label, value in zip(part["label"], part["published"], strict=True)
    )
    return f"{quantity}: {number(ours['value'], 1)}, published {published} {unit_text(ours['unit'])}."  # fmt: skip
