"""Convert outlines that cross 180 degrees of longitude or enclose a pole.

If only the corners are converted to degrees, a polygon across the date line jumps from one side of
the map to the other, and one round a pole does not close. Both would then cover the wrong area.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from uflux_kedro.errors import InputError

if TYPE_CHECKING:
    from shapely import Geometry

_FARTHEST = 540.0
"""Degrees of longitude: one full turn beyond the map on either side."""

Points = Callable[[np.ndarray], np.ndarray]


def within_map(outline: Geometry, where: str | Path) -> Geometry:
    """Move the parts beyond 180 degrees of longitude to the other side of the map.

    Args:
        outline: Polygons in degrees.
        where: File, for the message.

    Raises:
        InputError: If a corner is outside the valid longitudes and latitudes.
    """
    import shapely

    west, south, east, north = outline.bounds
    if not (-_FARTHEST <= west <= east <= _FARTHEST and -90.001 <= south <= north <= 90.001):
        raise InputError(
            where,
            "geometry",
            expected=f"longitudes within {_FARTHEST:g} and latitudes within 90 degrees",
            found=f"{west:g} to {east:g} and {south:g} to {north:g}",
            hint="Check that the file states its projection",
        )
    if west >= -180 and east <= 180:
        return outline
    parts = []
    for turn in (-360.0, 0.0, 360.0):
        part = shapely.intersection(outline, shapely.box(turn - 180, -90, turn + 180, 90))
        parts.append(shapely.transform(part, lambda p, turn=turn: p - [turn, 0]))
    return shapely.union_all(parts)


def onto_sphere(outline: Geometry, to_degrees: Points, where: str | Path) -> Geometry:
    """Convert projected polygons to degrees, without splitting those across the date line.

    Args:
        outline: Polygons in the projection, with closely spaced points along their sides.
        to_degrees: Function that converts points (n, 2) to longitude and latitude.
        where: File, for the message.

    Raises:
        InputError: If a corner is outside the valid longitudes and latitudes.
    """
    import shapely

    whole = []
    for polygon in shapely.get_parts(outline):
        if polygon.geom_type != "Polygon":
            continue
        inside = _ring(polygon.exterior, to_degrees, where)
        holes = [_ring(ring, to_degrees, where) for ring in polygon.interiors]
        whole.append(shapely.difference(inside, shapely.union_all(holes)))
    return shapely.union_all(whole)


def _ring(ring: Geometry, to_degrees: Points, where: str | Path) -> Geometry:
    import shapely

    points = to_degrees(shapely.get_coordinates(ring))
    if not np.isfinite(points).all():
        raise InputError(
            where,
            "geometry",
            expected="corners within the range of the projection",
            found=f"{int((~np.isfinite(points).all(axis=1)).sum())} of {len(points)} outside",
        )
    points[:, 0] = np.unwrap(points[:, 0], period=360.0)
    if abs(points[-1, 0] - points[0, 0]) > 180:
        pole = 90.0 if points[:, 1].mean() > 0 else -90.0
        points = np.vstack([points, [points[-1, 0], pole], [points[0, 0], pole], points[:1]])
    # Start at -180 or east of it, so that one turn beyond the map is enough.
    points[:, 0] -= 360 * np.floor((points[:, 0].min() + 180) / 360)
    return within_map(shapely.make_valid(shapely.Polygon(points)), where)
