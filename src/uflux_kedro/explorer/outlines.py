"""Outlines of the regions that have totals: IGBP classes, and areas of one's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from uflux_kedro.explorer.grid import first_edge
from uflux_kedro.gridding.projections import DEGREES, project_points
from uflux_kedro.readers.regions import Outlines
from uflux_kedro.variables import IGBP_CLASSES

_CELLS_ACROSS = 360
"""Most cells of land cover across the map: a degree of the globe."""
_PIXELS_ACROSS = 3000
"""An outline's points may be off by this part of all outlines' extent."""


def class_outlines(land_cover: xr.DataArray, crs: str | None) -> Outlines:
    """Return the outlines of the IGBP classes of a grid.

    Args:
        land_cover: IGBP codes, 0 for water; the last two dimensions are rows and columns, evenly
            spaced and ascending, degrees or metres. Of grids with more than 360 cells on a side only
            every second cell, every third and so on is taken, so that small patches are missing.
        crs: The grid's projection; None for degrees.

    Returns:
        The classes that the grid has, but for water, as ``kind`` ``IGBP``; polygons along the
        edges of cells, degrees.
    """
    import shapely

    stride = -(-max(land_cover.shape[-2:]) // _CELLS_ACROSS)
    edges, middles = [], {}
    for axis in land_cover.dims[-2:]:
        centres = land_cover[axis].to_numpy().astype(float)
        first, size = first_edge(centres)
        starts = np.arange(0, len(centres), stride)
        edges.append(first + size * np.r_[starts, len(centres)])
        middles[axis] = np.minimum(starts + stride // 2, len(centres) - 1)
    rows, columns = edges
    taken = land_cover.isel(middles).to_numpy()
    names, outlines = [], []
    for name, code in IGBP_CLASSES.items():
        row, column = np.nonzero(taken == code)
        if name == "WAT" or not len(row):
            continue
        cells = shapely.box(columns[column], rows[row], columns[column + 1], rows[row + 1])
        names.append(name)
        outlines.append(shapely.coverage_union_all(cells))
    if crs is not None:

        def to_degrees(points: np.ndarray) -> np.ndarray:
            return np.column_stack(project_points(crs, DEGREES, *points.T))

        outlines = [shapely.transform(one, to_degrees) for one in outlines]
    return Outlines("IGBP", tuple(names), tuple(outlines))


def outline_features(areas: Iterable[Outlines]) -> dict[str, Any]:
    """Return the outlines as GeoJSON: lines with the ``kind`` and ``name`` of their region.

    Points that nobody could see at the scale of the whole are left out.
    """
    import shapely

    features = []
    for one in areas:
        west, south, east, north = shapely.total_bounds(one.outlines)
        tolerance = max(east - west, north - south) / _PIXELS_ACROSS
        for name, outline in zip(one.names, one.outlines, strict=True):
            lines = shapely.boundary(shapely.simplify(outline, tolerance))
            features.append(
                {
                    "type": "Feature",
                    "properties": {"kind": one.kind, "name": name},
                    "geometry": shapely.geometry.mapping(shapely.set_precision(lines, 1e-4)),
                }
            )
    return {"type": "FeatureCollection", "features": features}
