"""Mean seasonal cycle of a product by latitude."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from uflux_kedro.gridding.cells import cell_area, cell_bounds
from uflux_kedro.statistics.means import period_days

COLUMNS = ("month", "south", "north", "value", "unit", "area_km2")
"""Columns of :func:`latitude_seasons`."""

_NARROWEST = 2.0
"""Narrowest band of latitude, degrees; rows of finer grids are put together."""


def latitude_seasons(product: xr.Dataset, variable: str) -> pd.DataFrame:
    """Return the mean of each calendar month over the land of each band of latitude.

    Cells are weighted by area and periods by their days, over all years. A period counts for the
    month in which its middle lies. The product is read one chunk of periods at a time.

    Args:
        product: ``variable`` (time, latitude, longitude) and ``time_bnds``, lazily.
        variable: The flux.

    Returns:
        :data:`COLUMNS`: calendar month, edges of the band in degrees north, mean, and the mean
        area with a value; no row where a month has no value. Bands are rows of the grid, at least
        two degrees wide.
    """
    field = product[variable].transpose("time", "latitude", "longitude")
    days = period_days(product).to_numpy()
    start = product["time"].to_numpy()
    middle = pd.DatetimeIndex(start + (days / 2 * 86400).astype("timedelta64[s]"))
    area = cell_area(product).to_numpy()
    edges = cell_bounds(product["latitude"])
    band = np.floor((edges.mean(axis=1) - edges[0, 0]) / _width(edges)).astype(int)
    sums = np.zeros((2, 12, band.max() + 1))  # value times area and days; area times days
    known = np.zeros(12)
    step = field.chunksizes["time"][0] if field.chunks else 12
    for first in range(0, field.sizes["time"], step):
        values = field.isel(time=slice(first, first + step)).to_numpy().astype(float)
        valid = np.isfinite(values)
        rows = [(np.where(valid, values, 0) * area).sum(-1), (valid * area).sum(-1)]
        for offset in range(len(values)):
            month = middle[first + offset].month - 1
            for which in (0, 1):
                np.add.at(sums[which, month], band, rows[which][offset] * days[first + offset])
            known[month] += days[first + offset]
    month, place = np.nonzero(sums[1] > 0)
    south = np.array([edges[band == b, 0].min() for b in range(band.max() + 1)])
    north = np.array([edges[band == b, 1].max() for b in range(band.max() + 1)])
    return pd.DataFrame(
        {
            "month": month + 1,
            "south": south[place],
            "north": north[place],
            "value": sums[0, month, place] / sums[1, month, place],
            "unit": str(product[variable].attrs.get("units", "")),
            "area_km2": sums[1, month, place] / known[month] / 1e6,
        }
    )[list(COLUMNS)]


def _width(edges: np.ndarray) -> float:
    """Return the width of bands that are made of whole rows (n, 2), degrees."""
    row = float(np.median(edges[:, 1] - edges[:, 0]))
    return row * max(1, int(np.ceil(_NARROWEST / row - 1e-6)))
