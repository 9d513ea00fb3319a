"""Comparisons with other products: maps of differences with profiles, and densities of cells.

The maps are in longitude and latitude without projection, so that the profiles share their axes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import axis_label, flux_unit, number
from uflux_kedro.figures.maps import COAST, WATER, coast_segments, extension, round_top
from uflux_kedro.figures.scatter import IDENTITY
from uflux_kedro.figures.style import DENSITY_COLOURS, FLUX_COLOURS, PAGE_WIDTH, styled
from uflux_kedro.gridding.cells import cell_area, cell_edges
from uflux_kedro.statistics.means import area_mean
from uflux_kedro.statistics.peers import SEASONS

DIFFERENCE_COLOURS = "RdBu_r"
_PEER = "#404040"
_SHOWN = {"NSE": "NSE", "r²": "r2", "RMSE": "RMSE", "bias": "bias"}
"""Label beside a density -> score."""
_MARGIN = 1.15
"""Factor by which axes are wider than the range of all but a thousandth of the area."""


@styled()
def peer_maps_figure(comparisons: Mapping[str, xr.Dataset], peer: str) -> Figure:
    """Draw Figure 8: product minus peer, with the means of both by longitude and latitude.

    Args:
        comparisons: Flux -> result of :func:`uflux_kedro.statistics.peers.compare_with_peer`.
        peer: Name of the other product.

    Returns:
        One row per flux: the map of the difference of multi-year means, with the spatial R² in
        its title, the means by longitude below it and those by latitude beside it.

    Raises:
        InputError: If a flux is unknown.
    """
    fluxes = ordered_fluxes(comparisons, "comparisons")
    figure = Figure(figsize=(PAGE_WIDTH, 3.6 * len(fluxes)))
    grid = GridSpec(
        3 * len(fluxes),
        2,
        figure,
        width_ratios=[4, 1],
        height_ratios=[4, 1.15, 0.85] * len(fluxes),
        left=0.09,
        right=0.98,
        top=1 - 0.3 / (3.6 * len(fluxes)),
        bottom=0.02,
        hspace=0.12,
        wspace=0.06,
    )
    for row, flux in enumerate(fluxes):
        _draw_flux(figure, grid, 3 * row, comparisons[flux], flux, peer)
    said = [_in_words(comparisons[flux], flux, "bias", "spatial_r2") for flux in fluxes]
    figure.set_label(
        f"Maps of product minus {peer}, with means by longitude and latitude. {' '.join(said)}"
    )
    return figure


def _in_words(one: xr.Dataset, flux: str, *scores: str) -> str:
    """Return scores of a comparison as a sentence."""
    names = {"bias": f"bias {{}} {flux_unit(flux)}", "spatial_r2": "spatial R² {}", "NSE": "NSE {}"}
    return f"{flux}: {', '.join(names[s].format(number(float(one[s]))) for s in scores)}."


def _draw_flux(
    figure: Figure, grid: GridSpec, row: int, one: xr.Dataset, flux: str, peer: str
) -> None:
    axis = figure.add_subplot(grid[row, 0])
    picture = _draw_difference(axis, one)
    spatial = f"spatial R² {number(float(one['spatial_r2']))}, bias {number(float(one['bias']))}"
    axis.set_title(f"{flux}: product minus {peer}")
    axis.set_title(spatial, loc="right", size=7, weight="normal")
    axis.set_ylabel("latitude (° north)")
    axis.tick_params(labelbottom=False)
    both = one[["product", "peer"]]
    area = cell_area(one)
    by_latitude = figure.add_subplot(grid[row, 1], sharey=axis)
    zonal = both.mean("longitude")
    by_longitude = figure.add_subplot(grid[row + 1, 0], sharex=axis)
    meridional = both.weighted(area).mean("latitude")
    for name, colour, label in (("peer", _PEER, peer), ("product", FLUX_COLOURS[flux], "product")):
        line: dict[str, Any] = {"color": colour, "linewidth": 1.0, "label": label}
        by_latitude.plot(zonal[name], one["latitude"], **line)
        by_longitude.plot(one["longitude"], meridional[name], **line)
    by_latitude.tick_params(labelleft=False)
    by_latitude.xaxis.set_major_locator(MaxNLocator(3))
    by_latitude.set_xlabel(flux_unit(flux))
    by_longitude.yaxis.set_major_locator(MaxNLocator(3))
    by_longitude.set(xlabel="longitude (° east)", ylabel=flux_unit(flux))
    corner = figure.add_subplot(grid[row + 1, 1])
    corner.set_axis_off()
    corner.legend(*by_latitude.get_legend_handles_labels(), loc="lower center")
    figure.colorbar(
        picture,
        cax=corner.inset_axes((0.02, -0.18, 0.96, 0.11)),
        orientation="horizontal",
        extend=extension(one["difference"], *picture.get_clim()),
        ticks=MaxNLocator(3),
        label=f"difference ({flux_unit(flux)})",
    )


def _draw_difference(axis: Axes, one: xr.Dataset) -> QuadMesh:
    difference = one["difference"]
    top = round_top(difference.values, steps=4)
    axis.set_facecolor(WATER)
    edges = [cell_edges(one[name].to_numpy()) for name in ("longitude", "latitude")]
    picture = axis.pcolormesh(
        edges[0],
        edges[1].clip(-90, 90),
        difference.values,
        cmap=DIFFERENCE_COLOURS,
        vmin=-top,
        vmax=top,
        rasterized=True,
    )
    coast = coast_segments(difference.notnull())
    axis.add_collection(LineCollection(list(coast), colors=COAST, linewidths=0.3))
    rows = one["latitude"].to_numpy()[difference.notnull().any("longitude").to_numpy()]
    columns = edges[0][[0, -1]]
    axis.set(xlim=columns, ylim=(rows.min() - 2, rows.max() + 2))
    return picture


@styled()
def peer_seasons_figure(comparisons: Mapping[str, xr.Dataset], peer: str) -> Figure:
    """Draw product minus peer in each season.

    Args:
        comparisons: Flux -> result of :func:`uflux_kedro.statistics.peers.compare_with_peer`.
        peer: Name of the other product.

    Returns:
        One row per flux with one colour scale, one column per season; the title gives the mean
        difference, weighted by area, and a season without a common month says so.

    Raises:
        InputError: If a flux is unknown.
    """
    fluxes = ordered_fluxes(comparisons, "comparisons")
    first = comparisons[fluxes[0]]
    height, width = (
        float(np.ptp(cell_edges(first[a].to_numpy()))) for a in ("latitude", "longitude")
    )
    tall = min(1.5, 1.5 * height / width) + 0.25
    figure = Figure(figsize=(PAGE_WIDTH, tall * len(fluxes) + 0.2), layout="constrained")
    rows = figure.subplots(len(fluxes), len(SEASONS), squeeze=False)
    said = []
    for axes, flux in zip(rows, fluxes, strict=True):
        one = comparisons[flux]
        top = round_top(one["seasonal_difference"].to_numpy(), steps=4)
        means = area_mean(one["seasonal_difference"]).to_numpy()
        coast = list(coast_segments(one["difference"].notnull()))
        for axis, season, mean in zip(axes, one["season"].to_numpy(), means, strict=True):
            field = one["seasonal_difference"].sel(season=season).transpose("latitude", "longitude")
            picture = _draw_season(axis, field, top)
            axis.add_collection(LineCollection(coast, colors=COAST, linewidths=0.15))
            words = number(float(mean)) if np.isfinite(mean) else "no common month"
            axis.set_title(words, loc="right", size=6, weight="normal", pad=2)
        axes[0].set_ylabel(flux, weight="bold")
        figure.colorbar(picture, ax=axes, extend="both", ticks=MaxNLocator(3), label=flux_unit(flux), aspect=12)  # fmt: skip
        known = [
            f"{name} {number(float(m))}"
            for name, m in zip(SEASONS, means, strict=True)
            if np.isfinite(m)
        ]
        said.append(f"{flux} ({flux_unit(flux)}): {', '.join(known)}.")
    for axis, months in zip(rows[0], SEASONS, strict=True):
        short = "\N{EN DASH}".join(word[:3] for word in months.split(" to "))
        axis.set_title(short, loc="left", pad=2)
    figure.set_label(f"Maps of product minus {peer} by season, mean over land. {' '.join(said)}")
    return figure


def _draw_season(axis: Axes, field: xr.DataArray, top: float) -> AxesImage:
    axis.set_facecolor(WATER)
    y, x = (cell_edges(field[name].to_numpy())[[0, -1]] for name in ("latitude", "longitude"))
    picture = axis.imshow(
        np.ma.masked_invalid(field.to_numpy()),
        extent=(x[0], x[1], y[0], y[1]),
        origin="lower",
        cmap=DIFFERENCE_COLOURS,
        vmin=-top,
        vmax=top,
        interpolation="nearest",
        aspect="auto",
    )
    axis.set(xticks=[], yticks=[])
    return picture


@styled()
def peer_density_figure(comparisons: Mapping[str, xr.Dataset], peer: str) -> Figure:
    """Draw the density of cells and months: peer (x) against product (y), weighted by area.

    Args:
        comparisons: Flux -> result of :func:`uflux_kedro.statistics.peers.compare_with_peer`.
        peer: Name of the other product.

    Returns:
        One panel per flux, each with its own colour scale in thousand km2 times months.

    Raises:
        InputError: If a flux is unknown.
    """
    fluxes = ordered_fluxes(comparisons, "comparisons")
    columns = min(3, len(fluxes))
    rows = -(-len(fluxes) // columns)
    figure = Figure(figsize=(PAGE_WIDTH * columns / 3, 3.25 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, flux in zip(axes, fluxes, strict=False):
        _draw_density(figure, axis, comparisons[flux], flux, peer)
    for axis in axes[len(fluxes) :]:
        axis.set_axis_off()
    said = [_in_words(comparisons[flux], flux, "NSE", "bias") for flux in fluxes]
    figure.set_label(f"Cells and months of the product against those of {peer}. {' '.join(said)}")
    return figure


def _draw_density(figure: Figure, axis: Axes, one: xr.Dataset, flux: str, peer: str) -> None:
    density = one["density"].transpose("product_bin", "peer_bin").to_numpy() / 1000
    edges = cell_edges(one["peer_bin"].to_numpy())
    low, high = _limits(density, edges)
    inside = (edges[1:] > low) & (edges[:-1] < high)
    bins = np.flatnonzero(inside)
    shown = slice(bins[0], bins[-1] + 1)
    frame = edges[bins[0] : bins[-1] + 2]
    part = np.ma.masked_less_equal(density[shown, shown], 0)
    picture = axis.pcolormesh(
        frame,
        frame,
        part,
        cmap=DENSITY_COLOURS,
        norm=LogNorm(max(part.min(), part.max() / 1e4), part.max()),
        rasterized=True,
    )
    axis.plot((low, high), (low, high), **IDENTITY)
    words = [f"{name} {number(float(one[key]))}" for name, key in _SHOWN.items()]
    lines = [", ".join(words[:2]), ", ".join(words[2:])]
    axis.set_title("\n".join(lines), loc="right", size=6.5, weight="normal")
    axis.set(
        title=flux,
        xlabel=axis_label(flux, peer),
        ylabel=axis_label(flux, "product"),
        xlim=(low, high),
        ylim=(low, high),
        aspect="equal",
    )
    axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.yaxis.set_major_locator(MaxNLocator(5))
    figure.colorbar(
        picture,
        ax=axis,
        orientation="horizontal",
        fraction=0.05,
        shrink=0.85,
        label="1000 km² · months",
    )


def _limits(density: np.ndarray, edges: np.ndarray) -> tuple[float, float]:
    """Return limits that contain all but a thousandth of the area of either product."""
    ends = []
    for axis in (0, 1):
        share = np.cumsum(density.sum(axis=axis)) / density.sum()
        ends += [edges[np.searchsorted(share, 5e-4)], edges[np.searchsorted(share, 1 - 5e-4) + 1]]
    middle, half = (min(ends) + max(ends)) / 2, (max(ends) - min(ends)) / 2
    return float(middle - half * _MARGIN), float(middle + half * _MARGIN)
