"""Sums of a product's fields over zones, tile by tile.

Only a tile of one field is in memory at a time, so memory does not grow with the product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product as pairs
from typing import Any

import numpy as np
import xarray as xr

from uflux_kedro.gridding.cells import cell_area, cell_bounds
from uflux_kedro.statistics.correlated import SumErrors
from uflux_kedro.statistics.error_sums import ErrorSums, Membership
from uflux_kedro.statistics.zones import Tile, Zones

_SCALE_POINTS = 17
"""Points along a tile's side at which a projection's scale is computed."""
_EDGE = 2048
"""Longest edge of a tile, cells; a multiple of the chunks of every configured product."""


@dataclass
class ZoneSums:
    """Sums over the zones of one kind, by period; missing cells add nothing.

    Attributes:
        kind: Kind of the zones.
        names: Names of the zones (n,).
        value: Value times area (n, periods), the unit of the field times m2.
        spread: Standard deviation among the members times area (n, periods).
        members: Value of each member times area (members, n, periods); where a member is missing
            the ensemble mean is used, so that the members' mean is ``value``.
        area: Area of cells with a value (n, periods), m2.
        cells: Number of cells (n,) with a value in any period, including those on a border.
        bounded: Area of cells with bounds (n, periods), m2.
        completeness: Completeness of the sampling space times area (n, periods), m2.
        completeness_area: Area of cells with a completeness (n, periods), m2.
        extrapolated: Area of cells outside the area of applicability, whose completeness is 0
            (n, periods), m2.
        land: Area of land (n,), m2: of cells with a class of land cover, or without a map of it of
            cells with a value in any period.
        errors: Sums of the cells' half-widths; None without bounds or without ``errors``.
    """

    kind: str
    names: tuple[str, ...]
    value: np.ndarray
    spread: np.ndarray
    members: np.ndarray
    area: np.ndarray
    cells: np.ndarray
    bounded: np.ndarray
    completeness: np.ndarray
    completeness_area: np.ndarray
    extrapolated: np.ndarray
    land: np.ndarray
    errors: ErrorSums | None = None

    @classmethod
    def empty(
        cls, zones: Zones, members: int, periods: int, errors: ErrorSums | None = None
    ) -> ZoneSums:
        """Return sums of zero."""
        n = len(zones.names)
        shape = (n, periods)
        return cls(
            zones.kind,
            tuple(zones.names),
            np.zeros(shape),
            np.zeros(shape),
            np.zeros((members, *shape)),
            np.zeros(shape),
            np.zeros(n, dtype=int),
            np.zeros(shape),
            np.zeros(shape),
            np.zeros(shape),
            np.zeros(shape),
            np.zeros(n),
            errors,
        )


def sum_over_zones(
    product: xr.Dataset,
    variable: str,
    zones: Sequence[Zones],
    land_cover: xr.DataArray | None = None,
    errors: SumErrors | None = None,
) -> list[ZoneSums]:
    """Sum a product over zones.

    Args:
        product: ``variable`` (time, and latitude, longitude or y, x with ``crs``), and its
            ``_std``, ``_member``, ``_lower``, ``_upper`` and ``_completeness`` if they were
            kept; lazily.
        variable: The field, such as GPP.
        zones: Zones of one or more kinds.
        land_cover: IGBP classes on the product's cells, for zones by class.
        errors: How errors go together, for intervals of the sums; None for no intervals.

    Returns:
        Sums for each kind, in the order of ``zones``.
    """
    field = product[variable]
    axes = ("y", "x") if "x" in field.dims else ("latitude", "longitude")
    field = field.transpose("time", *axes)
    spread = product.get(f"{variable}_std")
    names = f"{variable}_member"
    members = product[names].sizes["member"] if names in product else 0
    periods = field.sizes["time"]
    sides = [f"{variable}_{side}" for side in ("lower", "upper")]
    bounded = errors is not None and all(side in product for side in sides)
    bounds = [product[side] for side in sides] if bounded else None
    completeness = product.get(f"{variable}_completeness")
    days, extent = _days(product), _extent_km2(product, axes)
    sums = [
        ZoneSums.empty(
            z,
            members,
            periods,
            ErrorSums(errors, len(z.names), days, extent) if errors and bounded else None,
        )
        for z in zones
    ]
    steps = field.chunksizes["time"][0] if field.chunks else periods
    for place, tile in _tiles(product, axes, land_cover):
        shares = [z.shares(tile) for z in zones]
        weights = [s.multiply(tile.area.ravel()).tocsr() for s in shares]
        places = [
            one.errors.members(share, tile) if one.errors else None
            for one, share in zip(sums, shares, strict=True)
        ]
        ever = np.zeros(tile.cells, dtype=bool)
        for start in range(0, periods, steps):
            times = slice(start, start + steps)
            inside = {"time": times, **place}
            values = _columns(field.isel(inside))
            valid = np.isfinite(values)
            ever |= valid.any(axis=1)
            filled = np.where(valid, values, 0)
            for one, weight in zip(sums, weights, strict=True):
                one.value[:, times] += weight @ filled
                one.area[:, times] += weight @ valid
            if spread is not None:
                std = np.nan_to_num(_columns(spread.transpose("time", *axes).isel(inside)))
                for one, weight in zip(sums, weights, strict=True):
                    one.spread[:, times] += weight @ np.where(valid, std, 0)
            for number in range(members):
                member = product[names].isel(member=number).transpose("time", *axes)
                values = _columns(member.isel(inside))
                values = np.where(valid & np.isfinite(values), values, filled)
                for one, weight in zip(sums, weights, strict=True):
                    one.members[number][:, times] += weight @ values
            if completeness is not None:
                share_known = _columns(completeness.transpose("time", *axes).isel(inside))
                _add_completeness(sums, weights, times, np.where(valid, share_known, np.nan))
            if bounds is not None:
                below, above = (_columns(b.transpose("time", *axes).isel(inside)) for b in bounds)
                half = np.stack([filled - below, above - filled])
                _add_bounds(sums, weights, places, times, np.where(valid, half, np.nan))
        land = ever if tile.classes is None else ever | (tile.classes.ravel() > 0)
        for one, weight in zip(sums, weights, strict=True):
            one.land += weight @ land
        for one, share in zip(sums, shares, strict=True):
            one.cells += ((share > 0) @ ever.astype(int)).astype(int)
    return sums


def _add_completeness(
    sums: Sequence[ZoneSums], weights: Sequence[Any], times: slice, completeness: np.ndarray
) -> None:
    """Add the completeness of a tile's cells (cells, periods), NaN where there is none."""
    known = np.isfinite(completeness)
    for one, weight in zip(sums, weights, strict=True):
        one.completeness[:, times] += weight @ np.where(known, completeness, 0)
        one.completeness_area[:, times] += weight @ known
        one.extrapolated[:, times] += weight @ (completeness == 0)


