"""Drivers of a product on its own grid and steps, made lazily from the sources' cubes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise
from typing import Literal

import numpy as np

from uflux_kedro.errors import InputError
from uflux_kedro.features.derived import CO2, LAND_COVER, derive_predictors
from uflux_kedro.features.drivers import merge_drivers
from uflux_kedro.gridding.grids import ProjectedGrid, TargetGrid
from uflux_kedro.gridding.regrid import align
from uflux_kedro.lazy import pd, xr
from uflux_kedro.products.fingerprints import SOURCES, fingerprint, store_identity

Step = Literal["month", "day", "half-year"]

_HELD = 2**28
"""Bytes of a land cover map that is made once and held, not anew for the regions of every step."""

_FREQUENCIES = {"month": "MS", "day": "D", "half-year": "6MS"}


def step_edges(
    first_month: str, last_month: str, step: Step, last_day: date | None = None
) -> pd.DatetimeIndex:
    """Edges of the steps from the first month to the last, or to a day in it, included.

    Raises:
        InputError: If the months are no whole number of steps.
    """
    end = _end(last_month, last_day)
    edges = pd.date_range(first_month, end, freq=_FREQUENCIES[step])
    if edges[-1] != end:
        raise InputError(
            "inference",
            "last_month",
            expected=f"the end of a {step} that begins with {first_month}",
            found=last_month,
        )
    return edges


def _end(last_month: str, last_day: date | None) -> pd.Timestamp:
    if last_day is not None:
        return pd.Timestamp(last_day) + pd.offsets.Day()
    return pd.Timestamp(last_month) + pd.offsets.MonthBegin()


def require_months(
    drivers: xr.Dataset, first_month: str, last_month: str, last_day: date | None = None
) -> None:
    """Refuse drivers that are not there from the first month to the last, or to a day in it.

    Raises:
        InputError: Naming the months that are asked for and those that are there.
    """
    first = pd.Timestamp(first_month)
    # The last period may reach beyond, as the four days at a month's end do.
    last = _end(last_month, last_day)
    bounds = drivers["time_bnds"].compute().transpose("time", ...).to_numpy()
    found = "nothing"
    if len(bounds):
        whole = (bounds[1:, 0] == bounds[:-1, 1]).all()
        if bounds[0, 0] <= first and bounds[-1, 1] >= last and whole:
            return
        found = f"{bounds[0, 0]:.10} to {bounds[-1, 1]:.10}" + ("" if whole else ", with gaps")
    raise InputError(
        "drivers",
        "time",
        expected=f"periods from {first:%Y-%m-%d} to {last:%Y-%m-%d}",
        found=found,
        hint="Set inference.first_month and last_month to what the sources have",
    )


def product_drivers(
    cubes: Mapping[str, xr.Dataset],
    grid: TargetGrid | ProjectedGrid,
    edges: pd.DatetimeIndex,
    predictors: Iterable[str],
) -> xr.Dataset:
    """Bring the sources onto a product's grid and steps, as far as predictors ask for them.

    Args:
        cubes: Prefix -> the source's cube; with them the land cover map as ``IGBP`` and, for
            iWUE, the CO2 record as ``CO2``.
        grid: The product's grid.
        edges: Edges (n + 1,) of its steps.
        predictors: What members ask for.

    Returns:
        The drivers, lazily: predictors (time, and the grid's axes), ``IGBP``, ``time_bnds``.
        ``attrs["sources"]`` tells what they are made from.

    Raises:
        InputError: If a source does not cover the steps, or a predictor cannot be made.
    """
    wanted = set(predictors)
    needed = {p for p in cubes if any(name.startswith(f"{p}_") for name in wanted)}
    sources = {p: on_steps(c, edges, p) for p, c in cubes.items() if p in {*needed, CO2}}
    co2 = sources.pop(CO2)["CO2"] if CO2 in sources else None
    aligned = {
        prefix: _named(derive_predictors(align(cube, grid), co2=co2), prefix, wanted)
        for prefix, cube in sources.items()
    }
    land_cover = align(cubes[LAND_COVER], grid)
    if land_cover[LAND_COVER].nbytes <= _HELD:
        land_cover = land_cover.assign({LAND_COVER: land_cover[LAND_COVER].variable.compute()})
    drivers = merge_drivers(aligned, land_cover)
    missing = wanted - set(map(str, drivers.data_vars))
    if missing:
        raise InputError(
            "product drivers",
            ", ".join(sorted(missing)),
            expected="predictors that the sources give on any grid",
            found=f"the sources {', '.join(cubes)}",
            hint="Leave members that need them out by ensemble.select",
        )
    drivers = drivers.drop_vars([n for n in drivers.data_vars if n not in {*wanted, "IGBP"}])
    made_from = {p: _identity(cubes[p]) for p in cubes}
    attrs = {SOURCES: fingerprint([made_from, str(grid), [str(e) for e in edges]])}
    if isinstance(grid, ProjectedGrid):
        attrs["crs"] = grid.crs
    return drivers.drop_encoding().assign_attrs(attrs)


def _named(cube: xr.Dataset, prefix: str, wanted: set[str]) -> xr.Dataset:
    return cube.drop_vars([n for n in cube.data_vars if f"{prefix}_{n}" not in wanted])


def _identity(cube: xr.Dataset) -> str:
    url = cube.encoding.get("source")
    return store_identity(url) if url else fingerprint(cube.to_dict())


def on_steps(cube: xr.Dataset, edges: pd.DatetimeIndex, source: str) -> xr.Dataset:
    """Mean of a cube over each step, its periods weighted by their share.

    A step within one longer period has that period's values.

    Args:
        cube: With ``time`` and ``time_bnds``.
        edges: Edges (n + 1,) of the steps, in order.
        source: Name, for the message.

    Returns:
        The cube on the steps (n), with their ``time_bnds``, lazily.

    Raises:
        InputError: If the cube does not cover the steps.
    """
    starts, ends = cube["time_bnds"].compute().transpose("time", ...).to_numpy().T
    low, high = edges[:-1].to_numpy(), edges[1:].to_numpy()
    first = np.searchsorted(ends, low, "right")
    last = np.searchsorted(starts, high, "left")
    if starts[0] > low[0] or ends[-1] < high[-1] or (first >= last).any():
        raise InputError(
            source,
            "time",
            expected=f"periods from {low[0]:.10} to {high[-1]:.10}".replace("T", " "),
            found=f"{pd.Timestamp(starts[0]):%Y-%m-%d} to {pd.Timestamp(ends[-1]):%Y-%m-%d}",
        )
    # Fields grow on a finer grid: one period at a time is in memory.
    fields = cube.drop_vars("time_bnds").chunk(time=1)
    if (last - first == 1).all():
        stepped = fields.isel(time=first)
    else:
        means = []
        for i, j, (begin, end) in zip(first, last, pairwise(edges.to_numpy()), strict=True):
            overlap = np.minimum(ends[i:j], end) - np.maximum(starts[i:j], begin)
            weights = xr.DataArray(overlap / (end - begin), dims="time")
            part = fields.isel(time=slice(i, j)).weighted(weights)
            means.append(part.mean("time", keep_attrs=True).astype("float32", keep_attrs=True))
        stepped = xr.concat(means, "time")
    stepped = stepped.assign_coords(time=("time", low, dict(cube["time"].attrs)))
    bounds = ("time", "bnds"), np.column_stack([low, high])
    return stepped.assign_coords(time_bnds=bounds).assign_attrs(cube.attrs)
