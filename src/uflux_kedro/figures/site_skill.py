"""Skill of every site, as the distribution of NSE by flux."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from uflux_kedro.figures.inputs import held_out_pairs, ordered_fluxes
from uflux_kedro.figures.labels import number
from uflux_kedro.figures.style import FLUX_COLOURS, PAGE_WIDTH, styled
from uflux_kedro.validation.metrics import LEAST_SCORED, score_by_site

LOWEST_NSE = -1.0
"""Sites below this NSE are drawn here, as triangles, since NSE has no lower limit."""

NSE_LABEL = f"NSE of a tower; ◂ below {number(LOWEST_NSE, 0)}"


def site_nse(predictions: pd.DataFrame) -> np.ndarray:
    """Return the Nash-Sutcliffe efficiency of each site with ten values or more that vary.

    The score of fewer values is chance.

    Args:
        predictions: ``site_id``, ``time``, ``truth``, ``prediction``.

    Returns:
        One value per site, ordered by ``site_id``.

    Raises:
        InputError: If a column is missing or no row has truth and prediction.
    """
    pairs = held_out_pairs(predictions, "predictions")
    scores = score_by_site(pairs)
    return scores["NSE"][scores["n"] >= LEAST_SCORED].dropna().to_numpy(float)


@styled()
def site_skill_figure(predictions: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the NSE of every site, one row of dots and one box per flux.

    Args:
        predictions: Flux -> held-out predictions.

    Returns:
        The figure.

    Raises:
        InputError: If a flux is unknown, a column is missing or a flux has no row.
    """
    fluxes = ordered_fluxes(predictions, "predictions")
    figure = Figure(figsize=(PAGE_WIDTH, 0.55 * len(fluxes) + 0.6), layout="constrained")
    axis = figure.subplots()
    labels, said = [], []
    for row, flux in enumerate(fluxes):
        nse = site_nse(predictions[flux])
        draw_site_nse(axis, nse, row, FLUX_COLOURS[flux])
        labels.append(f"{flux}\n{nse.size} towers")
        if nse.size:
            said.append(
                f"{flux} {number(np.median(nse))} at {nse.size} towers, {(nse < 0).sum()} of them below 0"
            )
    axis.set(
        yticks=range(len(fluxes)),
        yticklabels=labels,
        ylim=(len(fluxes) - 0.45, -0.55),
        xlabel=NSE_LABEL,
    )
    figure.set_label("Median NSE of a tower: " + "; ".join(said))
    return figure


def draw_site_nse(axis: Axes, nse: np.ndarray, row: float, colour: str) -> None:
    """Draw dots with seeded jitter, and a box of median and quartiles.

    Whiskers extend from the 5th to the 95th percentile.

    Args:
        axis: Axes to draw into; x is NSE.
        nse: One value per site.
        row: Vertical position of the dots.
        colour: Colour of the dots.
    """
    jitter = np.random.default_rng(0).uniform(-0.22, 0.22, nse.size)
    low = nse < LOWEST_NSE
    axis.scatter(
        nse[~low], row + jitter[~low], s=7, color=colour, alpha=0.6, linewidths=0, zorder=3
    )
    axis.scatter(
        np.full(low.sum(), LOWEST_NSE), row + jitter[low], s=9, color=colour, marker="<", zorder=3
    )
    axis.boxplot(
        np.maximum(nse, LOWEST_NSE),
        orientation="horizontal",
        positions=[row],
        widths=0.62,
        whis=(5, 95),
        showfliers=False,
        manage_ticks=False,
        boxprops={"color": "#4D4D4D", "linewidth": 0.7},
        whiskerprops={"color": "#4D4D4D", "linewidth": 0.7},
        capprops={"color": "#4D4D4D", "linewidth": 0.7},
        medianprops={"color": "#262626", "linewidth": 1.6},
        zorder=2,
    )
    axis.axvline(0, color="#BBBBBB", linewidth=0.6, zorder=0)
    axis.set_xlim(LOWEST_NSE - 0.04, 1.02)
