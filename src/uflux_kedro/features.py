"""Predictors, made by the same functions for a table of towers and for a cube.

A place and month thus have the same numbers in ``training_table`` and in ``drivers``, under the
same names: ``SOURCE_VARIABLE`` (``ERA5_TA``, ``MODIS_NIRv``), and ``IGBP``, ``Latitude``,
``DoY_sin``, ``DoY_cos``, ``Year``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from uflux_kedro.carry_over import (
    carry_over_at_towers,
    carry_over_names,
    carry_over_predictors,
)
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.gridding.alignment import (
    Period,
    TargetGrid,
    align,
    common_months,
    select_months,
)
from uflux_kedro.gridding.means import monthly_means
from uflux_kedro.gridding.projected import ProjectedGrid
from uflux_kedro.gridding.sampling import sample_at_sites
from uflux_kedro.lazy import pd, xr
from uflux_kedro.readers.sites import check_igbp, check_metadata
from uflux_kedro.schemas import CarryOverParameters, ColumnSpec
from uflux_kedro.variables import FLUXES, IGBP_CLASSES, SITE_PREDICTORS, VARIABLES, variable_of

logger = logging.getLogger(__name__)

DAYS_PER_YEAR = 365.25

LAND_COVER, CO2 = "IGBP", "CO2"
"""Sources that are no predictors of their own: the land cover map and the CO2 record."""


class _Derivation(NamedTuple):
    """A variable, what it needs, and the formula's arguments in that order."""

    variable: str
    needs: tuple[str, ...]
    formula: Callable[..., Any]


def _derivations() -> tuple[_Derivation, ...]:
    # The formulas bring xarray with them, which naming a predictor must not wait for.
    from uflux_kedro.biophysics.pmodel import iwue
    from uflux_kedro.biophysics.vapour_pressure import (
        vpd_from_dewpoint,
        vpd_from_specific_humidity,
    )
    from uflux_kedro.biophysics.vegetation_indices import evi2, ndvi, nirv

    return (
        _Derivation("NDVI", ("NIR", "RED"), ndvi),
        _Derivation("EVI2", ("NIR", "RED"), evi2),
        _Derivation("NIRv", ("NIR", "RED"), nirv),
        _Derivation("VPD", ("TA", "TD"), vpd_from_dewpoint),
        _Derivation("VPD", ("TA", "QV", "PA"), vpd_from_specific_humidity),
        _Derivation("iWUE", ("TA", "VPD", "PA", "CO2"), iwue),
    )


def derive_predictors(
    data: Any, prefix: str = "", co2: xr.DataArray | pd.Series | None = None
) -> Any:
    """Add NDVI, EVI2, NIRv, VPD and iWUE where a source has what they need and not them.

    Args:
        data: A source's cube, or a table with its columns; canonical units.
        prefix: Source whose names are ``<prefix>_<variable>``; empty for a cube's own names.
        co2: CO2 of the same months, umol mol-1; None takes ``CO2`` from ``data`` if it is there.

    Returns:
        The same kind of data with the new variables, lazily where the inputs are lazy.
    """
    for variable, needs, formula in _derivations():
        inputs = {n: _input(data, n, prefix, co2) for n in needs}
        name = _named(variable, prefix)
        if name in data or any(values is None for values in inputs.values()):
            continue
        if isinstance(data, pd.DataFrame):
            values = formula(**{n: column.to_numpy() for n, column in inputs.items()})
        else:
            values = formula(**inputs).astype("float32").transpose(*inputs[needs[0]].dims)
            values.attrs = VARIABLES[variable].cf_attributes()
        data = data.assign(**{name: values})
    return data


def _named(variable: str, prefix: str) -> str:
    return f"{prefix}_{variable}" if prefix else variable


def _input(data: Any, variable: str, prefix: str, co2: Any) -> Any:
    """Values of a source's variable, or of the CO2 that all sources share; None if absent."""
    if _named(variable, prefix) in data:
        return data[_named(variable, prefix)]
    if variable == CO2:
        return data.get(CO2) if co2 is None else co2
    return None


_SHORTEST_MONTH, _LONGEST_MONTH = 28, 31
_DAYS: Mapping[str, float | None] = {"MM": None, "WW": 7.0, "DD": 1.0}
"""Resolution of towers -> length of the periods."""


