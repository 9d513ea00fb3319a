"""Drivers of a product on a grid and steps of its own, made lazily from the sources' cubes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date

import numpy as np

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.features.antecedent import (
    LEAD,
    antecedent_predictors,
    inputs_of,
    split_antecedent,
)
from uflux_kedro.features.derived import CO2, LAND_COVER, derive_predictors
from uflux_kedro.features.drivers import merge_drivers, simulated_sources
from uflux_kedro.gridding.grids import ProjectedGrid, TargetGrid
from uflux_kedro.gridding.means import means_of_steps
from uflux_kedro.gridding.regrid import align
from uflux_kedro.lazy import pd, xr
from uflux_kedro.products.fingerprints import SOURCES, STORES, fingerprint, store_fingerprint
from uflux_kedro.products.periods import ProductStep
from uflux_kedro.simulated import marked

ReadDays = Callable[["xr.Dataset", "pd.DatetimeIndex", str, Collection[str], int], "xr.Dataset"]
"""Function of a source's cube, edges of days, the source's prefix, predictors of the days before and the
number of maps in memory; returns what these predictors are computed from, on these days."""

_LARGEST_IN_MEMORY = 2**28
"""Bytes up to which the land cover map is computed once and kept, not once per region and step."""

_FREQUENCIES = {"month": "MS", "day": "D", "half-year": "6MS"}


def step_edges(
    first_month: str, last_month: str, step: ProductStep, last_day: date | None = None
) -> pd.DatetimeIndex:
    """Return the edges of the steps of a product.

    Args:
        first_month: First month, YYYY-MM.
        last_month: Last month, inclusive.
        step: Length of a step.
        last_day: Last day, inclusive, where the record ends within the last month.

    Returns:
        Edges, shape (n + 1,).

    Raises:
        InputError: If the months are not a whole number of steps.
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
    """Refuse drivers that do not cover all months of a product.

    Args:
        drivers: With ``time_bnds``.
        first_month: First month, YYYY-MM.
        last_month: Last month, inclusive.
        last_day: Last day, inclusive, where the record ends within the last month.

    Raises:
        InputError: Names the period that is required and the one that the drivers cover.
    """
    first = pd.Timestamp(first_month)
    # The last period may end later: periods of four days cross the ends of months.
    last = _end(last_month, last_day)
    bounds = drivers["time_bnds"].compute().transpose("time", ...).to_numpy()
    found = "nothing"
    if len(bounds):
        without_gaps = (bounds[1:, 0] == bounds[:-1, 1]).all()
        if bounds[0, 0] <= first and bounds[-1, 1] >= last and without_gaps:
            return
        gaps = "" if without_gaps else ", with gaps"
        found = f"{bounds[0, 0]:.10} to {bounds[-1, 1]:.10}{gaps}"
    raise InputError(
        "drivers",
        "time",
        expected=f"periods from {first:%Y-%m-%d} to {last:%Y-%m-%d}",
        found=found,
        hint="Set inference.first_month and last_month to months that the sources cover",
    )


