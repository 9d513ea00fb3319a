"""Map of the expected error reduction of a further tower, with the best places."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from uflux_kedro.errors import InputError, require_columns
from uflux_kedro.figures.labels import number, range_in_words
from uflux_kedro.figures.maps import COAST, WATER, coast_segments
from uflux_kedro.figures.style import PAGE_WIDTH, styled
from uflux_kedro.gridding.cells import cell_edges

_COLUMNS = ("rank", "latitude", "longitude", "IGBP")
_COLOURS = "viridis"
_BOX = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "black", "linewidth": 0.5}


@styled()
def next_tower_figure(maps: xr.Dataset, best: pd.DataFrame, land: xr.DataArray) -> Figure:
    """Draw the gain of a tower at each candidate, and number the best places.

    Args:
        maps: ``gain`` (latitude, longitude), from
            :func:`uflux_kedro.uncertainty.next_tower.next_towers`.
        best: The places to build at, in their order.
        land: Whether a cell is land, on the same grid.

    Returns:
        The figure: dots are candidates, coloured by the share of the expected squared error of all
        land that a tower there would take away.

    Raises:
        InputError: If a column or the gain is missing.
    """
    require_columns(best, _COLUMNS, "best places")
    if "gain" not in maps:
        raise InputError(
            "maps", "gain", expected="a field of that name", found=", ".join(map(str, maps))
        )
    gain = maps["gain"].transpose("latitude", "longitude").to_numpy()
    row, column = np.nonzero(np.isfinite(gain))
    order = np.argsort(gain[row, column], kind="stable")
    row, column = row[order], column[order]
    latitude, longitude = maps["latitude"].to_numpy(), maps["longitude"].to_numpy()
    figure = Figure(figsize=(PAGE_WIDTH, 3.6), layout="constrained")
    axis = figure.subplots()
    axis.set_facecolor(WATER)
    on_land = land.transpose("latitude", "longitude")
    axis.pcolormesh(
        cell_edges(longitude),
        cell_edges(latitude).clip(-90, 90),
        np.ma.masked_equal(on_land.to_numpy().astype(float), 0),
        cmap="Greys",
        vmin=0,
        vmax=8,
        rasterized=True,
    )
    axis.add_collection(LineCollection(list(coast_segments(on_land)), colors=COAST, linewidths=0.3))
    dots = axis.scatter(
        longitude[column], latitude[row], c=100 * gain[row, column], s=9, cmap=_COLOURS, lw=0
    )
    for place in best.itertuples():
        axis.annotate(
            str(place.rank),
            (place.longitude, place.latitude),
            fontsize=6,
            ha="center",
            va="center",
            bbox=_BOX,
        )
    axis.set(
        xlim=cell_edges(longitude)[[0, -1]],
        ylim=(latitude[row].min() - 5, min(latitude[row].max() + 5, 90)),
        xlabel="longitude (° east)",
        ylabel="latitude (° north)",
        aspect="equal",
    )
    figure.colorbar(dots, ax=axis, shrink=0.7, label="expected squared error taken away (%)")
    places = [
        f"{row.rank}: {number(float(row.latitude), 0)}° north, {number(float(row.longitude), 0)}° east"
        for row in best.itertuples()
    ]
    figure.set_label(
        f"Map of {row.size} places for a tower; each would take away "
        f"{range_in_words(100 * gain)} % of the expected squared error. Best places: "
        f"{'; '.join(places) or 'none'}."
    )
    return figure
