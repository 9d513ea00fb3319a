"""Drivers: the cube of all predictors, with every source on one grid and the same months."""

from __future__ import annotations

from collections.abc import Mapping

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.features.calendar import calendar_features
from uflux_kedro.features.carry_over import carry_over_predictors
from uflux_kedro.features.derived import CO2, LAND_COVER, derive_predictors
from uflux_kedro.features.months import Period, common_months, select_months
from uflux_kedro.features.parameters import CarryOverParameters
from uflux_kedro.gridding.grids import ProjectedGrid, TargetGrid
from uflux_kedro.gridding.means import monthly_means
from uflux_kedro.gridding.regrid import align
from uflux_kedro.lazy import xr
from uflux_kedro.simulated import mark_of, marked
from uflux_kedro.variables import VARIABLES


def build_drivers(
    cubes: Mapping[str, xr.Dataset],
    grid: TargetGrid | ProjectedGrid,
    period: Period = "common",
    carry_over: CarryOverParameters | None = None,
) -> xr.Dataset:
    """Bring every source onto one grid and the same months, and add derived predictors.

    Derived variables are computed on the target grid, so that they agree there with their inputs
    (NIRv is NDVI times NIR in every cell).

    Args:
        cubes: Prefix -> the source's cube. ``IGBP`` is the land cover map; ``CO2``, the CO2
            record, is required for iWUE alone.
        grid: Target grid.
        period: ``common`` keeps the months that all sources have; ``strict`` refuses a source
            in which months are missing.
        carry_over: Inputs of the carry-over predictors; None makes none.

    Returns:
        Dataset of predictors, float32 (time, latitude, longitude), lazy; ``IGBP`` (latitude,
        longitude) int8, 0 where there is no land; ``Latitude`` (latitude); ``DoY_sin``,
        ``DoY_cos``, ``Year`` (time); ``time_bnds``. ``attrs["simulated"]`` names the sources that
        are simulated.

    Raises:
        ConfigurationError: If the land cover map, or any other source, is absent.
        InputError: If no month is common, or ``strict`` finds a source with missing months.
    """
    if LAND_COVER not in cubes or not set(cubes) - {LAND_COVER, CO2}:
        raise ConfigurationError(
            f"Drivers need the land cover map {LAND_COVER} and at least one other source: "
            f"found {', '.join(cubes) or 'none'}. Name them in the block grids"
        )
    sources = {p: monthly_means(cube, p) for p, cube in cubes.items() if p != LAND_COVER}
    months = common_months(sources, period)
    sources = {p: select_months(cube, months) for p, cube in sources.items()}
    co2 = align(sources.pop(CO2), grid)["CO2"] if CO2 in sources else None
    aligned = {p: derive_predictors(align(cube, grid), co2=co2) for p, cube in sources.items()}
    drivers = merge_drivers(aligned, align(cubes[LAND_COVER], grid))
    drivers = drivers.assign_attrs(marked(simulated_sources(cubes)))
    if carry_over is None:
        return drivers
    inputs = drivers if co2 is None else drivers.assign(CO2=co2)
    return drivers.merge(carry_over_predictors(inputs, carry_over))


def simulated_sources(cubes: Mapping[str, xr.Dataset]) -> str:
    """Return the mark of simulated data of drivers: the sources that have one."""
    return ", ".join(prefix for prefix, cube in cubes.items() if mark_of(cube))


def merge_drivers(sources: Mapping[str, xr.Dataset], land_cover: xr.Dataset) -> xr.Dataset:
    """Join sources on the same grid and months into one dataset of predictors.

    Args:
        sources: Prefix -> cube, all with the same coordinates.
        land_cover: ``IGBP`` (latitude, longitude) on the same grid.

    Returns:
        The drivers; see :func:`build_drivers`.
    """
    from uflux_kedro.statistics.means import period_days  # imports xarray

    drivers = xr.merge(
        [
            cube.rename({name: f"{prefix}_{name}" for name in cube.data_vars})
            for prefix, cube in sources.items()
        ]
        + [land_cover],
        join="exact",
        # Only time_bnds is in several cubes, and it is the same in all.
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