def _add_bounds(
    sums: Sequence[ZoneSums],
    weights: Sequence[Any],
    places: Sequence[Membership | None],
    times: slice,
    half_widths: np.ndarray,
) -> None:
    """Add the half-widths below and above a tile's values (2, cells, periods), NaN where none."""
    known = np.isfinite(half_widths).all(axis=0)
    filled = np.where(known, half_widths.clip(min=0), 0)
    for one, weight, place in zip(sums, weights, places, strict=True):
        if one.errors is not None and place is not None:
            one.bounded[:, times] += weight @ known
            one.errors.add(place, times, filled)


def _days(product: xr.Dataset) -> np.ndarray:
    """Return the starts of the periods, days since 1970."""
    return (product["time"].to_numpy() - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")


def _extent_km2(product: xr.Dataset, axes: tuple[str, str]) -> float:
    """Return the area of the grid."""
    if axes == ("y", "x"):
        return float(np.prod([np.ptp(cell_bounds(product[axis])) / 1e3 for axis in axes]))
    return float(cell_area(product).sum()) / 1e6


def _columns(field: xr.DataArray) -> np.ndarray:
    """Return a tile as (cells, periods), double precision."""
    values = field.to_numpy().astype("float64")
    return values.reshape(len(values), -1).T


def _tiles(
    product: xr.Dataset, axes: tuple[str, str], land_cover: xr.DataArray | None
) -> Iterator[tuple[dict[str, slice], Tile]]:
    """Yield the tiles of a product, each with its place on the axes."""
    crs = product["crs"].attrs["crs_wkt"] if axes == ("y", "x") else None
    bounds = [cell_bounds(product[axis]) for axis in axes]
    area = None if crs else cell_area(product).to_numpy()
    starts = [range(0, len(b), _EDGE) for b in bounds]
    for row, column in pairs(*starts):
        inside = (slice(row, row + _EDGE), slice(column, column + _EDGE))
        place = dict(zip(axes, inside, strict=True))
        rows, columns = bounds[0][inside[0]], bounds[1][inside[1]]
        classes = None
        if land_cover is not None:
            classes = land_cover.transpose(*axes).isel(place).fillna(0).to_numpy()
        own = area[inside] if area is not None else projected_area(rows, columns, str(crs))
        yield place, Tile(rows, columns, own, classes, crs)


def projected_area(rows: np.ndarray, columns: np.ndarray, crs: str) -> np.ndarray:
    """Return the area of cells (ny, nx) on the Earth: that in the projection over its scale."""
    from pyproj import CRS, Proj
    from scipy.interpolate import RectBivariateSpline

    projection: Any = Proj(CRS.from_wkt(crs))
    # The scale changes slowly: it is interpolated between a few points of the tile.
    y, x = (np.linspace(edges[0, 0], edges[-1, 1], _SCALE_POINTS) for edges in (rows, columns))
    places = projection(*np.meshgrid(x, y), inverse=True)
    scale = np.array(projection.get_factors(*places).areal_scale)
    scale[~np.isfinite(scale)] = 1.0  # beyond the edge of the map, where no cell has a value
    smooth = RectBivariateSpline(y, x, scale)(rows.mean(axis=1), columns.mean(axis=1))
    return np.outer(np.diff(rows, axis=1), np.diff(columns, axis=1)) / smooth
