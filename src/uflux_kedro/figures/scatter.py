"""Tower against model: density of all held-out rows, one panel per flux."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator, StrMethodFormatter

from uflux_kedro.figures.inputs import held_out_pairs, ordered_fluxes
from uflux_kedro.figures.labels import MINUS, RECORDS, axis_label, number
from uflux_kedro.figures.style import DENSITY_COLOURS, PAGE_WIDTH, styled
from uflux_kedro.validation.metrics import score

_OLS: dict[str, Any] = {"color": "#D55E00", "linewidth": 1.3}
IDENTITY: dict[str, Any] = {"color": "#262626", "linewidth": 0.8, "linestyle": (0, (4, 3))}
"""Style of the 1:1 line."""


@styled()
def scatter_figure(predictions: Mapping[str, pd.DataFrame], resolution: str = "MM") -> Figure:
    """Draw tower (x) against model (y), coloured by the number of rows in each hexagon.

    Every row is counted, without sampling. All panels share one logarithmic colour scale.

    Args:
        predictions: Flux -> held-out predictions: ``site_id``, ``time``, ``truth``,
            ``prediction`` in the flux's unit. Rows without truth or prediction are left out.
        resolution: Resolution of the rows, as FLUXNET writes it: ``MM``, ``DD``, ...

    Returns:
        The figure.

    Raises:
        InputError: If a flux is unknown, a column is missing, or a flux has no row.
    """
    fluxes = ordered_fluxes(predictions, "predictions")
    columns = min(3, len(fluxes) + 1)
    rows = -(-(len(fluxes) + 1) // columns)
    figure = Figure(figsize=(PAGE_WIDTH * columns / 3, 2.55 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()

    hexagons, said = [], []
    for axis, flux in zip(axes, fluxes, strict=False):
        pairs = held_out_pairs(predictions[flux], f"predictions of {flux}")
        x, y = pairs["truth"].to_numpy(float), pairs["prediction"].to_numpy(float)
        hexagons.append(draw_density(axis, x, y))
        axis.set(title=flux, xlabel=axis_label(flux, "tower"), ylabel=axis_label(flux, "model"))
        axis.set_title(
            f"n = {len(pairs):,}, {pairs['site_id'].nunique()} towers",
            loc="right",
            size=6.5,
            weight="normal",
        )
        said.append(f"{flux}: {fit_text(x, y)}".replace("\n", ", "))
        axis.text(
            0.04,
            0.97,
            fit_text(x, y),
            transform=axis.transAxes,
            va="top",
            size=6.5,
            linespacing=1.35,
        )

    for axis in axes[len(fluxes) :]:
        axis.set_axis_off()
    _draw_key(figure, axes[len(fluxes)], hexagons, RECORDS[resolution])
    figure.set_label("Tower (x) against model (y). " + "; ".join(said))
    return figure


def draw_density(axis: Axes, x: np.ndarray, y: np.ndarray) -> PolyCollection:
    """Draw hexagons, 1:1 line and OLS line into square axes with equal limits.

    Args:
        axis: Axes to draw into.
        x: Truth, shape (n,).
        y: Prediction, shape (n,).

    Returns:
        The hexagons; their array is the number of rows in each.
    """
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    margin = 0.04 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    hexagons = axis.hexbin(
        x,
        y,
        gridsize=50,
        extent=(*limits, *limits),
        mincnt=1,
        norm=LogNorm(1, 10),
        cmap=DENSITY_COLOURS,
        linewidths=0.15,
    )
    counts = np.asarray(hexagons.get_array(), dtype=float)
    hexagons.set_clim(1, max(10.0, counts.max()))
    axis.plot(limits, limits, label="1:1", **IDENTITY)
    fit = score(x, y)
    ends = np.array([x.min(), x.max()])
    axis.plot(ends, fit["intercept"] + fit["slope"] * ends, label="OLS", **_OLS)
    axis.set(xlim=limits, ylim=limits, aspect="equal", adjustable="box")
    axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.yaxis.set_major_locator(MaxNLocator(5))
    return hexagons


def fit_text(x: np.ndarray, y: np.ndarray) -> str:
    """Return ``r²`` (Pearson's r, squared) and the OLS line of ``y`` on ``x`` as text."""
    fit = score(x, y)
    if np.isnan(fit["r2"]):
        return "r² undefined: no variation"
    return equation_text(fit["r2"], fit["slope"], fit["intercept"])


def equation_text(r2: float, slope: float, intercept: float) -> str:
    """Return ``r²`` and the equation of a line as two lines of text."""
    sign = MINUS if intercept < 0 else "+"
    return f"r² = {number(r2)}\ny = {number(slope)} x {sign} {number(abs(intercept))}"


def _draw_key(figure: Figure, axis: Axes, hexagons: list[PolyCollection], records: str) -> None:
    """Draw one colour scale and one legend for all panels into the empty axes."""
    most = max(h.get_clim()[1] for h in hexagons)
    for h in hexagons:
        h.set_clim(1, most)
    bar = figure.colorbar(
        hexagons[0],
        cax=axis.inset_axes((0.08, 0.38, 0.84, 0.06)),
        orientation="horizontal",
        label=f"{records} in a hexagon",
    )
    bar.ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    bar.ax.xaxis.set_minor_locator(NullLocator())
    axis.plot([], [], label="1:1", **IDENTITY)
    axis.plot([], [], label="OLS of model on tower", **_OLS)
    axis.legend(loc="lower left", bbox_to_anchor=(0.03, 0.55))
