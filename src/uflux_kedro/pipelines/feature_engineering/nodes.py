"""Nodes of the pipeline ``feature_engineering``."""

from __future__ import annotations

from uflux_kedro.ensemble import Member
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.features.parameters import CarryOverParameters, FeatureParameters
from uflux_kedro.lazy import pd, xr


def make_drivers(
    members: tuple[Member, ...], parameters: FeatureParameters, **cubes: xr.Dataset
) -> xr.Dataset:
    """Bring all sources onto the target grid and the same months, and derive predictors."""
    from uflux_kedro.features.antecedent import require_days
    from uflux_kedro.features.carry_over import carry_over_names
    from uflux_kedro.features.drivers import build_drivers

    require_days(_predictors(members), "MM")
    carry_over = _requested(members, parameters)
    drivers = build_drivers(cubes, parameters.target_grid, parameters.period, carry_over)
    if carry_over is None:
        return drivers
    # Each is a field of every month; those that no member uses would be computed and stored too.
    unused = set(carry_over_names(carry_over)) - _predictors(members)
    return drivers.drop_vars(unused, errors="ignore")


def join_drivers_at_towers(
    towers: pd.DataFrame,
    sites: pd.DataFrame,
    drivers: xr.Dataset,
    parameters: FeatureParameters,
) -> pd.DataFrame:
    """Build the training table with predictors read from the drivers at each tower."""
    from uflux_kedro.features.training_table import build_training_table

    return build_training_table(towers, sites, drivers, footprint=parameters.footprint)


def join_days_at_towers(
    members: tuple[Member, ...],
    towers: pd.DataFrame,
    sites: pd.DataFrame,
    parameters: FeatureParameters,
    **cubes: xr.Dataset,
) -> pd.DataFrame:
    """Build the training table of days with predictors sampled from the sources, as products do.

    Raises:
        ConfigurationError: If a member uses predictors that are made of months.
    """
    from uflux_kedro.features.days import days_at_sites
    from uflux_kedro.features.training_table import build_training_table

    if _requested(members, parameters) is not None:
        raise ConfigurationError(
            "towers.resolution: expected MM, since features.carry_over works on months; found DD. "
            "Leave these sets out with ensemble.select, such as !*CARRY*"
        )
    here = sites[sites["site_id"].isin(towers["site_id"].unique())]
    predictors = _predictors(members)
    sampled = days_at_sites(
        cubes, parameters.target_grid, towers, here, sorted(predictors), parameters.footprint
    )
    return build_training_table(towers, sites, sampled=sampled, predictors=predictors)


def join_tower_predictors(
    members: tuple[Member, ...],
    parameters: FeatureParameters,
    towers: pd.DataFrame,
    sites: pd.DataFrame,
) -> pd.DataFrame:
    """Build the training table with the predictors of the tower table."""
    from uflux_kedro.features.training_table import build_training_table

    return build_training_table(
        towers,
        sites,
        carry_over=_requested(members, parameters),
        predictors=_predictors(members),
    )


def _requested(
    members: tuple[Member, ...], parameters: FeatureParameters
) -> CarryOverParameters | None:
    """Return the block ``carry_over`` if a member uses one of its predictors."""
    from uflux_kedro.features.carry_over import carry_over_names

    if parameters.carry_over is None:
        return None
    used = _predictors(members) & set(carry_over_names(parameters.carry_over))
    return parameters.carry_over if used else None


def _predictors(members: tuple[Member, ...]) -> set[str]:
    return {name for member in members for name in member.predictors}
