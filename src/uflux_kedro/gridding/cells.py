"""Cells of a grid: which one a place lies in."""

from __future__ import annotations

import numpy as np

_ROUNDING = 1e-6


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