def product_drivers(
    cubes: Mapping[str, xr.Dataset],
    grid: TargetGrid | ProjectedGrid,
    edges: pd.DatetimeIndex,
    predictors: Iterable[str],
    maps: int = 1,
    reader: ReadDays | None = None,
) -> xr.Dataset:
    """Bring the sources onto a product's grid and steps, and keep the requested predictors.

    Args:
        cubes: Prefix -> the source's cube. ``IGBP`` is the land cover map; ``CO2``, the CO2
            record, is required for iWUE alone.
        grid: The product's grid.
        edges: Edges of its steps, shape (n + 1,).
        predictors: Predictors of the members. Those of the days before (:mod:`.antecedent`) are
            computed on the source's own cells, from up to :data:`~.antecedent.LEAD` days before the
            first step, as far as the source has them.
        maps: Steps that are regridded at a time.
        reader: How the days of a source are read for the predictors of the days before; None
            reads all of them for each call.

    Returns:
        The drivers, lazy: predictors (time and the grid's axes), ``IGBP``, ``time_bnds``.
        ``attrs["sources"]`` is a fingerprint of their inputs, of which ``encoding["source_stores"]``
        lists the stores.

    Raises:
        InputError: If a source does not cover the steps, or a predictor cannot be made.
    """
    wanted = set(predictors)
    needed = {p for p in cubes if any(name.startswith(f"{p}_") for name in wanted)}
    used = {p: c for p, c in cubes.items() if p in {*needed, CO2}}
    sources = {p: means_of_steps(c, edges, p, maps) for p, c in used.items()}
    co2 = sources.pop(CO2)["CO2"] if CO2 in sources else None
    aligned = {
        prefix: _keep_wanted(derive_predictors(align(cube, grid), co2=co2), prefix, wanted)
        for prefix, cube in sources.items()
    }
    for prefix, cube in aligned.items():
        before = _antecedents(cubes[prefix], edges, prefix, wanted, maps, reader or read_days)
        if before is not None:
            aligned[prefix] = cube.assign(align(before, grid).data_vars)
    land_cover = align(cubes[LAND_COVER], grid)
    if land_cover[LAND_COVER].nbytes <= _LARGEST_IN_MEMORY:
        land_cover = land_cover.assign({LAND_COVER: land_cover[LAND_COVER].variable.compute()})
    drivers = merge_drivers(aligned, land_cover)
    missing = wanted - set(map(str, drivers.data_vars))
    if missing:
        raise InputError(
            "product drivers",
            ", ".join(sorted(missing)),
            expected="predictors that can be made from the sources",
            found=f"the sources {', '.join(cubes)}",
            hint="Exclude the members that need them with ensemble.select, or add the sources",
        )
    drivers = drivers.drop_vars([n for n in drivers.data_vars if n not in {*wanted, "IGBP"}])
    made_from = {p: _identity(cubes[p]) for p in cubes}
    attrs = {SOURCES: fingerprint([made_from, str(grid), [str(e) for e in edges]])}
    attrs |= marked(simulated_sources(cubes))
    if isinstance(grid, ProjectedGrid):
        attrs["crs"] = grid.crs
    drivers = drivers.drop_encoding().assign_attrs(attrs)
    stores = {p: cube.encoding["source"] for p, cube in cubes.items() if "source" in cube.encoding}
    drivers.encoding[STORES] = {url: made_from[p] for p, url in stores.items()}
    return drivers


def read_days(
    cube: xr.Dataset, edges: pd.DatetimeIndex, prefix: str, names: Collection[str], maps: int
) -> xr.Dataset:
    """Return what predictors of the days before are computed from, lazily."""
    days = derive_predictors(means_of_steps(cube, edges, prefix, maps))
    return days[[str(n) for n in days.data_vars if n in inputs_of(names)]]


def _antecedents(
    cube: xr.Dataset,
    edges: pd.DatetimeIndex,
    prefix: str,
    wanted: set[str],
    maps: int,
    reader: ReadDays,
) -> xr.Dataset | None:
    """Return predictors of the days before, on the source's own cells; None if none is wanted.

    They are linear but for dry spells, and the source's cells are fewer than those of a fine
    product: no map is regridded for the days before.
    """
    own = {n.removeprefix(f"{prefix}_") for n in wanted if n.startswith(f"{prefix}_")}
    names = sorted(n for n in own if split_antecedent(n)[0])
    if not names:
        return None
    if (np.diff(edges) != np.timedelta64(1, "D")).any():
        raise ConfigurationError(
            f"{prefix}_{names[0]} is of the days before: expected products, and members, of days; "
            "found longer steps"
        )
    first = cube["time_bnds"].min().compute().to_numpy()
    lead = pd.date_range(edges[0] - LEAD * pd.offsets.Day(), edges[0], inclusive="left")
    days = reader(cube, lead[lead >= first].append(edges), prefix, names, maps)
    made = antecedent_predictors(days, names, last=len(edges) - 1)
    return made.chunk({d: maps if d == "time" else -1 for d in made.dims})


def _keep_wanted(cube: xr.Dataset, prefix: str, wanted: set[str]) -> xr.Dataset:
    return cube.drop_vars([n for n in cube.data_vars if f"{prefix}_{n}" not in wanted])


def _identity(cube: xr.Dataset) -> str:
    url = cube.encoding.get("source")
    return store_fingerprint(url) if url else fingerprint(cube.to_dict())
