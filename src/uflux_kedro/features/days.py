"""Predictors of towers by day, sampled from the sources' cubes as daily products sample them.

No daily cube of the globe is made: the drivers of a product, lazy, are sampled at the towers block of
days by block of days, and only the maps that this needs are computed. The
days before a block stay in memory from the blocks before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import numpy as np

from uflux_kedro.errors import InputError
from uflux_kedro.features.antecedent import LEAD
from uflux_kedro.features.derived import CO2
from uflux_kedro.features.drivers import simulated_sources
from uflux_kedro.features.products import product_drivers, read_days
from uflux_kedro.gridding.grids import ProjectedGrid, TargetGrid
from uflux_kedro.gridding.sampling import sample_at_sites
from uflux_kedro.lazy import pd, xr
from uflux_kedro.simulated import marked
from uflux_kedro.variables import parse_predictor

_BLOCK_BYTES = 2**23
"""Bytes of one field of a block of days."""
_CELLS = 64
"""Cells along each axis whose windows are computed at a time."""


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
    kept = _KeptDays()
    tables = []
    for block in _blocks(edges, grid):
        drivers = product_drivers(cubes, grid, block, wanted, len(block) - 1, kept.read)
        tables.append(sample_at_sites(drivers, sites, footprint))
    table = pd.concat(tables, ignore_index=True)
    table = table.sort_values(["site_id", "time"], ignore_index=True)
    table.attrs = marked(simulated_sources(cubes))
    return table


class _KeptDays:
    """Days of the sources in memory, so that each is read once though windows reach back from each block.

    Of each variable that predictors of the days before are computed from, as many maps on the
    source's own cells are kept as a window reaches back.
    """

    def __init__(self) -> None:
        self._days: dict[str, xr.Dataset] = {}

    def read(
        self,
        cube: xr.Dataset,
        edges: pd.DatetimeIndex,
        prefix: str,
        names: Collection[str],
        maps: int,
    ) -> xr.Dataset:
        """Return the days within some edges, which must not begin before those of the call before."""
        kept = self._days.get(prefix)
        new = edges if kept is None else edges[edges > kept.indexes["time"][-1]]
        days = read_days(cube, new, prefix, names, maps).compute()
        if kept is not None:
            days = xr.concat([kept.sel(time=slice(edges[0], None)), days], "time")
        self._days[prefix] = days.isel(time=slice(-LEAD, None))
        # A name of its own spares dask from reading all values to make one.
        token = f"{prefix}-{id(self)}-{edges[0]:%Y%m%d}-{edges[-1]:%Y%m%d}"
        cells = {d: -1 if d == "time" else _CELLS for d in days.dims}
        return days.chunk(cells, token=token)


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
