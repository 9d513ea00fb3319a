"""Predictors of towers by day, sampled from the sources' cubes as daily products sample them.

No daily cube of the globe is made: the drivers of a product, lazy, are sampled at the towers block of
days by block of days, and only the maps that this needs are computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from uflux_kedro.errors import InputError
from uflux_kedro.features.derived import CO2
from uflux_kedro.features.drivers import simulated_sources
from uflux_kedro.features.products import product_drivers
from uflux_kedro.gridding.grids import ProjectedGrid, TargetGrid
from uflux_kedro.gridding.sampling import sample_at_sites
from uflux_kedro.lazy import pd, xr
from uflux_kedro.simulated import marked
from uflux_kedro.variables import parse_predictor

_BLOCK_BYTES = 2**23
"""Bytes of one field of a block of days."""


def days_at_sites(
    cubes: Mapping[str, xr.Dataset],
    grid: TargetGrid | ProjectedGrid,
    towers: pd.DataFrame,
    sites: pd.DataFrame,
    predictors: Iterable[str],
    footprint: float | None = None,
) -> pd.DataFrame:
    """Sample the predictors of days at towers, with the numbers that a product on the grid has.

    Args:
        cubes: Prefix -> the source's cube, at its own step: shorter steps are averaged to days, and
            a day within a longer one takes its value. ``IGBP`` is the land cover map.
        grid: Grid from whose cells the towers are sampled.
        towers: ``site_id`` and ``time`` of their days.
        sites: ``site_id``, ``latitude``, ``longitude``.
        predictors: Predictors of the members, those of the days before included.
        footprint: Radius in metres over which fields are averaged; None reads the tower's cell.

    Returns:
        ``site_id``, ``time``, the predictors and ``IGBP`` of the cell, for the days from the
        first of the towers to the last that all sources cover.

    Raises:
        InputError: If the sources have no day in common with the towers, or a predictor cannot be
            made from them.
    """
    wanted = list(dict.fromkeys(predictors))
    edges = _common_days(cubes, towers, wanted)
    tables = []
    for block in _blocks(edges, grid):
        drivers = product_drivers(cubes, grid, block, wanted, maps=len(block) - 1)
        tables.append(sample_at_sites(drivers, sites, footprint))
    table = pd.concat(tables, ignore_index=True)
    table = table.sort_values(["site_id", "time"], ignore_index=True)
    table.attrs = marked(simulated_sources(cubes))
    return table


def _common_days(
    cubes: Mapping[str, xr.Dataset], towers: pd.DataFrame, predictors: Iterable[str]
) -> pd.DatetimeIndex:
    """Return the edges of the days that towers and sources have."""
    first, last = towers["time"].min(), towers["time"].max() + pd.offsets.Day()
    used = {parse_predictor(name)[0] for name in predictors} | {CO2}
    low, high = first, last
    for prefix, cube in cubes.items():
        if prefix in used and "time" in cube.dims:
            bounds = cube["time_bnds"].compute().transpose("time", ...).to_numpy()
            low = max(low, pd.Timestamp(bounds[0, 0]).ceil("D"))
            high = min(high, pd.Timestamp(bounds[-1, 1]).floor("D"))
    if high <= low:
        raise InputError(
            "towers",
            "time",
            expected=f"days that the sources cover, {low:%Y-%m-%d} to {high:%Y-%m-%d}",
            found=f"{first:%Y-%m-%d} to {last:%Y-%m-%d}",
        )
    return pd.date_range(low, high, freq="D")


def _blocks(
    edges: pd.DatetimeIndex, grid: TargetGrid | ProjectedGrid
) -> Iterator[pd.DatetimeIndex]:
    cells = int(np.prod([v.size for v in grid.coordinates().indexes.values()]))
    days = int(np.clip(_BLOCK_BYTES // (4 * cells), 1, 366))
    for start in range(0, len(edges) - 1, days):
        yield edges[start : start + days + 1]
