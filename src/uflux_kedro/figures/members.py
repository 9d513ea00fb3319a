"""The leaderboard as a figure: the colour of a dot is R2, its area MRAE."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from uflux_kedro.errors import InputError, require_columns
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.style import PAGE_WIDTH, SKILL_COLOURS, styled
from uflux_kedro.validation.metrics import LEAST_SCORED

LARGEST_AREA = 300.0
"""Area of the dot with the highest MRAE, in points squared."""

_NEEDED = ("predictor_set", "flux", "model", "sites", "n", "r2", "MRAE")
_ROW_HEIGHT = 0.36


def dot_area(mrae: np.ndarray | float, highest: float) -> np.ndarray:
    """Return the area of dots, proportional to MRAE, for the figure and its legend.

    Args:
        mrae: MAE / mean(abs(truth)), not negative.
        highest: MRAE with the area :data:`LARGEST_AREA`.

    Returns:
        Areas in points squared, with the shape of ``mrae``.
    """
    return LARGEST_AREA * np.asarray(mrae, dtype=float) / highest


@styled()
def leaderboard_figure(leaderboard: pd.DataFrame) -> Figure:
    """Draw one dot per member, with R2 and MRAE as numbers beside it.

    Rows are predictor sets, the one with the highest mean ``r2`` first; columns are fluxes.

    Args:
        leaderboard: Pooled skill of one validation scheme, one row per member, with
            ``predictor_set``, ``flux``, ``model``, ``sites``, ``n``, ``r2`` and ``MRAE``. Members
            with a score of too few towers or rows
            (:data:`~uflux_kedro.validation.metrics.LEAST_SCORED`) are white.

    Returns:
        The figure.

    Raises:
        InputError: If a column is missing, a flux is unknown, a member appears twice (for
            example under two schemes), or no member has a score.
    """
    require_columns(leaderboard, _NEEDED, "leaderboard")
    fluxes = ordered_fluxes(leaderboard["flux"], "leaderboard")
    duplicate = leaderboard.duplicated(["predictor_set", "flux", "model"])
    if duplicate.any():
        row = leaderboard[duplicate].iloc[0]
        raise InputError(
            "leaderboard",
            f"{row['predictor_set']}.{row['flux']}.{row['model']}",
            expected="one row per member",
            found="more than one",
            hint="Keep the rows of one validation scheme",
        )

    names = leaderboard["predictor_set"].astype(str)
    if len(leaderboard["model"].unique()) > 1:
        names = names + " · " + leaderboard["model"].astype(str)
    rows = list(leaderboard["r2"].groupby(names).mean().sort_values(ascending=False).index)
    scored = leaderboard.assign(
        x=leaderboard["flux"].map(fluxes.index), y=names.map(rows.index)
    ).dropna(subset=["r2", "MRAE"])

    if scored.empty:
        raise InputError(
            "leaderboard", "r2, MRAE", expected="at least one member with both", found="none"
        )
    figure = Figure(figsize=(PAGE_WIDTH, _ROW_HEIGHT * len(rows) + 1.35), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=(_ROW_HEIGHT * len(rows) + 0.3, 0.75))
    axis = figure.add_subplot(grid[0, :])
    highest = float(scored["MRAE"].max()) or 1.0
    _draw_dots(axis, scored, highest)
    axis.set(
        xlim=(-0.4, len(fluxes) - 0.25),
        ylim=(len(rows) - 0.5, -0.5),
        yticks=range(len(rows)),
        yticklabels=rows,
        xticks=range(len(fluxes)),
    )
    axis.set_xticklabels(fluxes, weight="bold", size=9)
    axis.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    axis.spines[:].set_visible(False)
    axis.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axis.grid(axis="y", which="minor")
    axis.tick_params(which="minor", length=0)

    colours, sizes = (figure.add_subplot(grid[1, column]) for column in (0, 1))
    figure.colorbar(
        SKILL_COLOURS,
        cax=colours.inset_axes((0.05, 0.5, 0.8, 0.16)),
        orientation="horizontal",
        label="colour, upper number: R² (Pearson's r, squared)",
    )
    colours.set_axis_off()
    _draw_size_legend(sizes.inset_axes((0.05, 0.24, 0.9, 0.72)), highest)
    sizes.set_axis_off()
    return figure


def _draw_dots(axis: Axes, scored: pd.DataFrame, highest: float) -> None:
    axis.scatter(
        scored["x"],
        scored["y"],
        s=dot_area(scored["MRAE"].to_numpy(), highest),
        c=_colours(scored),
        edgecolors="#4D4D4D",
        linewidths=0.4,
    )
    for member in scored.itertuples():
        axis.text(member.x + 0.22, member.y - 0.03, f"{member.r2:.2f}", va="bottom", size=7)
        axis.text(
            member.x + 0.22,
            member.y + 0.05,
            f"{member.MRAE:.2f}",
            va="top",
            size=6,
            color="#666666",
        )


def _colours(scored: pd.DataFrame) -> np.ndarray:
    """Return the colours (n, 4) of members; scores of too few towers or rows have none."""
    colours = SKILL_COLOURS.to_rgba(scored["r2"].to_numpy(float))
    colours[(scored[["sites", "n"]] < LEAST_SCORED).any(axis=1).to_numpy()] = to_rgba("white")
    return colours


def _draw_size_legend(axis: Axes, highest: float) -> None:
    values = highest * np.array([0.25, 0.5, 1.0])
    x = np.array([0.12, 0.4, 0.7])
    axis.scatter(
        x,
        np.zeros(3),
        s=dot_area(values, highest),
        c="#BBBBBB",
        edgecolors="#4D4D4D",
        linewidths=0.4,
    )
    for position, value in zip(x, values, strict=True):
        axis.text(position + 0.075, 0, f"{value:.2f}", va="center", size=7)
    axis.set(
        xlim=(0, 1),
        ylim=(-1, 1),
        xticks=[],
        yticks=[],
        xlabel="area, lower number: MRAE = MAE / mean |tower|",
    )
    axis.spines[:].set_visible(False)
