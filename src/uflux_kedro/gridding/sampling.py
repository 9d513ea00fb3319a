"""Sample gridded drivers at towers: from each tower's cell, or from the cells of its footprint."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.cells import nearest, shortest_turn
from uflux_kedro.gridding.projections import DEGREES, METRES_PER_DEGREE, transformer
from uflux_kedro.lazy import pd, xr

_NEIGHBOURS = np.array(sorted(product((-1, 0, 1), repeat=2), key=lambda step: step != (0, 0)))
"""Offsets of a cell and its eight neighbours; (0, 0) comes first."""


def sample_at_sites(
    drivers: xr.Dataset, sites: pd.DataFrame, radius: float | None = None
) -> pd.DataFrame:
    """Sample every driver at towers, from each tower's cell or from the cells of its footprint.

    A tower whose cell is water, as on a coast, takes the nearest land cell among its neighbours.

    Args:
        drivers: Cube with ``IGBP``, 0 where there is no land; on ``latitude`` and ``longitude``,
            or on ``y`` and ``x`` in metres of ``attrs["crs"]``.
        sites: ``site_id``, ``latitude``, ``longitude``.
        radius: Radius of the footprint, metres: fields are means over the land cells whose centres
            lie within it, weighted by area, or the tower's own cell where no centre does. IGBP
            and variables without place are those of the cell. None samples the cell only.

    Returns:
        ``site_id``, ``time`` and the drivers by name; one row per site and period, sorted.

    Raises:
        InputError: If a tower lies outside the grid, or its cell and all neighbours are water.
    """
    grid = _Grid.of(drivers, sites)
    rows, columns = _land_cells(drivers, sites, grid)
    names = sites["site_id"].to_numpy()
    # A cube from a store has its variables in any order.
    ordered = drivers[sorted(map(str, drivers.data_vars))].drop_vars("time_bnds", errors="ignore")
    sampled = ordered.isel(
        {
            grid.rows: xr.DataArray(rows, dims="site_id", coords={"site_id": names}),
            grid.columns: xr.DataArray(columns, dims="site_id", coords={"site_id": names}),
        }
    )
    if radius is not None:
        sampled = sampled.assign(_footprints(ordered, grid, rows, columns, names, radius))
    sampled = sampled.drop_vars([c for c in sampled.coords if c not in ("site_id", "time")])
    table = sampled.to_dataframe(dim_order=["site_id", "time"]).reset_index()
    return table.sort_values(["site_id", "time"], ignore_index=True)


class _Grid(NamedTuple):
    """Axes of a grid, and the sites' positions along them.

    Attributes:
        rows: Name of the axis of rows.
        columns: Name of the axis of columns.
        y: Centres of the rows, degrees or metres.
        x: Centres of the columns.
        site_y: The sites' positions along ``y`` (sites,).
        site_x: The sites' positions along ``x`` (sites,).
    """

    rows: str
    columns: str
    y: np.ndarray
    x: np.ndarray
    site_y: np.ndarray
    site_x: np.ndarray

    @classmethod
    def of(cls, drivers: xr.Dataset, sites: pd.DataFrame) -> _Grid:
        latitude, longitude = sites["latitude"].to_numpy(), sites["longitude"].to_numpy()
        if "x" not in drivers.dims:
            axes = drivers["latitude"].to_numpy(), drivers["longitude"].to_numpy()
            return cls("latitude", "longitude", *axes, latitude, longitude)
        project = transformer(DEGREES, drivers.attrs["crs"])
        site_x, site_y = project.transform(longitude, latitude)
        return cls("y", "x", drivers["y"].to_numpy(), drivers["x"].to_numpy(), site_y, site_x)

    @property
    def in_degrees(self) -> bool:
        return self.rows == "latitude"

    @property
    def around_the_globe(self) -> bool:
        return self.in_degrees and self.x.size * abs(self.x[1] - self.x[0]) > 360 - 1e-6

    def distance(self, row: np.ndarray, column: np.ndarray, site: np.ndarray | int) -> np.ndarray:
        """Return metres from a site to cells' centres, in the plane tangent to the globe there."""
        north = self.y[row] - self.site_y[site]
        east = self.x[column] - self.site_x[site]
        if not self.in_degrees:
            return np.hypot(north, east)
        east = shortest_turn(east) * np.cos(np.deg2rad(self.site_y[site]))
        return METRES_PER_DEGREE * np.hypot(north, east)

    def within(self, row: int, column: int, radius: float) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and columns of the window around a cell that holds a circle of a radius."""
        step = abs(self.y[1] - self.y[0]) * (METRES_PER_DEGREE if self.in_degrees else 1)
        shrunk = np.cos(np.deg2rad(min(abs(self.y[row]) + 1, 89))) if self.in_degrees else 1.0
        reach = int(np.ceil(radius / step)) + 1
        sideways = min(int(np.ceil(radius / step / shrunk)) + 1, self.x.size // 2)
        rows = np.arange(max(row - reach, 0), min(row + reach + 1, self.y.size))
        columns = np.arange(column - sideways, column + sideways + 1)
        if self.around_the_globe:
            return rows, np.unique(columns % self.x.size)
        return rows, columns[(columns >= 0) & (columns < self.x.size)]


def _footprints(
    drivers: xr.Dataset,
    grid: _Grid,
    rows: np.ndarray,
    columns: np.ndarray,
    names: np.ndarray,
    radius: float,
) -> xr.Dataset:
    """Return area-weighted means of the fields over the land within each site's footprint."""
    fields = drivers[
        [
            str(name)
            for name, data in drivers.data_vars.items()
            if {grid.rows, grid.columns} <= set(data.dims) and name != "IGBP"
        ]
    ]
    means = []
    for site, (row, column) in enumerate(zip(rows, columns, strict=True)):
        near_rows, near_columns = grid.within(int(row), int(column), radius)
        window = {grid.rows: near_rows, grid.columns: near_columns}
        distance = grid.distance(near_rows[:, None], near_columns[None, :], site)
        inside = (distance <= radius) & (drivers["IGBP"].isel(window).to_numpy() > 0)
        area = np.cos(np.deg2rad(grid.y[near_rows])) if grid.in_degrees else np.ones(near_rows.size)
        weights = inside * area[:, None]
        if not inside.any():
            weights = ((near_rows == row)[:, None] & (near_columns == column)[None, :]).astype(
                float
            )
        weighted = fields.isel(window).weighted(
            xr.DataArray(weights, dims=(grid.rows, grid.columns))
        )
        means.append(weighted.mean((grid.rows, grid.columns)).astype("float32"))
    return xr.concat(means, dim=pd.Index(names, name="site_id"))


