"""Cells of a grid: that they fill it, which one a place lies in, and places between projections."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pyproj import Transformer

DEGREES = "EPSG:4326"
METRES_PER_DEGREE = 111_195.0
"""Along a meridian."""

_ROUNDING = 1e-6


def require_whole_cells(low: float, high: float, size: float, axis: str, unit: str) -> None:
    """Refuse an axis that two or more whole cells do not fill.

    Args:
        low: Lower edge of the axis.
        high: Upper edge.
        size: Edge of a cell, in the same unit.
        axis: Name of the axis, for the message.
        unit: Of the three, for the message.

    Raises:
        ValueError: If they do not, as Pydantic's validators want it.
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
    """Nearest cell along one axis.

    Args:
        centres: Evenly spaced latitudes, longitudes or metres (n,); n is 2 at least.
        places: Places (m,) in the same unit.
        degrees: Whether 360 of them lead round to the start.

    Returns:
        Index of the nearest centre (m,), and whether the place lies outside its cell (m,).
    """
    away = centres[None, :] - places[:, None]
    distance = np.abs(turn(away) if degrees else away)
    index = distance.argmin(axis=1)
    half = abs(centres[1] - centres[0]) / 2
    return index, distance.min(axis=1) > half + _ROUNDING


def turn(degrees: np.ndarray) -> np.ndarray:
    """Difference of longitudes the short way round, -180..180; of latitudes, itself."""
    return (degrees + 180) % 360 - 180


@cache
def transformer(start: str, end: str) -> Transformer:
    """What carries x and y, or longitude and latitude, from one projection to another.

    Making one takes longer than carrying the points of a block.
    """
    from pyproj import Transformer

    return Transformer.from_crs(start, end, always_xy=True)
