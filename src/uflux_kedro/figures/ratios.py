"""Figure 9: water-use efficiency and energy-balance ratio, tower against model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator, StrMethodFormatter

from uflux_kedro.explanation.ratios import (
    LEAST_ENERGY,
    LEAST_WATER,
    NO_LINE,
    Line,
    ratio_by_period,
    ratio_by_tower,
    reduced_major_axis,
)
from uflux_kedro.figures.labels import RECORDS, number
from uflux_kedro.figures.scatter import IDENTITY, equation_text
from uflux_kedro.figures.style import DENSITY_COLOURS, PAGE_WIDTH, styled

WATER_UNIT = "gC kg⁻¹"

_AXIS: dict[str, Any] = {"color": "#D55E00", "linewidth": 1.3}
_DOT: dict[str, Any] = {"s": 12, "color": "#0072B2", "alpha": 0.65, "linewidths": 0}
_PAPER: dict[str, Any] = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.5}
_STEEPEST = 0.1
"""Standard deviation of towers, as a share of the model's, below which there is no line."""
_SHARE_SHOWN = 0.99
"""Share of the values of either side inside the axes, since ratios have long tails."""


@dataclass(frozen=True)
class Ratio:
    """What one row of panels shows.

    Attributes:
        title: Name of the ratio.
        label: Name and unit, for axes.
        least: Smallest denominator.
        rows: As of :func:`uflux_kedro.explanation.ratios.water_use_rows`; None if there is none.
        absent: What to provide where there is none.
    """

    title: str
    label: str
    least: float
    rows: pd.DataFrame | None
    absent: str = ""


def water_use(rows: pd.DataFrame | None) -> Ratio:
    """Return what the panels of water-use efficiency show."""
    return Ratio(
        "Water-use efficiency", f"GPP / ET ({WATER_UNIT})", LEAST_WATER, rows,
        "Water-use efficiency needs members of GPP and LE, and an air temperature of towers or a source.",
    )  # fmt: skip


def energy_balance(rows: pd.DataFrame | None, source: str = "") -> Ratio:
    """Return what the panels of the energy-balance ratio show.

    Args:
        rows: As of :func:`uflux_kedro.explanation.ratios.energy_rows`.
        source: What the available energy is.
    """
    return Ratio(
        "Energy-balance ratio", f"(H + LE) / available energy\n[{source}]", LEAST_ENERGY, rows,
        "The energy-balance ratio needs members of H and LE, and net radiation of the towers\n"
        "(NETRAD), or short- and longwave radiation and temperature of one source.",
    )  # fmt: skip


@styled()
def ratios_figure(water: Ratio, energy: Ratio, resolution: str = "MM") -> Figure:
    """Draw both ratios, tower (x) against model (y): by tower on the left, by period on the right.

    Args:
        water: Water-use efficiency.
        energy: Energy-balance ratio.
        resolution: Resolution of the rows, as FLUXNET writes it.

    Returns:
        The figure: dashed lines are 1:1, solid ones reduced major axes, whose slopes have 95 %
        intervals over towers. A ratio without values is a sentence.
    """
    figure = Figure(figsize=(PAGE_WIDTH, 6.6), layout="constrained")
    axes = figure.subplots(2, 2)
    said = []
    for (left, right), ratio, place in zip(axes, (water, energy), "ac", strict=True):
        if ratio.rows is None or ratio.rows.empty:
            _say(left, right, ratio)
            continue
        towers = ratio_by_tower(ratio.rows, ratio.least)
        periods = ratio_by_period(ratio.rows, ratio.least)
        said += [_draw(left, f"{place}  {ratio.title}", ratio, towers, "towers")]
        _draw(right, f"{chr(ord(place) + 1)}  by {_PERIODS[resolution]}", ratio, periods, RECORDS[resolution])  # fmt: skip
    figure.set_label(". ".join(said))
    return figure


_PERIODS = {"HH": "half-hour", "DD": "day", "WW": "week", "MM": "month", "YY": "year"}