def _land_cells(
    drivers: xr.Dataset, sites: pd.DataFrame, grid: _Grid
) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column of each site's cell, or of the nearest land cell next to it."""
    row, outside_south_north = nearest(grid.y, grid.site_y, grid.in_degrees)
    column, outside_west_east = nearest(grid.x, grid.site_x, grid.in_degrees)
    outside = outside_south_north | outside_west_east
    _refuse(sites, outside, "towers within the grid of the drivers", "outside it")
    rows, columns = (row[:, None] + _NEIGHBOURS[:, 0], column[:, None] + _NEIGHBOURS[:, 1])
    if grid.around_the_globe:
        columns %= grid.x.size
    inside = (rows >= 0) & (rows < grid.y.size) & (columns >= 0) & (columns < grid.x.size)
    rows, columns = np.where(inside, rows, row[:, None]), np.where(inside, columns, column[:, None])
    land = inside & (drivers["IGBP"].to_numpy()[rows, columns] > 0)
    distance = grid.distance(rows, columns, np.arange(len(sites))[:, None])
    # The tower's own cell wins if it is land, even where a neighbour's centre is nearer.
    distance[:, 0] = -1
    best = np.where(land, distance, np.inf).argmin(axis=1)
    _refuse(
        sites, ~land.any(axis=1), "land in each tower's cell or a neighbouring one", "only water"
    )
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
