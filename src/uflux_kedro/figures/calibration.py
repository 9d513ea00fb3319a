"""Calibration of intervals: coverage of unseen towers against the nominal level, and by class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from uflux_kedro.errors import require_columns
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.style import FLUX_COLOURS, PAGE_WIDTH, styled

_COLUMNS = ("group", "towers", "nominal", "coverage", "low", "high")
_ALL = "all"
_WHERE = "coverage curves"


@styled()
def calibration_figure(curves: Mapping[str, pd.DataFrame], level: float) -> Figure:
    """Draw coverage against nominal levels, and by class at one level, a column of panels per flux.

    Args:
        curves: Flux -> result of :func:`uflux_kedro.uncertainty.coverage.coverage_curves`.
        level: Level of the lower panels.

    Returns:
        The figure: above, the thick line and its band are of all towers, grey lines of IGBP
        classes; below, dots and bars are the coverage of classes and its band.

    Raises:
        InputError: If a flux is unknown or a column is missing.
    """
    fluxes = ordered_fluxes(curves, _WHERE)
    for flux in fluxes:
        require_columns(curves[flux], _COLUMNS, f"{_WHERE} of {flux}")
    groups = _groups(curves, fluxes)
    figure = Figure(figsize=(PAGE_WIDTH, 2.6 + 0.17 * len(groups)), layout="constrained")
    rows = figure.subplots(
        2, len(fluxes), sharey="row", squeeze=False, height_ratios=[1.9, 0.2 + 0.17 * len(groups)]
    )
    for above, below, flux in zip(*rows, fluxes, strict=True):
        draw_curves(above, curves[flux], FLUX_COLOURS[flux])
        above.set_title(flux)
        draw_classes(below, curves[flux], groups, level, FLUX_COLOURS[flux])
    rows[0][0].set_ylabel("share of values inside")
    rows[0][len(fluxes) // 2].set_xlabel("nominal level")
    rows[1][len(fluxes) // 2].set_xlabel(f"share inside the intervals of {level:.0%}")
    return figure


def draw_curves(axis: Axes, curves: pd.DataFrame, colour: str) -> None:
    """Draw the coverage of all towers with its band, that of classes in grey, and the 1:1 line."""
    for group, rows in curves.groupby("group", sort=False):
        if group == _ALL:
            axis.fill_between(
                rows["nominal"], rows["low"], rows["high"], color=colour, alpha=0.25, linewidth=0
            )
            axis.plot(rows["nominal"], rows["coverage"], color=colour, linewidth=2, zorder=3)
        else:
            axis.plot(rows["nominal"], rows["coverage"], color="#8C8C8C", linewidth=0.6, zorder=1)
    ends = [curves["nominal"].min(), 1.0]
    axis.plot(ends, ends, color="#262626", linewidth=0.7, linestyle="--", zorder=2)
    axis.set(xlim=ends, ylim=(0.2, 1.0))
    axis.set_aspect("auto")
    axis.grid(axis="y")


def draw_classes(
    axis: Axes, curves: pd.DataFrame, groups: list[str], level: float, colour: str
) -> None:
    """Draw the coverage of each class at one level, with its band; a line marks the level."""
    at_level = curves[np.isclose(curves["nominal"], level)].set_index("group")
    shown = at_level.reindex(groups)
    place = np.arange(len(groups))
    axis.hlines(place, shown["low"], shown["high"], color=colour, linewidth=1, alpha=0.6)
    axis.scatter(shown["coverage"], place, s=10, color=colour, zorder=3)
    axis.axvline(level, color="#262626", linewidth=0.7, linestyle="--", zorder=0)
    axis.set(xlim=(0.4, 1.02), yticks=place, yticklabels=groups, ylim=(len(groups) - 0.5, -0.5))


def _groups(curves: Mapping[str, pd.DataFrame], fluxes: list[str]) -> list[str]:
    """Return all towers first, then the classes of any flux, those of most towers first."""
    towers = pd.concat([curves[flux] for flux in fluxes]).groupby("group")["towers"].max()
    classes = towers.drop(_ALL, errors="ignore").sort_values(ascending=False, kind="stable")
    return [_ALL, *map(str, classes.index)]