def calendar_features(
    time: pd.DatetimeIndex, days: float | np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Season and year of each period.

    A month's season is that of its first day, as in the reference. A day, and half a year, have
    the season of a month about the same middle, or what was learnt of months would not hold for
    them.

    Args:
        time: Starts of the periods.
        days: Their lengths; None for months.

    Returns:
        ``DoY_sin`` and ``DoY_cos``, sine and cosine of 2 pi doy / 365.25, and ``Year``; float32.
    """
    season = time.day_of_year.to_numpy().astype(float)
    if days is not None:
        month = (np.asarray(days) >= _SHORTEST_MONTH) & (np.asarray(days) <= _LONGEST_MONTH)
        season += np.where(month, 0.0, (np.asarray(days) - DAYS_PER_YEAR / 12) / 2)
    angle = 2 * np.pi * season / DAYS_PER_YEAR
    features = {"DoY_sin": np.sin(angle), "DoY_cos": np.cos(angle), "Year": time.year.to_numpy()}
    return {name: values.astype("float32") for name, values in features.items()}


def igbp_codes(classes: pd.Series) -> pd.Series:
    """Codes (int8) of IGBP classes written as names, such as ENF."""
    return classes.map(IGBP_CLASSES).astype("int8")


def build_drivers(
    cubes: Mapping[str, xr.Dataset],
    grid: TargetGrid | ProjectedGrid,
    period: Period = "common",
    carry_over: CarryOverParameters | None = None,
) -> xr.Dataset:
    """Bring every source onto one grid and one record of months, and add what they imply.

    Derived variables are computed on the target grid, so that they agree there with the
    variables that they come from (NIRv is NDVI times NIR in every cell).

    Args:
        cubes: Prefix -> the source's cube; with them the land cover map as ``IGBP`` and, for
            iWUE, the CO2 record as ``CO2``.
        grid: The target.
        period: ``common`` keeps the months that all sources have; ``strict`` refuses a source
            that lacks any.
        carry_over: Of what predictors that carry over to unseen towers are made; None for none.

    Returns:
        Dataset of predictors, float32 (time, latitude, longitude), lazy; ``IGBP`` (latitude,
        longitude) int8, 0 where there is no land; ``Latitude`` (latitude); ``DoY_sin``,
        ``DoY_cos``, ``Year`` (time); ``time_bnds``.

    Raises:
        ConfigurationError: If there is no land cover map or no other source.
        InputError: If a source lacks months.
    """
    if LAND_COVER not in cubes or not set(cubes) - {LAND_COVER, CO2}:
        raise ConfigurationError(
            f"Drivers need the land cover map {LAND_COVER} and a source besides: "
            f"found {', '.join(cubes) or 'none'}"
        )
    sources = {p: monthly_means(cube, p) for p, cube in cubes.items() if p != LAND_COVER}
    months = common_months(sources, period)
    sources = {p: select_months(cube, months) for p, cube in sources.items()}
    co2 = align(sources.pop(CO2), grid)["CO2"] if CO2 in sources else None
    aligned = {p: derive_predictors(align(cube, grid), co2=co2) for p, cube in sources.items()}
    drivers = merge_drivers(aligned, align(cubes[LAND_COVER], grid))
    if carry_over is None:
        return drivers
    inputs = drivers if co2 is None else drivers.assign(CO2=co2)
    return drivers.merge(carry_over_predictors(inputs, carry_over))


def merge_drivers(sources: Mapping[str, xr.Dataset], land_cover: xr.Dataset) -> xr.Dataset:
    """Join sources that share grid and months under their predictors' names.

    Args:
        sources: Prefix -> cube, all with the same coordinates.
        land_cover: ``IGBP`` (latitude, longitude) on the same grid.

    Returns:
        The drivers; see :func:`build_drivers`.
    """
    from uflux_kedro.gridding.statistics import period_days  # brings xarray with it

    drivers = xr.merge(
        [
            cube.rename({name: f"{prefix}_{name}" for name in cube.data_vars})
            for prefix, cube in sources.items()
        ]
        + [land_cover],
        join="exact",
        # Only time_bnds stands in several, and is the same in all.
        compat="override",
        combine_attrs="drop_conflicts",
    ).drop_attrs(deep=False)
    days = period_days(drivers).to_numpy() if "time_bnds" in drivers else None
    features = {
        name: ("time", values, VARIABLES[name].cf_attributes())
        for name, values in calendar_features(drivers.indexes["time"], days).items()
    }
    latitude = drivers.latitude.astype("float32").drop_attrs()
    features["Latitude"] = latitude.assign_attrs(VARIABLES["Latitude"].cf_attributes())
    return drivers.assign(features)


def build_training_table(
    towers: pd.DataFrame,
    sites: pd.DataFrame,
    drivers: xr.Dataset | None = None,
    carry_over: CarryOverParameters | None = None,
    footprint: float | None = None,
) -> pd.DataFrame:
    """Join the towers' fluxes with predictors for the same place and period.

    Args:
        towers: Fluxes by ``site_id`` and ``time``; without ``drivers`` their predictors too.
        sites: Place and IGBP class of each tower.
        drivers: Cube to read the predictors off; None takes those that stand in ``towers``.
        carry_over: Without ``drivers``, of what predictors that carry over to unseen towers are
            made; None for none.
        footprint: Of ``drivers``, the radius in metres over which a tower's fields are averaged;
            None reads its cell.

    Returns:
        ``site_id``, ``time``, ``latitude``, ``longitude`` (of the tower), ``climate``, fluxes and
        their ``_QC``, predictors. IGBP is the code of the tower's own class, since the map's
        cell holds many covers; Latitude is the cell's, or without a cube the tower's.

    Raises:
        InputError: If a tower has no metadata, stands outside the grid, or no period is shared.
    """
    check_metadata(towers, sites, "towers")
    check_igbp(sites, "sites")
    sites = sites[sites["site_id"].isin(towers["site_id"])]
    fluxes = [c for c in towers if c.removesuffix("_QC") in FLUXES]
    keys = ["site_id", "time"]
    if drivers is None:
        days = _DAYS[towers.attrs.get("resolution", "MM")]
        table = _with_tower_predictors(towers.merge(sites, on="site_id"), days)
        if carry_over is not None:
            _require_months(towers, "features.carry_over makes predictors of months")
            table = carry_over_at_towers(table, carry_over)
    else:
        _require_months(towers, "grids are brought to months")
        sampled = sample_at_sites(drivers, sites, footprint).drop(columns="IGBP")
        table = towers[[*keys, *fluxes]].merge(sites, on="site_id").merge(sampled, on=keys)
        _report_dropped(towers, table, drivers)
    table["IGBP"] = igbp_codes(table["IGBP"])
    first = [*keys, "latitude", "longitude", "climate", *fluxes]
    rest = [c for c in table if c not in first and c != "elevation"]
    table = table[first + rest].sort_values(keys, ignore_index=True)
    table.attrs = dict(towers.attrs)
    return table


def offered_by_table(
    table: Path,
    columns: Mapping[str, ColumnSpec | str],
    carry_over: CarryOverParameters | None = None,
) -> set[str]:
    """Fluxes and predictors that a tidy table comes to, derived ones included.

    Args:
        table: File, or folder of files.
        columns: As for :func:`uflux_kedro.readers.tidy.read_tidy`.
        carry_over: As for :func:`build_training_table`.

    Returns:
        Names of which the table holds at least one value, and what follows from them.
    """
    from uflux_kedro.readers.tidy import columns_with_values

    offered = columns_with_values(table, columns)
    for prefix in {_prefix(name) for name in offered} - {""}:
        for variable, needs, _ in _derivations():
            if all(f"{prefix}_{n}" in offered or (n == CO2 and CO2 in offered) for n in needs):
                offered.add(f"{prefix}_{variable}")
    if carry_over is not None:
        offered.update(carry_over_names(carry_over, offered))
    return offered | set(SITE_PREDICTORS)


def _with_tower_predictors(table: pd.DataFrame, days: float | None) -> pd.DataFrame:
    """Complete the predictors of a table that already has some."""
    for prefix in dict.fromkeys(_prefix(c) for c in table):
        if prefix:
            table = derive_predictors(table, prefix)
    features = calendar_features(pd.DatetimeIndex(table["time"]), days)
    return table.assign(**features, Latitude=table["latitude"])


def _require_months(towers: pd.DataFrame, because: str) -> None:
    resolution = towers.attrs.get("resolution", "MM")
    if resolution != "MM":
        raise ConfigurationError(f"{because}, towers.resolution is {resolution}: expected MM")


def _prefix(column: str) -> str:
    """Source of a predictor's column; empty for any other column."""
    if column in VARIABLES or column.endswith("_QC"):
        return ""
    try:
        variable = variable_of(column).name
    except ConfigurationError:
        return ""
    return column.removesuffix(f"_{variable}")


def _report_dropped(towers: pd.DataFrame, table: pd.DataFrame, drivers: xr.Dataset) -> None:
    first, last = drivers.indexes["time"][[0, -1]]
    covered = f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    if table.empty:
        raise InputError(
            "towers",
            "time",
            expected=f"periods that the drivers have, {covered}",
            found=f"{towers['time'].min():%Y-%m-%d} to {towers['time'].max():%Y-%m-%d}",
        )
    if len(table) < len(towers):
        logger.warning(
            "%d of %d rows of the towers lie outside the drivers' record, %s",
            len(towers) - len(table), len(towers), covered,
        )  # fmt: skip
