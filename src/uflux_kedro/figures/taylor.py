"""Taylor diagrams: correlation, standard deviation and centred error of all members at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from uflux_kedro.errors import require_columns
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import MINUS, number
from uflux_kedro.figures.style import FLUX_COLOURS, PAGE_WIDTH, styled
from uflux_kedro.validation.taylor import ENSEMBLE, TAYLOR_COLUMNS

_CORRELATIONS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99)
_RIM: dict[str, Any] = {"color": "#4D4D4D", "linewidth": 0.6}
_ARC: dict[str, Any] = {"color": "#BBBBBB", "linewidth": 0.5}
_ERROR: dict[str, Any] = {"color": "#0072B2", "linewidth": 0.6, "linestyle": (0, (3, 2)), "alpha": 0.7}  # fmt: skip
_MEMBER: dict[str, Any] = {"s": 9, "color": "#6E6E6E", "alpha": 0.75, "linewidths": 0, "zorder": 3}
_BEST: dict[str, Any] = {"s": 34, "facecolors": "none", "edgecolors": "#262626", "linewidths": 1.0, "zorder": 5}  # fmt: skip


@styled()
def taylor_figure(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw one Taylor diagram per flux.

    Args:
        tables: Flux -> result of :func:`uflux_kedro.validation.taylor.taylor_statistics`.

    Returns:
        The figure: angle is the correlation, distance from the origin the standard deviation
        divided by that of the towers, distance from the star the centred error in the same unit.
        A diagram is a half disc where a member has a negative correlation. Members without
        variation are left out.

    Raises:
        InputError: If a flux is unknown or a column is missing.
    """
    fluxes = ordered_fluxes(tables, "Taylor statistics")
    for flux in fluxes:
        require_columns(tables[flux], TAYLOR_COLUMNS, f"Taylor statistics of {flux}")
    columns = min(3, len(fluxes) + 1)
    rows = -(-(len(fluxes) + 1) // columns)
    figure = Figure(figsize=(PAGE_WIDTH * columns / 3, 2.75 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    said = [_draw(axis, tables[flux], flux) for axis, flux in zip(axes, fluxes, strict=False)]
    for axis in axes[len(fluxes) :]:
        axis.set_axis_off()
    _draw_key(axes[len(fluxes)])
    figure.set_label("Taylor diagrams. " + "; ".join(said))
    return figure


def _draw(axis: Axes, table: pd.DataFrame, flux: str) -> str:
    """Draw one diagram; return what is seen."""
    shown = table.dropna(subset=["correlation", "deviation"])
    members = shown[shown["member"] != ENSEMBLE]
    whole = shown[shown["member"] == ENSEMBLE]
    half = bool((shown["correlation"] < 0).any())
    rim = max(1.25, 1.08 * float(shown["deviation"].max()) if len(shown) else 0.0)
    _draw_grid(axis, rim, half)
    axis.scatter(*_place(members), **_MEMBER)
    axis.set_title(flux)
    said = f"{flux}: {len(members)} members"
    if members["NSE"].notna().any():
        best = members.loc[[members["NSE"].idxmax()]]
        axis.scatter(*_place(best), **_BEST)
        axis.set_title(f"best: {best['member'].iloc[0]}", loc="right", size=5.5, weight="normal")
    if len(whole):
        axis.scatter(
            *_place(whole), marker="D", s=30, color=FLUX_COLOURS[flux], edgecolors="white",
            linewidths=0.5, zorder=6,
        )  # fmt: skip
        one = whole.iloc[0]
        said += (
            f", ensemble with correlation {number(one['correlation'])} and standard deviation "
            f"{number(one['deviation'])}"
        )
    return said


def _place(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y: the deviation at the angle whose cosine is the correlation."""
    r, s = table["correlation"].to_numpy(float).clip(-1, 1), table["deviation"].to_numpy(float)
    return s * r, s * np.sqrt(1 - r**2)


def _draw_grid(axis: Axes, rim: float, half: bool) -> None:
    angle = np.linspace(0, np.pi if half else np.pi / 2, 181)
    axis.plot(rim * np.cos(angle), rim * np.sin(angle), **_RIM)
    axis.plot([-rim if half else 0, rim], [0, 0], **_RIM)
    axis.plot([0, 0], [0, rim], **_RIM)
    step = 0.25 if rim < 2 else 0.5
    ticks = np.arange(step, rim, step)
    for radius in ticks:
        style = _ARC | ({"color": "#262626", "linestyle": "--"} if radius == 1 else {})
        axis.plot(radius * np.cos(angle), radius * np.sin(angle), **style)
        axis.text(radius, -0.03 * rim, f"{radius:g}", ha="center", va="top", size=6)
    for value in (*(-c for c in _CORRELATIONS[:0:-1] if half), *_CORRELATIONS):
        x, y = value, np.sqrt(1 - value**2)
        axis.plot([0, rim * x], [0, rim * y], **_ARC)
        axis.text(
            1.03 * rim * x, 1.03 * rim * y, f"{value:g}".replace("-", MINUS), size=6,
            rotation=np.rad2deg(np.arctan2(y, x)) - (180 if value < 0 else 0),
            rotation_mode="anchor", va="center", ha="right" if value < 0 else "left",
        )  # fmt: skip
    circle = np.linspace(0, np.pi, 181)
    for radius in ticks:
        across, up = 1 + radius * np.cos(circle), radius * np.sin(circle)
        inside = (np.hypot(across, up) <= rim) & ((across >= 0) | half)
        axis.plot(np.where(inside, across, np.nan), up, **_ERROR)
    axis.scatter([1], [0], marker="*", s=45, color="#262626", zorder=7, clip_on=False)
    axis.set_axis_off()
    axis.set(
        xlim=(-1.12 * rim if half else -0.04 * rim, 1.14 * rim),
        ylim=(-0.12 * rim, 1.14 * rim),
        aspect="equal",
    )
    axis.text(
        0 if half else rim / 2, -0.12 * rim, "standard deviation", ha="center", va="top", size=6.5
    )
    axis.text(
        0.79 * rim, 0.87 * rim, "correlation", rotation=-45, ha="center", va="center", size=6.5
    )


def _draw_key(axis: Axes) -> None:
    dot: dict[str, Any] = {"linestyle": ""}
    axis.legend(
        handles=[
            Line2D([], [], marker="*", ms=7, color="#262626", label="towers", **dot),
            Line2D([], [], marker="D", ms=5, color="#8C8C8C", mec="white", label="ensemble", **dot),
            Line2D([], [], marker="o", ms=5.5, mfc="none", mec="#262626", label="best member by NSE", **dot),
            Line2D([], [], marker="o", ms=3, color="#6E6E6E", mec="none", label="other members", **dot),
            Line2D([], [], **_ERROR, label="centred RMSE: distance\nfrom the star"),
        ],
        loc="center",
        title="in units of the towers'\nstandard deviation",
        title_fontsize=7,
    )  # fmt: skip
