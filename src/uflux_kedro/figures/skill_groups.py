"""Skill by part of the signal, IGBP class and climate, with intervals over towers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from uflux_kedro.errors import require_columns
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import MINUS, number
from uflux_kedro.figures.site_skill import LOWEST_NSE
from uflux_kedro.figures.style import FLUX_COLOURS, PAGE_WIDTH, styled
from uflux_kedro.validation.metrics import LEAST_SCORED
from uflux_kedro.validation.skill_groups import INTERVAL_COLUMNS, KINDS

_RIGHT = 1.45
"""Place of the numbers of towers, right of the highest NSE."""

_FEW = "#9A9A9A"
_TITLES = {"part": "part of the signal", "IGBP": "IGBP class", "climate": "climate"}


@styled()
def skill_groups_figure(table: pd.DataFrame) -> Figure:
    """Draw the NSE of each group as a dot with its interval, a column of panels per flux.

    Args:
        table: Result of :func:`uflux_kedro.validation.skill_groups.skill_intervals`.

    Returns:
        The figure: coloured dots are of ten towers or more, hollow grey ones of fewer; triangles
        are groups below the axis. The number at the right is that of towers.

    Raises:
        InputError: If a flux is unknown or a column is missing.
    """
    require_columns(table, INTERVAL_COLUMNS, "skill by group")
    fluxes = ordered_fluxes(table["flux"], "skill by group")
    groups = {kind: _groups(table[table["kind"] == kind], kind) for kind in KINDS}
    groups = {kind: names for kind, names in groups.items() if names}
    heights = [len(names) + 0.6 for names in groups.values()]
    figure = Figure(
        figsize=(PAGE_WIDTH, 0.165 * sum(heights) + 0.25 * len(groups) + 0.5), layout="constrained"
    )
    axes = figure.subplots(
        len(groups), len(fluxes), squeeze=False, sharex=True, sharey="row", height_ratios=heights
    )
    for row, (kind, names) in zip(axes, groups.items(), strict=True):
        for axis, flux in zip(row, fluxes, strict=True):
            of_panel = table[(table["kind"] == kind) & (table["flux"] == flux)].set_index("group")
            _draw(axis, of_panel.reindex(names), FLUX_COLOURS[flux])
        row[0].set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.4, -0.6))
        row[0].set_ylabel(f"by {_TITLES[kind]}", size=7)
    for axis, flux in zip(axes[0], fluxes, strict=True):
        axis.set_title(flux)
    figure.supxlabel(f"NSE; ◂ below {number(LOWEST_NSE, 0)}; at the right: towers", size=8)
    figure.set_label(_said(table, fluxes))
    return figure


def _groups(table: pd.DataFrame, kind: str) -> list[str]:
    """Return parts in their order, other groups by their number of towers."""
    if kind == "part":
        return list(table["group"].drop_duplicates())
    towers = table.groupby("group")["sites"].max()
    return list(towers.sort_values(ascending=False, kind="stable").index)


def _draw(axis: Axes, table: pd.DataFrame, colour: str) -> None:
    place = np.arange(len(table))
    sites, nse = table["sites"].to_numpy(float), table["NSE"].to_numpy(float)
    low = table["low"].to_numpy(float).clip(LOWEST_NSE, 1)
    high = table["high"].to_numpy(float).clip(LOWEST_NSE, 1)
    for many in (True, False):
        of_kind = (sites >= LEAST_SCORED) == many
        colours: dict[str, Any] = (
            {"color": colour} if many else {"facecolors": "white", "edgecolors": _FEW}
        )
        line = of_kind & np.isfinite(nse)
        axis.hlines(place[line], low[line], high[line], color=colour if many else _FEW, linewidth=1.0, alpha=0.7)  # fmt: skip
        inside, below = line & (nse >= LOWEST_NSE), line & (nse < LOWEST_NSE)
        axis.scatter(nse[inside], place[inside], s=13, linewidths=0.8, zorder=3, **colours)
        axis.scatter(np.full(below.sum(), LOWEST_NSE), place[below], s=14, marker="<", linewidths=0.8, zorder=3, clip_on=False, **colours)  # fmt: skip
    for at, count in enumerate(sites):
        if np.isfinite(count):
            # Inside the axes, so that the layout need not measure each.
            text = axis.text(_RIGHT, at, f"{count:.0f}", size=5, va="center", ha="right", color="#595959")  # fmt: skip
            text.set_in_layout(False)
    axis.axvline(0, color="#BBBBBB", linewidth=0.6, zorder=0)
    axis.grid(axis="y")
    axis.set(
        xlim=(LOWEST_NSE - 0.05, _RIGHT + 0.03),
        xticks=[-1, 0, 1],
        xticklabels=[f"{MINUS}1", "0", "1"],
    )


def _said(table: pd.DataFrame, fluxes: list[str]) -> str:
    """Return the NSE of the parts of each flux as text."""
    parts = table[(table["kind"] == "part") & (table["sites"] >= LEAST_SCORED)].dropna(subset="NSE")
    said = [
        f"{flux}: "
        + ", ".join(
            f"{row.group} {number(row.NSE)}" for row in parts[parts["flux"] == flux].itertuples()
        )
        for flux in fluxes
        if (parts["flux"] == flux).any()
    ]
    return "NSE by part of the signal, IGBP class and climate. " + "; ".join(said)
