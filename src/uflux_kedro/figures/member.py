"""A small figure of one member, for its MLflow run."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from uflux_kedro.figures.inputs import held_out_pairs
from uflux_kedro.figures.labels import MINUS, number, unit_text
from uflux_kedro.figures.scatter import draw_density, fit_text
from uflux_kedro.figures.site_skill import NSE_LABEL, draw_site_nse, site_nse
from uflux_kedro.figures.style import PAGE_WIDTH, styled


@styled()
def member_figure(predictions: pd.DataFrame, name: str, unit: str) -> Figure:
    """Draw scatter, residuals by calendar month and NSE by site of one member.

    Args:
        predictions: Held-out predictions: ``site_id``, ``time``, ``truth``, ``prediction``.
        name: Name of the member, used as the title.
        unit: Canonical unit of the flux, such as ``gC m-2 d-1``.

    Returns:
        The figure.

    Raises:
        InputError: If a column is missing or no row has truth and prediction.
    """
    pairs = held_out_pairs(predictions, f"predictions of {name}")
    x, y = pairs["truth"].to_numpy(float), pairs["prediction"].to_numpy(float)
    unit = unit_text(unit)
    # Fixed margins: a layout engine would double the time of this figure, drawn for each member.
    figure = Figure(
        figsize=(PAGE_WIDTH, 2.5),
        dpi=120,
    )
    scatter, season, sites = figure.subplots(1, 3)
    figure.subplots_adjust(left=0.075, right=0.985, bottom=0.2, top=0.8, wspace=0.38)
    figure.suptitle(name, x=0.015, ha="left", size=9, weight="bold")

    draw_density(scatter, x, y)
    scatter.set(xlabel=f"tower ({unit})", ylabel=f"model ({unit})")
    scatter.set_title(fit_text(x, y).replace("\n", ", "), size=6.5, weight="normal")
    _draw_residuals(season, pairs["time"].dt.month.to_numpy(), y - x)
    season.set(xlabel="month", ylabel=f"model {MINUS} tower ({unit})")
    nse = site_nse(pairs)
    if nse.size:
        draw_site_nse(sites, nse, 0.0, "#0072B2")
        sites.set_title(
            f"{nse.size} towers, median {number(float(np.median(nse)))}", size=6.5, weight="normal"
        )
    sites.set(xlabel=NSE_LABEL, yticks=[], ylim=(-0.6, 0.6))
    return figure


def _draw_residuals(axis: Axes, month: np.ndarray, residual: np.ndarray) -> None:
    """Draw the quartiles of the residual in each calendar month."""
    present = np.unique(month)
    quartiles = np.array([np.percentile(residual[month == m], (25, 50, 75)) for m in present])
    axis.axhline(0, color="#BBBBBB", linewidth=0.6, zorder=0)
    axis.vlines(present, quartiles[:, 0], quartiles[:, 2], color="#56B4E9", linewidth=4)
    axis.scatter(present, quartiles[:, 1], s=9, color="#262626", zorder=3)
    axis.set_title("residual by month: median and quartiles", size=6.5, weight="normal")
    axis.set(xticks=[1, 4, 7, 10], xlim=(0.2, 12.8))
