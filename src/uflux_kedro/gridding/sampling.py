"""Drivers at the towers: the grid cell in which each tower stands."""

from __future__ import annotations

from itertools import product

import numpy as np

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.cells import nearest, turn
from uflux_kedro.lazy import pd, xr

_NEIGHBOURS = np.array(sorted(product((-1, 0, 1), repeat=2), key=lambda step: step != (0, 0)))
"""Steps to a cell itself, first, and to the eight around it."""


def sample_at_sites(drivers: xr.Dataset, sites: pd.DataFrame) -> pd.DataFrame:
    """Read every driver off the cell in which a tower stands.

    A tower whose cell is water, as on a coast, takes the nearest land cell around it.

    Args:
        drivers: Cube with ``IGBP``, 0 where there is no land.
        sites: ``site_id``, ``latitude``, ``longitude``.

    Returns:
        ``site_id``, ``time`` and the drivers by name; one row a site and period, sorted.

    Raises:
        InputError: If a tower stands outside the grid, or with no land in its cell or around.
    """
    rows, columns = _land_cells(drivers, sites)
    names = sites["site_id"].to_numpy()
    # A cube that comes from a store has its variables in any order.
    sampled = (
        drivers[sorted(map(str, drivers.data_vars))]
        .drop_vars("time_bnds", errors="ignore")
        .isel(
            latitude=xr.DataArray(rows, dims="site_id", coords={"site_id": names}),
            longitude=xr.DataArray(columns, dims="site_id", coords={"site_id": names}),
        )
    )
    sampled = sampled.drop_vars(["latitude", "longitude"])
    table = sampled.to_dataframe(dim_order=["site_id", "time"]).reset_index()
    return table.sort_values(["site_id", "time"], ignore_index=True)


def _land_cells(drivers: xr.Dataset, sites: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each site's cell, or of the land cell nearest to it."""
    latitude, longitude = drivers["latitude"].to_numpy(), drivers["longitude"].to_numpy()
    here = sites["latitude"].to_numpy(), sites["longitude"].to_numpy()
    row, outside_south_north = nearest(latitude, here[0])
    column, outside_west_east = nearest(longitude, here[1])
    outside = outside_south_north | outside_west_east
    _refuse(sites, outside, "a place on the drivers' grid", "outside it")
    rows, columns = (row[:, None] + _NEIGHBOURS[:, 0], column[:, None] + _NEIGHBOURS[:, 1])
    around_the_globe = longitude.size * abs(longitude[1] - longitude[0]) > 360 - 1e-6
    if around_the_globe:
        columns %= longitude.size
    inside = (rows >= 0) & (rows < latitude.size) & (columns >= 0) & (columns < longitude.size)
    rows, columns = np.where(inside, rows, row[:, None]), np.where(inside, columns, column[:, None])
    land = inside & (drivers["IGBP"].to_numpy()[rows, columns] > 0)
    distance = np.hypot(
        latitude[rows] - here[0][:, None],
        turn(longitude[columns] - here[1][:, None]) * np.cos(np.deg2rad(here[0]))[:, None],
    )
    # The tower's own cell wins if it is land, even where a neighbour's centre is nearer.
    distance[:, 0] = -1
    best = np.where(land, distance, np.inf).argmin(axis=1)
    _refuse(sites, ~land.any(axis=1), "land in the tower's cell or one around it", "water only")
    index = np.arange(len(sites))
    return rows[index, best], columns[index, best]


def _refuse(sites: pd.DataFrame, wrong: np.ndarray, expected: str, found: str) -> None:
    if wrong.any():
        named = ", ".join(
            f"{s.site_id} ({s.latitude:g}, {s.longitude:g})" for s in sites[wrong].itertuples()
        )
        raise InputError(
            "sites", "latitude, longitude", expected=expected, found=f"{found}: {named}"
        )
