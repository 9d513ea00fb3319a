"""Cells of a grid along its axes: their edges and areas, and the cell in which a place lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from uflux_kedro.errors import InputError
from uflux_kedro.lazy import xr

if TYPE_CHECKING:
    from numpy.typing import NDArray

EARTH_RADIUS = 6_371_007.181
"""Radius of the sphere with the surface area of the WGS84 ellipsoid, m."""

_ROUNDING = 1e-6
"""Tolerance for rounding errors, in cells or in the unit of an axis."""


def require_whole_cells(low: float, high: float, size: float, axis: str, unit: str) -> None:
    """Check that two or more whole cells fill an axis.

    Args:
        low: Lower edge of the axis.
        high: Upper edge.
        size: Edge of a cell, in the same unit.
        axis: Name of the axis, for the message.
        unit: Unit of the three, for the message.

    Raises:
        ValueError: If they do not; Pydantic turns it into a validation error.
    """
    cells = (high - low) / size
    if cells < 2 - _ROUNDING or abs(cells - round(cells)) > _ROUNDING:
        raise ValueError(
            f"{axis}: expected two or more whole cells of {size} {unit} "
            f"between {low} and {high}, found {cells:g}"
        )


def nearest(
    centres: np.ndarray, places: np.ndarray, degrees: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest cell along one axis.

    Args:
        centres: Evenly spaced latitudes, longitudes or metres (n,), two or more.
        places: Places (m,) in the same unit.
        degrees: Whether the axis is in degrees, where 360 degrees are a full turn.

    Returns:
        Index of the nearest centre (m,), and whether the place lies outside that cell (m,).
    """
    away = centres[None, :] - places[:, None]
    distance = np.abs(shortest_turn(away) if degrees else away)
    index = distance.argmin(axis=1)
    half = abs(centres[1] - centres[0]) / 2
    return index, distance.min(axis=1) > half + _ROUNDING


def shortest_turn(degrees: np.ndarray) -> np.ndarray:
    """Return differences of longitude the short way round, -180 to 180 degrees.

    Differences of latitude come out unchanged.
    """
    return (degrees + 180) % 360 - 180


def cell_edges(centres: NDArray[np.floating], axis: str = "axis") -> NDArray[np.float64]:
    """Return the edges of cells, midway between their centres.

    Args:
        centres: Strictly ascending centres (n,), two or more.
        axis: Name of the axis, for the message.

    Returns:
        Edges (n + 1,) in the unit of the centres. The outer ones lie half a step beyond the first
        and the last centre.

    Raises:
        InputError: If there are fewer than two centres, or they do not ascend.
    """
    centres = np.asarray(centres, dtype=float)
    steps = np.diff(centres)
    if not steps.size or (steps <= 0).any():
        raise InputError(
            "grid",
            axis,
            expected="two or more ascending centres of cells",
            found=np.array2string(centres, threshold=6),
        )
    midpoints = centres[:-1] + steps / 2
    return np.concatenate([[centres[0] - steps[0] / 2], midpoints, [centres[-1] + steps[-1] / 2]])


def axis_edges(coordinate: xr.DataArray) -> NDArray[np.float64]:
    """Return the edges of cells along a coordinate.

    Args:
        coordinate: One-dimensional and strictly ascending. The edges of one named ``latitude`` stop
            at the poles, so that a cell centred on a pole has half its width.

    Returns:
        Edges (n + 1,) in the unit of the coordinate.

    Raises:
        InputError: If there are fewer than two centres, or they do not ascend.
    """
    edges = cell_edges(coordinate.to_numpy(), str(coordinate.name))
    return edges.clip(-90, 90) if coordinate.name == "latitude" else edges


def cell_bounds(coordinate: xr.DataArray) -> NDArray[np.float64]:
    """Return lower and upper edges (n, 2) of cells along a coordinate; see :func:`axis_edges`."""
    edges = axis_edges(coordinate)
    return np.stack([edges[:-1], edges[1:]], axis=1)


def cell_area(grid: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Return the area of every cell on the sphere of :data:`EARTH_RADIUS`.

    Between two parallels and two meridians it is R^2 dlon (sin lat2 - sin lat1).

    Args:
        grid: Anything with coordinates ``latitude`` and ``longitude``, degrees.

    Returns:
        Area in m2, dimensions ``(latitude, longitude)``.
    """
    south, north = np.deg2rad(cell_bounds(grid["latitude"])).T
    west, east = np.deg2rad(cell_bounds(grid["longitude"])).T
    area = EARTH_RADIUS**2 * np.outer(np.sin(north) - np.sin(south), east - west)
    return xr.DataArray(
        area,
        coords={"latitude": grid["latitude"], "longitude": grid["longitude"]},
        dims=("latitude", "longitude"),
        name="cell_area",
        attrs={"standard_name": "cell_area", "long_name": "area of the cell", "units": "m2"},
    )