def _draw(axis: Axes, title: str, ratio: Ratio, rows: pd.DataFrame, counted: str) -> str:
    """Draw dots of towers or hexagons of periods with both lines; return what is seen."""
    axis.set_title(title)
    towers = rows["site_id"].nunique()
    count = f"{len(rows):,} {counted}"
    if counted != "towers":
        count += f", {towers} towers"
    axis.set_title(f"n = {count}", loc="right", size=6.5, weight="normal")
    if rows.empty:
        axis.set_axis_off()
        axis.text(0.5, 0.5, "no ratio with enough values", ha="center", size=7)
        return f"{ratio.title}: no {counted} with enough values"
    x, y = rows["truth"].to_numpy(float), rows["prediction"].to_numpy(float)
    low, high = _limits(x, y, 1.0 if counted == "towers" else _SHARE_SHOWN)
    if counted == "towers":
        axis.scatter(x, y, zorder=3, **_DOT)
    else:
        hexagons = axis.hexbin(
            x, y, gridsize=45, extent=(low, high, low, high), mincnt=1, norm=LogNorm(1, 10),
            cmap=DENSITY_COLOURS, linewidths=0.15,
        )  # fmt: skip
        hexagons.set_clim(1, max(10.0, float(np.asarray(hexagons.get_array(), dtype=float).max())))
        bar = axis.figure.colorbar(hexagons, ax=axis, shrink=0.75, aspect=28, pad=0.02)
        bar.set_label(f"{counted} in a hexagon", size=7)
        bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        bar.ax.yaxis.set_minor_locator(NullLocator())
    axis.plot((low, high), (low, high), label="1:1", **IDENTITY)
    alike = float(np.std(x)) < _STEEPEST * float(np.std(y))
    line = NO_LINE if alike else reduced_major_axis(rows)
    if np.isfinite(line.slope) and not _either_sign(line):
        ends = np.array([max(x.min(), low), min(x.max(), high)])
        axis.plot(ends, line.intercept + line.slope * ends, label="reduced major axis", **_AXIS)
    text = _constant_text(x, y) if alike else line_text(line)
    axis.text(0.04, 0.97, text, transform=axis.transAxes, va="top", size=6.5, bbox=_PAPER)
    axis.set(xlim=(low, high), ylim=(low, high), aspect="equal", adjustable="box")
    name, _, source = ratio.label.partition("\n")
    axis.set(xlabel=f"{name}, tower\n{source}".strip(), ylabel=f"{name}, model")
    axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.yaxis.set_major_locator(MaxNLocator(5))
    return f"{ratio.title} of {count}: {text}".replace("\n", ", ")


def _constant_text(x: np.ndarray, y: np.ndarray) -> str:
    """Return means where towers hardly differ, as those do whose fluxes were corrected for closure."""
    return (
        f"towers {number(float(x.mean()))}, all alike: no line\n"
        f"model {number(float(y.mean()))} ± {number(float(y.std()))}"
    )


def _limits(x: np.ndarray, y: np.ndarray, share: float) -> tuple[float, float]:
    ends = [(1 - share) / 2, (1 + share) / 2]
    bounds = np.concatenate([np.quantile(x, ends), np.quantile(y, ends)])
    margin = 0.05 * float(np.ptp(bounds)) or 0.5
    return float(bounds.min()) - margin, float(bounds.max()) + margin


def _either_sign(line: Line) -> bool:
    return bool(line.low < 0 < line.high)


def line_text(line: Line) -> str:
    """Return ``r²``, the reduced major axis and the interval of its slope as text."""
    if np.isnan(line.slope):
        return "too few values for a line"
    if _either_sign(line):
        return f"r² = {number(line.r2)}\nno line: its slope may have either sign"
    interval = ""
    if np.isfinite(line.low):
        interval = f"\n95 % of slopes: {number(line.low)} to {number(line.high)}"
    return f"{equation_text(line.r2, line.slope, line.intercept)}{interval}"


def _say(left: Axes, right: Axes, ratio: Ratio) -> None:
    for axis in (left, right):
        axis.set_axis_off()
    left.text(0.0, 0.5, ratio.absent, transform=left.transAxes, va="center", size=8)
