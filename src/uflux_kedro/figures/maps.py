"""Maps of multi-year means and of the ensemble's spread.

Coastlines are the edges of the product's own land cells, so that nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import cartopy.crs as ccrs
import matplotlib
import numpy as np
import xarray as xr
from cartopy.mpl.geoaxes import GeoAxes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import flux_unit, number, range_in_words
from uflux_kedro.figures.style import MAP_COLOURS, PAGE_WIDTH, styled
from uflux_kedro.gridding.cells import cell_edges
from uflux_kedro.statistics.means import area_mean, multi_year_mean

MEAN_SCALES = {
    "GPP": (MAP_COLOURS["GPP"], 0.0, 10.0),
    "RECO": (MAP_COLOURS["RECO"], 0.0, 10.0),
    "H": (MAP_COLOURS["H"], 0.0, 100.0),
    "LE": (MAP_COLOURS["LE"], 0.0, 100.0),
}
"""Flux -> colour map and limits of the mean, equal in all runs so that runs can be compared. NEE has
none: its means are small differences of large fluxes, which limits for all runs would not show."""

SPREAD_COLOURS = "cividis_r"

WATER, EMPTY, COAST = "#EEF1F3", "#C8C8C8", "#4D4D4D"
"""Colours of cells without land, of land without a value, and of coastlines."""
_PIXELS_ACROSS = 1000


@styled()
def mean_maps_figure(products: Mapping[str, xr.Dataset]) -> Figure:
    """Draw the multi-year ensemble mean of each flux, on an equal-area projection.

    Args:
        products: Flux -> dataset with ``<flux>(time, latitude, longitude)`` in the flux's unit,
            NaN where there is no land, and ``time_bnds``. Latitude and longitude ascend.

    Returns:
        The figure; each title also gives the mean over land, weighted by area.

    Raises:
        InputError: If a flux is unknown or its variable is missing in the product.
    """
    fluxes = ordered_fluxes(products, "products")
    fields = {flux: mean_map(products[flux], flux) for flux in fluxes}
    return draw_maps(fields, {flux: mean_scale(flux, field) for flux, field in fields.items()})


def mean_scale(flux: str, field: xr.DataArray) -> tuple[str, float, float]:
    """Return the colour map and limits of a flux's mean.

    Those of NEE follow its values: as far on both sides of zero, to a round number near the 98th
    percentile of their size.
    """
    if flux in MEAN_SCALES:
        return MEAN_SCALES[flux]
    top = round_top(field.values)
    return MAP_COLOURS["NEE"], -top, top


def round_top(*fields: np.ndarray, steps: int = 5) -> float:
    """Return a round number near the highest 98th percentile of the size of the fields' values.

    Args:
        fields: Values, of which those that are missing are left out.
        steps: Most steps between 0 and the number that are round as well.
    """
    values = (abs(field[np.isfinite(field)]) for field in fields)
    top = max((float(np.percentile(one, 98)) for one in values if one.size), default=0.0)
    return float(MaxNLocator(steps).tick_values(0, top or 1.0)[-1])


def mean_map(product: xr.Dataset, variable: str) -> xr.DataArray:
    """Return the multi-year mean of a variable, (latitude, longitude)."""
    return multi_year_mean(product, variable).transpose("latitude", "longitude").compute()


@styled()
def spread_maps_figure(products: Mapping[str, xr.Dataset]) -> Figure:
    """Draw the standard deviation among members in each period, averaged over time.

    Fluxes of the same unit share a scale that ends near the highest of their 98th percentiles.

    Args:
        products: Flux -> dataset with ``<flux>_std(time, latitude, longitude)`` and
            ``time_bnds``.

    Returns:
        The figure.

    Raises:
        InputError: If a flux is unknown or its variable is missing in the product.
    """
    fluxes = ordered_fluxes(products, "products")
    fields = {flux: mean_map(products[flux], f"{flux}_std") for flux in fluxes}
    scales = {}
    for flux in fluxes:
        alike = [field.values for f, field in fields.items() if flux_unit(f) == flux_unit(flux)]
        scales[flux] = (SPREAD_COLOURS, 0.0, round_top(*alike))
    return draw_maps(fields, scales)


@dataclass(frozen=True)
class _View:
    """A grid in a projection.

    Attributes:
        projection: The projection.
        extent: West, east, south and north edge of the picture, in the projection.
        row: Row of the cell that each pixel shows, shape (down, across).
        column: Column of that cell.
    """

    projection: ccrs.Projection
    extent: tuple[float, float, float, float]
    row: np.ndarray
    column: np.ndarray

    def picture(self, field: xr.DataArray) -> np.ma.MaskedArray:
        """Return the values of ``field`` by pixel, masked where there is no cell or value."""
        padded = np.pad(field.values, ((0, 1), (0, 1)), constant_values=np.nan)
        return np.ma.masked_invalid(padded[self.row, self.column])


def _view(latitude: np.ndarray, longitude: np.ndarray) -> _View:
    """Choose Equal Earth for the globe, Lambert azimuthal equal-area for a region.

    Each pixel is traced back to its cell: the cost does not depend on the resolution of the
    grid, and cells are shown without interpolation.
    """
    south_north, west_east = cell_edges(latitude).clip(-90, 90), cell_edges(longitude)
    if np.ptp(west_east) > 180:
        projection: ccrs.Projection = ccrs.EqualEarth()
        extent = (*projection.x_limits, *projection.y_limits)
    else:
        projection = ccrs.LambertAzimuthalEqualArea(
            (west_east[0] + west_east[-1]) / 2, (south_north[0] + south_north[-1]) / 2
        )
        lon, lat = np.meshgrid(west_east, south_north)
        outline = projection.transform_points(ccrs.PlateCarree(), lon, lat)
        extent = (
            *(outline[..., 0].min(), outline[..., 0].max()),
            *(outline[..., 1].min(), outline[..., 1].max()),
        )
    across = _PIXELS_ACROSS
    down = round(across * (extent[3] - extent[2]) / (extent[1] - extent[0]))
    x, y = np.meshgrid(
        extent[0] + (np.arange(across) + 0.5) / across * (extent[1] - extent[0]),
        extent[2] + (np.arange(down) + 0.5) / down * (extent[3] - extent[2]),
    )
    place = ccrs.PlateCarree().transform_points(projection, x, y)
    return _View(
        projection,
        extent,
        _cell_of(place[..., 1], south_north),
        _cell_of(west_east[0] + (place[..., 0] - west_east[0]) % 360, west_east),
    )


def _cell_of(position: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the index of the cell of each position; one past the last if there is none."""
    index = np.searchsorted(edges, position, side="right") - 1
    return np.where((index < 0) | ~np.isfinite(position), len(edges) - 1, index)


