"""Where the cells of a grid lie on the map."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from uflux_kedro.gridding.cells import cell_area
from uflux_kedro.gridding.projections import DEGREES, project_points

_ON_DEGREES = ("latitude", "longitude")
_LEAST_NODES, _MOST_NODES = 17, 257
_TOLERANCE = 0.05
"""Cells by which a place between nodes may be off."""


def rows_and_columns(product: xr.Dataset) -> tuple[str, str]:
    """Return the names of the axes of a product's grid."""
    return ("y", "x") if {"y", "x"} <= set(product.dims) else _ON_DEGREES


def areas_of_cells(product: xr.Dataset) -> xr.DataArray:
    """Return the area (rows, columns) of each cell; of a projection 1, since they are nearly alike."""
    axes = rows_and_columns(product)
    if axes == _ON_DEGREES:
        return cell_area(product)
    coordinates = {axis: product[axis] for axis in axes}
    shape = tuple(product.sizes[axis] for axis in axes)
    return xr.DataArray(np.broadcast_to(1.0, shape), coordinates, axes)


def grid_mapping(product: xr.Dataset) -> str | None:
    """Return the projection of a product as pyproj reads it; None for degrees."""
    if rows_and_columns(product) == _ON_DEGREES:
        return None
    attributes: dict[str, Any] = product["crs"].attrs
    return str(attributes["crs_wkt"])


def describe_grid(field: xr.DataArray, crs: str | None) -> dict[str, Any]:
    """Return what the page needs to find the cell at a place, and the places that the grid covers.

    Args:
        field: Any field on the grid; its last two dimensions are rows and columns, evenly spaced and
            ascending, degrees or metres.
        crs: The projection; None for degrees.

    Returns:
        ``rows`` and ``columns``; ``bounds`` west, south, east, north, degrees. On degrees ``west``,
            ``south``, ``width`` and ``height`` of a cell. In a projection ``nodes``: rows and columns
            (counted in cells from the grid's corner) at evenly spaced longitudes and latitudes of the
            bounds, between which the page interpolates.
    """
    y, x = (field[dim].to_numpy().astype(float) for dim in field.dims[-2:])
    (south, height), (west, width) = first_edge(y), first_edge(x)
    sizes = {"rows": len(y), "columns": len(x)}
    if crs is None:
        bounds = [west, max(south, -90), west + width * len(x), min(south + height * len(y), 90)]
        return sizes | {
            "bounds": bounds, "west": west, "south": south, "width": width, "height": height,
        }  # fmt: skip
    edges = (np.linspace(west, west + width * len(x), 65), np.linspace(south, south + height * len(y), 65))  # fmt: skip
    longitude, latitude = project_points(crs, DEGREES, *np.meshgrid(*edges))
    bounds = [float(f()) for f in (longitude.min, latitude.min, longitude.max, latitude.max)]

    def cells_at(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
        places = project_points(DEGREES, crs, *np.meshgrid(lon, lat))
        return np.stack([(places[0] - west) / width, (places[1] - south) / height])

    nodes = _LEAST_NODES
    while True:
        lon, lat = (
            np.linspace(bounds[0], bounds[2], nodes),
            np.linspace(bounds[1], bounds[3], nodes),
        )
        at = cells_at(lon, lat)
        between = (at[:, :-1, :-1] + at[:, 1:, :-1] + at[:, :-1, 1:] + at[:, 1:, 1:]) / 4
        exact = cells_at((lon[1:] + lon[:-1]) / 2, (lat[1:] + lat[:-1]) / 2)
        if np.abs(between - exact).max() < _TOLERANCE or nodes >= _MOST_NODES:
            break
        nodes = 2 * nodes - 1
    columns, rows = at.round(3)
    return sizes | {
        "bounds": bounds,
        "nodes": {"across": nodes, "down": nodes, "column": columns.ravel().tolist(), "row": rows.ravel().tolist()},
    }  # fmt: skip


def first_edge(centres: NDArray[np.float64]) -> tuple[float, float]:
    """Return the lower edge of the first cell, and the size of a cell."""
    step = (centres[-1] - centres[0]) / (len(centres) - 1)
    return float(centres[0] - step / 2), float(step)
