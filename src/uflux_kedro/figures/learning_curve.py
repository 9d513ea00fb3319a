"""Learning curves: NSE at towers kept aside against the number of towers trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from uflux_kedro.errors import require_columns
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.style import FLUX_COLOURS, PAGE_WIDTH, styled

LOWEST_NSE = -0.5
"""Lower end of the axis, since NSE of a class has no lower limit."""

_COLUMNS = ("flux", "group", "towers", "NSE", "NSE_low", "NSE_high")
_ALL = "all"
_LABEL = 0.055
"""Height of a name, in units of NSE."""
_CLASS: dict[str, Any] = {"color": "#8C8C8C", "linewidth": 0.6, "zorder": 1}


@styled()
def learning_curve_figure(summary: pd.DataFrame) -> Figure:
    """Draw the mean NSE over draws by number of training towers, one panel per flux.

    Args:
        summary: Result of :func:`uflux_kedro.uncertainty.learning_curve.summarise_curve`.

    Returns:
        The figure: the thick line is of all towers, the band holds 5 to 95 % of the draws, grey
        lines are IGBP classes. An empty summary gives a sentence instead.

    Raises:
        InputError: If a flux is unknown or a column is missing.
    """
    require_columns(summary, _COLUMNS, "learning curve")
    if summary.empty:
        figure = Figure(figsize=(PAGE_WIDTH, 0.6))
        figure.text(0.5, 0.5, "no flux has enough towers for a learning curve", ha="center")
        return figure
    fluxes = ordered_fluxes(summary["flux"], "learning curve")
    figure = Figure(figsize=(PAGE_WIDTH, 2.7), layout="constrained")
    axes = figure.subplots(1, len(fluxes), sharey=True, squeeze=False)[0]
    for axis, flux in zip(axes, fluxes, strict=True):
        _draw(axis, summary[summary["flux"] == flux], FLUX_COLOURS[flux])
        axis.set_title(flux)
    axes[0].set(ylabel="NSE at towers kept aside", ylim=(LOWEST_NSE, 1.0))
    figure.supxlabel("training towers", fontsize="medium")
    return figure


def _draw(axis: Axes, summary: pd.DataFrame, colour: str) -> None:
    for group, rows in summary.sort_values("towers").groupby("group", sort=False):
        if group == _ALL:
            axis.fill_between(
                rows["towers"], rows["NSE_low"], rows["NSE_high"], color=colour, alpha=0.25, lw=0
            )
            axis.plot(rows["towers"], rows["NSE"], color=colour, linewidth=2, marker="o", ms=3)
        else:
            axis.plot(rows["towers"], rows["NSE"], **_CLASS)
    _name_classes(axis, summary[summary["group"] != _ALL])
    towers = np.sort(summary["towers"].unique())
    axis.set_xscale("log")
    axis.set_xlim(towers[0] / 1.15, towers[-1] * 1.8)
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.grid(axis="y")


def _name_classes(axis: Axes, summary: pd.DataFrame) -> None:
    """Write the name of each class at the end of its line, names apart from each other."""
    ends = summary.sort_values("towers").groupby("group").last()
    ends = ends[ends["NSE"] > LOWEST_NSE].sort_values("NSE")
    for (group, end), height in zip(ends.iterrows(), _apart(ends["NSE"], _LABEL, 1.0), strict=True):
        axis.annotate(
            str(group),
            (end["towers"], height),
            xytext=(2, 0),
            textcoords="offset points",
            fontsize=5,
            color="#595959",
            va="center",
        )


def _apart(values: pd.Series, gap: float, highest: float) -> NDArray[np.float64]:
    """Move ascending values upwards until they are ``gap`` apart, then down below ``highest``."""
    steps = gap * np.arange(len(values))
    up = np.maximum.accumulate(values.to_numpy(float) - steps) + steps
    return np.minimum(up, highest - steps[::-1])
