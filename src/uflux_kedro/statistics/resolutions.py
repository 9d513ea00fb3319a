"""Compare a product with one of much smaller cells, over the region and the time that both have."""

from __future__ import annotations

from itertools import pairwise
from itertools import product as pairs

import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.cells import cell_area, cell_edges
from uflux_kedro.gridding.projections import (
    DEGREES,
    METRES_PER_DEGREE,
    Cells,
    project_centres,
    project_points,
)
from uflux_kedro.statistics.zone_sums import projected_area
from uflux_kedro.variables import VARIABLES

LEAST_CELLS = 10
"""Coarse cells below which no correlation is given."""

_EDGE = 1024
"""Edge of a tile of the fine product, cells."""
_PICTURE = 400
"""Cells along the longer side of the fine product's picture."""
_SHORTEST = 0.01
"""Overlap of periods that counts, days."""


def compare_resolutions(
    coarse: xr.Dataset, fine: xr.Dataset, variable: str, least_share: float = 0.5
) -> xr.Dataset:
    """Average a fine product onto the cells of a coarse one, by area, and compare both.

    Each fine cell counts, with its area on the Earth, for the coarse cell in which its centre lies.
    Both are means over the time that both have: periods of either that the other does not cover in
    full are left out. The fine product is read one tile and period at a time.

    Args:
        coarse: ``variable`` (time, latitude, longitude) and ``time_bnds``, lazily.
        fine: The same flux in the same unit: on latitude and longitude, or on ``y`` and ``x`` with
            the projection in ``crs`` (as ``crs_wkt`` of a variable of that name, or an attribute).
        variable: The flux.
        least_share: Share of a coarse cell's area that fine cells with a value have to cover.

    Returns:
        ``coarse``, ``fine``, ``difference`` (coarse less fine) and ``share`` (latitude, longitude)
        over the box that holds the fine product; ``picture`` (picture_y, picture_x), the fine product
        averaged for display, on its own axes; scalars ``cells``, ``bias``, ``RMSE``, ``r2`` (weighted
        by area; r2 is NaN for fewer than :data:`LEAST_CELLS` cells) and ``side``, the length of a
        fine cell in metres; ``attrs["period"]`` and ``attrs["crs"]``, the fine product's.

    Raises:
        InputError: If they share no region or no time, or the fine cells are not the smaller ones.
    """
    axes = ("y", "x") if "x" in fine[variable].dims else ("latitude", "longitude")
    crs = _projection(fine, axes)
    weights = _common_weights(coarse, fine, variable)
    box = _box(coarse, fine, axes, crs)
    field = fine[variable].transpose("time", *axes)
    sums = np.zeros((2, box.sizes["latitude"] * box.sizes["longitude"] + 1))
    block = -(-max(field.sizes[a] for a in axes) // _PICTURE)
    shape = tuple(-(-field.sizes[a] // block) for a in axes)
    picture = np.zeros((2, shape[0] * shape[1]))
    edges = [cell_edges(box[name].to_numpy()) for name in ("latitude", "longitude")]
    for rows, columns in pairs(*(_parts(field.sizes[axis]) for axis in axes)):
        tile = field.isel({axes[0]: rows, axes[1]: columns})
        values, known = _mean_of(tile, weights[1])
        area, places = _cells(fine, axes, rows, columns, crs, edges)
        at = np.add.outer(
            np.arange(rows.start, rows.stop) // block * shape[1],
            np.arange(columns.start, columns.stop) // block,
        )
        for which, what in enumerate((np.where(known, values, 0) * area, known * area)):
            for summed, where in ((sums, places), (picture, at.ravel())):
                summed[which] += np.bincount(where, what.ravel(), minlength=summed.shape[1])
    grid = [s[:-1].reshape(box.sizes["latitude"], -1) for s in sums]
    cells = cell_area(box).to_numpy()
    share = grid[1] / cells
    with np.errstate(invalid="ignore", divide="ignore"):
        averaged = np.where(share >= least_share, grid[0] / grid[1], np.nan)
        shown = (picture[0] / picture[1]).reshape(shape)
    times = box[variable].transpose("time", "latitude", "longitude")
    ours, valid = _mean_of(times, weights[0])
    ours = np.where(valid, ours, np.nan)
    unit = {"units": VARIABLES[variable].unit}
    place = ("latitude", "longitude")
    found = xr.Dataset(
        {
            "coarse": (place, ours, unit),
            "fine": (place, averaged, unit),
            "difference": (place, ours - averaged, unit),
            "share": (place, share, {"units": "1"}),
            "picture": (("picture_y", "picture_x"), shown, unit),
            "side": ((), _side(fine, axes, crs), {"units": "m"}),
        },
        {
            "latitude": box["latitude"],
            "longitude": box["longitude"],
            **{
                f"picture_{name}": _middles(fine[axis].to_numpy(), block)
                for name, axis in zip(("y", "x"), axes, strict=True)
            },
        },
        {"variable": variable, "crs": crs, "period": _period(fine, weights[1])},
    )
    return found.assign(_scores(ours, averaged, cells, unit))


def _projection(fine: xr.Dataset, axes: tuple[str, str]) -> str:
    if axes != ("y", "x"):
        return DEGREES
    from pyproj import CRS

    declared = fine["crs"].attrs.get("crs_wkt") if "crs" in fine else fine.attrs.get("crs")
    if not declared:
        raise InputError(
            "fine product", "crs", expected="the projection of y and x", found="no such variable"
        )
    return str(CRS.from_user_input(declared).to_wkt())


def _common_weights(
    coarse: xr.Dataset, fine: xr.Dataset, variable: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the days with which each period of either counts, zero where the other lacks it."""
    bounds = [
        (p["time_bnds"].transpose("time", ...).to_numpy() - np.datetime64("1970-01-01"))
        / np.timedelta64(1, "D")
        for p in (coarse, fine)
    ]
    (a, b), (c, d) = (edges.T for edges in bounds)
    overlap = np.minimum(b[:, None], d) - np.maximum(a[:, None], c)
    overlap = np.where(overlap > _SHORTEST, overlap, 0)
    # A period that is not covered in full leaves, and may uncover one of the other product.
    while True:
        whole = [
            np.abs(overlap.sum(axis=1) - (b - a)) < _SHORTEST,
            np.abs(overlap.sum(axis=0) - (d - c)) < _SHORTEST,
        ]
        kept = overlap * whole[0][:, None] * whole[1]
        if np.array_equal(kept, overlap):
            break
        overlap = kept
    if not overlap.any():
        spans = [f"{p.indexes['time'][0]:%Y-%m-%d} to {p.indexes['time'][-1]:%Y-%m-%d}" for p in (coarse, fine)]  # fmt: skip
        raise InputError(
            "fine product",
            f"{variable}, time",
            expected=f"whole periods in common with the product, {spans[0]}",
            found=spans[1],
        )
    return overlap.sum(axis=1), overlap.sum(axis=0)


def _box(coarse: xr.Dataset, fine: xr.Dataset, axes: tuple[str, str], crs: str) -> xr.Dataset:
    """Return the coarse product over the cells that hold the fine one."""
    y, x = (cell_edges(fine[axis].to_numpy(), axis) for axis in axes)
    border = np.linspace(0, 1, 201)
    outline = (x[0] + (x[-1] - x[0]) * border, y[0] + (y[-1] - y[0]) * border)
    longitude, latitude = project_points(crs, DEGREES, *np.meshgrid(*outline))
    inside = {}
    for name, of in (("latitude", latitude), ("longitude", longitude)):
        edges = cell_edges(coarse[name].to_numpy(), name)
        low, high = float(np.min(of)), float(np.max(of))
        inside[name] = np.flatnonzero((edges[1:] > low) & (edges[:-1] < high))
        step = float(np.diff(edges).mean())
        if inside[name].size == 0:
            raise InputError(
                "fine product",
                name,
                expected=f"cells within {edges[0]:g} to {edges[-1]:g} degrees",
                found=f"{low:g} to {high:g}",
            )
        if (high - low) / fine.sizes[axes[name == "longitude"]] > step:
            raise InputError(
                "fine product", name, expected=f"cells smaller than {step:g} degrees", found="larger ones"
            )  # fmt: skip
        # Edges of cells need two; a neighbour without fine cells has a share of zero.
        if inside[name].size == 1:
            only = int(inside[name][0])
            inside[name] = np.array([only, only + 1] if only + 2 < edges.size else [only - 1, only])
    return coarse.isel(inside)


def _parts(cells: int) -> list[slice]:
    """Return the parts of an axis, none of which is a single cell, whose edges would be unknown."""
    starts = range(0, max(cells - 1, 1), _EDGE)
    return [slice(*ends) for ends in pairwise([*starts, cells])]


def _mean_of(field: xr.DataArray, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over time of the values that are not missing, and where there is any."""
    amount, weight = np.zeros(field.shape[1:]), np.zeros(field.shape[1:])
    for number in np.flatnonzero(days):
        values = field.isel(time=number).to_numpy().astype(float)
        valid = np.isfinite(values)
        amount += np.where(valid, values, 0) * days[number]
        weight += valid * days[number]
    with np.errstate(invalid="ignore", divide="ignore"):
        return amount / weight, weight > 0


def _cells(
    fine: xr.Dataset,
    axes: tuple[str, str],
    rows: slice,
    columns: slice,
    crs: str,
    edges: list[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the area (rows, columns) of fine cells, and the number of the coarse cell of each."""
    y_edges, x_edges = (cell_edges(fine[axis].to_numpy(), axis) for axis in axes)
    y, x = y_edges[rows.start : rows.stop + 1], x_edges[columns.start : columns.stop + 1]
    if crs == DEGREES:
        longitude, latitude = np.meshgrid((x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2)
        area = cell_area(fine.isel({axes[0]: rows, axes[1]: columns})).to_numpy()
    else:
        width, height = float(np.diff(x).mean()), float(np.diff(y).mean())
        cells = Cells(crs, float(x[0]), float(y[0]), width, height, len(y) - 1, len(x) - 1)
        longitude, latitude = project_centres(cells, DEGREES, (height / METRES_PER_DEGREE,) * 2)
        rows_of, columns_of = (np.column_stack([e[:-1], e[1:]]) for e in (y, x))
        area = projected_area(rows_of, columns_of, crs)
    row, column = (
        np.searchsorted(edge, of, side="right") - 1
        for edge, of in zip(edges, (latitude, longitude), strict=True)
    )
    height, width = (len(edge) - 1 for edge in edges)
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    return area, np.where(inside, row * width + column, height * width).ravel()


def _side(fine: xr.Dataset, axes: tuple[str, str], crs: str) -> float:
    step = float(np.diff(fine[axes[0]].to_numpy()).mean())
    return step * METRES_PER_DEGREE if crs == DEGREES else step


def _middles(centres: np.ndarray, block: int) -> np.ndarray:
    """Return the middles of groups of ``block`` cells; the last group may be smaller."""
    edges = cell_edges(centres)
    low = edges[:-1:block]
    return low + block * float(np.diff(edges).mean()) / 2


def _period(fine: xr.Dataset, days: np.ndarray) -> str:
    bounds = fine["time_bnds"].transpose("time", ...).to_numpy()[days > 0]
    last = bounds.max() - np.timedelta64(1, "D")
    return f"{str(bounds.min())[:10]} to {str(last)[:10]}"


def _scores(
    ours: np.ndarray, theirs: np.ndarray, area: np.ndarray, unit: dict[str, str]
) -> dict[str, tuple[tuple[()], float, dict[str, str]]]:
    both = np.isfinite(ours) & np.isfinite(theirs)
    none = {"bias": np.nan, "RMSE": np.nan, "r2": np.nan}
    if both.any():
        p, t, w = ours[both], theirs[both], area[both] / area[both].sum()
        none["bias"] = float(np.dot(w, p - t))
        none["RMSE"] = float(np.sqrt(np.dot(w, (p - t) ** 2)))
        if both.sum() >= LEAST_CELLS:
            dp, dt = p - np.dot(w, p), t - np.dot(w, t)
            spread = np.dot(w, dp * dp) * np.dot(w, dt * dt)
            none["r2"] = float(np.dot(w, dp * dt) ** 2 / spread) if spread > 0 else np.nan
    units = {"bias": unit, "RMSE": unit, "r2": {"units": "1"}}
    found: dict[str, tuple[tuple[()], float, dict[str, str]]] = {
        name: ((), value, units[name]) for name, value in none.items()
    }
    return found | {"cells": ((), float(both.sum()), {"units": "1"})}