def coast_segments(land: xr.DataArray) -> np.ndarray:
    """Return the edges between land cells and other cells.

    Args:
        land: Boolean, ``(latitude, longitude)``, both ascending, in degrees.

    Returns:
        Segments, shape (n, 2, 2): n pairs of (longitude, latitude). The first and last columns
        of a global grid are neighbours; the border of a region is not a coast.
    """
    # Cells of a grid with nodes on the poles would extend beyond them.
    y = cell_edges(land["latitude"].values).clip(-90, 90)
    x = cell_edges(land["longitude"].values)
    cells = land.values
    i, j = np.nonzero(cells[:, 1:] != cells[:, :-1])
    upright = np.stack([np.stack([x[j + 1], y[i]], -1), np.stack([x[j + 1], y[i + 1]], -1)], 1)
    i, j = np.nonzero(cells[1:] != cells[:-1])
    level = np.stack([np.stack([x[j], y[i + 1]], -1), np.stack([x[j + 1], y[i + 1]], -1)], 1)
    segments = [upright, level]
    if np.isclose(np.ptp(x), 360):
        i = np.flatnonzero(cells[:, 0] != cells[:, -1])
        at = np.full(len(i), x[0])
        segments.append(np.stack([np.stack([at, y[i]], -1), np.stack([at, y[i + 1]], -1)], 1))
    return np.concatenate(segments)


