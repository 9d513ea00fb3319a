"""Cells of a grid: which one a place lies in."""

from __future__ import annotations

import numpy as np

_ROUNDING = 1e-6


def nearest(centres: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest cell along one axis.

    Args:
        centres: Evenly spaced latitudes or longitudes (n,), degrees; n is 2 at least.
        places: Latitudes or longitudes (m,), degrees.

    Returns:
        Index of the nearest centre (m,), and whether the place lies outside its cell (m,).
    """
    distance = np.abs(turn(centres[None, :] - places[:, None]))
    index = distance.argmin(axis=1)
    half = abs(centres[1] - centres[0]) / 2
    return index, distance.min(axis=1) > half + _ROUNDING


def turn(degrees: np.ndarray) -> np.ndarray:
    """Difference of longitudes the short way round, -180..180; of latitudes, itself."""
    return (degrees + 180) % 360 - 180
