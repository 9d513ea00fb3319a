"""Seasonal cycle of each flux by latitude (Hovmöller diagrams)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from uflux_kedro.errors import require_columns
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import flux_unit, latitude_text, number
from uflux_kedro.figures.maps import WATER
from uflux_kedro.figures.style import MAP_COLOURS, PAGE_WIDTH, styled
from uflux_kedro.statistics.latitude_seasons import COLUMNS

_MONTHS = "JFMAMJJASOND"
_SIGNED = "NEE"
_LEAST_AREA = 0.1
"""Share of the widest band's area that a band needs to be named in words."""


@styled()
def latitude_seasons_figure(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the mean of each calendar month by latitude.

    Args:
        tables: Flux -> result of :func:`uflux_kedro.statistics.latitude_seasons.latitude_seasons`.

    Returns:
        One panel per flux: months from left to right, latitude upwards; grey-blue where there
        is no land or the month is not mapped. Colour scales end at the 1st and 99th percentile.

    Raises:
        InputError: If a flux is unknown, or a column is missing.
    """
    fluxes = ordered_fluxes(tables, "tables of seasons")
    figure = Figure(figsize=(PAGE_WIDTH, 3.3), layout="constrained")
    axes = figure.subplots(1, len(fluxes), sharey=True, squeeze=False)[0]
    said = []
    for axis, flux in zip(axes, fluxes, strict=True):
        require_columns(tables[flux], COLUMNS, f"seasons of {flux}")
        picture = _draw(axis, tables[flux], flux)
        figure.colorbar(
            picture,
            ax=axis,
            orientation="horizontal",
            label=flux_unit(flux),
            ticks=MaxNLocator(3),
            extend="both",
            aspect=14,
        )
        said.append(_in_words(tables[flux], flux))
    axes[0].set_ylabel("latitude (° north)")
    figure.set_label("Month against latitude for each flux. " + " ".join(said))
    return figure


def _draw(axis: Axes, table: pd.DataFrame, flux: str) -> QuadMesh:
    bands = table[["south", "north"]].drop_duplicates().sort_values("south")
    edges = np.unique(bands.to_numpy())
    grid = np.full((len(edges) - 1, 12), np.nan)
    row = np.searchsorted(edges, table["south"].to_numpy())
    grid[row, table["month"].to_numpy() - 1] = table["value"]
    low, high = _limits(table["value"].to_numpy(), flux)
    axis.set_facecolor(WATER)
    picture = axis.pcolormesh(
        np.arange(13) + 0.5,
        edges,
        np.ma.masked_invalid(grid),
        cmap=MAP_COLOURS[flux],
        vmin=low,
        vmax=high,
        rasterized=True,
    )
    axis.set_title(flux)
    axis.set_xticks(range(1, 13), _MONTHS, size=5.5)
    axis.tick_params(axis="x", length=0)
    axis.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 3, 10]))
    return picture


def _limits(values: np.ndarray, flux: str) -> tuple[float, float]:
    low, high = (float(v) for v in np.percentile(values, (1, 99)))
    if flux == _SIGNED:
        top = max(abs(low), abs(high), 1e-6)
        return -top, top
    return min(low, 0.0), max(high, 1e-6)


def _in_words(table: pd.DataFrame, flux: str) -> str:
    wide = table[table["area_km2"] >= _LEAST_AREA * table["area_km2"].max()]
    top = wide.loc[wide["value"].idxmax()]
    where = latitude_text((top["south"] + top["north"]) / 2)
    month = pd.Timestamp(2001, int(top["month"]), 1).month_name()
    return f"{flux} is highest, {number(float(top['value']), 1)} {flux_unit(flux)}, in {month} at {where}."  # fmt: skip