def draw_maps(
    fields: Mapping[str, xr.DataArray],
    scales: Mapping[str, tuple[str, float, float]],
    *,
    label: str | None = None,
    hatched: Mapping[str, xr.DataArray] | None = None,
) -> Figure:
    """Draw two maps per row; a single map in the last row is centred.

    Args:
        fields: Flux -> map (latitude, longitude), NaN where there is no land.
        scales: Flux -> colour map and its limits.
        label: Label of the colour bars; None for the unit of each flux.
        hatched: Flux -> cells to hatch; None for none.

    Returns:
        The figure.
    """
    any_field = next(iter(fields.values()))
    view = _view(any_field["latitude"].values, any_field["longitude"].values)
    land = xr.concat([field.notnull() for field in fields.values()], "flux").any("flux")
    coast = coast_segments(land)
    # A segment at exactly 180 degrees would run from one border of the map to the other.
    coast[..., 0] = coast[..., 0].clip(-180 + 1e-6, 180 - 1e-6)
    coast = view.projection.transform_points(ccrs.PlateCarree(), coast[..., 0], coast[..., 1])

    rows = -(-len(fields) // 2)
    shape = (view.extent[3] - view.extent[2]) / (view.extent[1] - view.extent[0])
    figure = Figure(
        figsize=(PAGE_WIDTH, rows * (PAGE_WIDTH / 2 * 0.93 * shape + 0.62)), layout="constrained"
    )
    grid = figure.add_gridspec(rows, 4)
    for place, (flux, field) in enumerate(fields.items()):
        row, right = divmod(place, 2)
        alone = place == len(fields) - 1 and not right
        columns = slice(1, 3) if alone else slice(2 * right, 2 * right + 2)
        axis = cast(GeoAxes, figure.add_subplot(grid[row, columns], projection=view.projection))
        axis.set_facecolor(WATER)
        axis.spines["geo"].set(linewidth=0.5, edgecolor="#999999")
        name, low, high = scales[flux]
        empty = land & field.isnull()
        if empty.any():
            axis.imshow(
                view.picture(empty.where(empty)),
                extent=view.extent,
                origin="lower",
                transform=view.projection,
                cmap=ListedColormap([EMPTY]),
                interpolation="nearest",
            )
        picture = axis.imshow(
            view.picture(field),
            extent=view.extent,
            origin="lower",
            transform=view.projection,
            cmap=matplotlib.colormaps[name],
            vmin=low,
            vmax=high,
            interpolation="nearest",
        )
        if hatched is not None:
            _hatch(axis, view, hatched[flux])
        axis.add_collection(LineCollection(coast[..., :2], colors=COAST, linewidths=0.3))
        axis.set_xlim(view.extent[:2])
        axis.set_ylim(view.extent[2:])
        axis.set_title(flux)
        mean = float(area_mean(field))
        decimals = 2 if abs(mean) < 10 else 1
        axis.set_title(f"land mean {number(mean, decimals)}", loc="right", size=7, weight="normal")
        figure.colorbar(
            picture,
            ax=axis,
            orientation="horizontal",
            extend=extension(field, low, high),
            label=flux_unit(flux) if label is None else label,
            ticks=MaxNLocator(5),
            fraction=0.05,
            shrink=0.7,
            pad=0.03,
            aspect=35,
        )
    figure.set_label(_in_words(fields, label))
    return figure


def _in_words(fields: Mapping[str, xr.DataArray], label: str | None) -> str:
    """Return what maps show: the mean over land and where most cells lie."""
    said = []
    for flux, field in fields.items():
        unit = flux_unit(flux) if label is None else ""
        mean = f"{number(float(area_mean(field)))} {unit}".rstrip()
        said.append(
            f"{flux}: land mean {mean}, 98 % of cells {range_in_words(field.values, unit)}."
        )
    what = "" if label is None else f" of {label}"
    return f"Maps{what}. {' '.join(said)}"


def _hatch(axis: GeoAxes, view: _View, cells: xr.DataArray) -> None:
    west, east, south, north = view.extent
    down, across = view.row.shape
    x = west + (np.arange(across) + 0.5) / across * (east - west)
    y = south + (np.arange(down) + 0.5) / down * (north - south)
    shown = view.picture(cells.astype(float)).filled(0.0)
    if shown.any():
        hatch = axis.contourf(x, y, shown, levels=[0.5, 1.5], colors="none", hatches=["//////"])
        hatch.set(edgecolor="#BBBBBB", linewidth=0)  # seen on the dark end of a colour map


def extension(field: xr.DataArray, low: float, high: float) -> str:
    """Return the ends of the colour bar beyond which there are values."""
    below, above = bool(field.min() < low), bool(field.max() > high)
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[(below, above)]
