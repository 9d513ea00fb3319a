"""Which measure foretells the error at unseen towers: rank correlations and sparsification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from uflux_kedro.errors import InputError, require_columns
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.style import PAGE_WIDTH, styled

MEASURE_COLOURS = {
    "completeness": "#009E73",
    "dissimilarity": "#E69F00",
    "density": "#56B4E9",
    "spread": "#CC79A7",
    "sigma": "#0072B2",
}
"""Measure -> colour; the colours can be distinguished with any colour vision."""

MEASURE_NAMES = {"density": "point density", "spread": "ensemble spread", "sigma": "learnt spread"}
"""Measure -> its name as text, where it differs."""


@styled()
def ranking_figure(
    rankings: Mapping[str, pd.DataFrame], curves: Mapping[str, pd.DataFrame]
) -> Figure:
    """Draw rank correlations by tower, and the sparsification curves of each flux below.

    Args:
        rankings: Flux -> result of :func:`~uflux_kedro.uncertainty.rank_measures`.
        curves: Flux -> result of :func:`~uflux_kedro.uncertainty.sparsification`.

    Returns:
        The figure; whiskers are the intervals over towers.

    Raises:
        InputError: If a flux is unknown or has no curve, or a column is missing.
    """
    fluxes = ordered_fluxes(rankings, "rankings")
    for flux in fluxes:
        require_columns(rankings[flux], ("by_tower", "by_tower_low", "by_tower_high"), flux)
        if flux not in curves:
            raise InputError(
                "sparsification curves", flux, expected="a curve of that flux", found="none"
            )
        require_columns(curves[flux], ("error", *rankings[flux].index), flux)
    figure = Figure(figsize=(PAGE_WIDTH, 4.4), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=(1, 1.05))
    top, bottom = parts
    axis = top.subplots()
    measures = [m for m in MEASURE_COLOURS if any(m in rankings[f].index for f in fluxes)]
    width = 0.8 / max(len(measures), 1)
    for i, measure in enumerate(measures):
        shown = [rankings[f].reindex([measure]).iloc[0] for f in fluxes]
        value, low, high = (
            np.array([row[name] for row in shown], dtype=float)
            for name in ("by_tower", "by_tower_low", "by_tower_high")
        )
        place = np.arange(len(fluxes)) + (i - (len(measures) - 1) / 2) * width
        colour = MEASURE_COLOURS[measure]
        axis.bar(place, value, width, color=colour, label=MEASURE_NAMES.get(measure, measure))
        axis.vlines(place, low, high, color="#262626", linewidth=0.8)
    axis.axhline(0, color="#262626", linewidth=0.6)
    axis.set(
        xticks=range(len(fluxes)), xticklabels=fluxes, ylabel="rank correlation\nwith the error"
    )
    top.legend(loc="outside upper center", ncols=len(measures) or 1)
    panels = np.atleast_1d(bottom.subplots(1, len(fluxes), sharey=True))
    for panel, flux in zip(panels, fluxes, strict=True):
        for measure in rankings[flux].index:
            panel.plot(curves[flux].index, curves[flux][measure], color=MEASURE_COLOURS[measure])
        panel.plot(curves[flux].index, curves[flux]["error"], color="#262626", linestyle="--")
        panel.axhline(1, color="#BBBBBB", linewidth=0.6, zorder=0)
        panel.set_title(flux)
        panel.set(xlim=(0, 1), ylim=(0, None))
    panels[0].set_ylabel("mean error of the rest\n(dashed: the best order)")
    bottom.supxlabel("share of rows taken away, the most doubtful first", size=8)
    return figure
