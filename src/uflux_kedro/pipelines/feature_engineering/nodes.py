"""Nodes of the pipeline ``feature_engineering``."""

from __future__ import annotations

from uflux_kedro.ensemble import Member
from uflux_kedro.features.parameters import CarryOverParameters, FeatureParameters
from uflux_kedro.lazy import pd, xr


def make_drivers(
    members: tuple[Member, ...], parameters: FeatureParameters, **cubes: xr.Dataset
) -> xr.Dataset:
    """Bring all sources onto the target grid and its months, and derive their predictors."""
    from uflux_kedro.features.carry_over import carry_over_names
    from uflux_kedro.features.drivers import build_drivers

    carry_over = _asked_for(members, parameters)
    drivers = build_drivers(cubes, parameters.target_grid, parameters.period, carry_over)
    if carry_over is None:
        return drivers
    # Each is a field of every month, and what no member asks for would be computed and kept too.
    unasked = set(carry_over_names(carry_over)) - _predictors(members)
    return drivers.drop_vars(unasked, errors="ignore")


def join_drivers_at_towers(
    towers: pd.DataFrame,
    sites: pd.DataFrame,
    drivers: xr.Dataset,
    parameters: FeatureParameters,
) -> pd.DataFrame:
    """Training table with predictors read off the drivers cube at each tower."""
    from uflux_kedro.features.training_table import build_training_table

    return build_training_table(towers, sites, drivers, footprint=parameters.footprint)


def join_tower_predictors(
    members: tuple[Member, ...],
    parameters: FeatureParameters,
    towers: pd.DataFrame,
    sites: pd.DataFrame,
) -> pd.DataFrame:
    """Training table with the predictors that came with the towers."""
    from uflux_kedro.features.training_table import build_training_table

    return build_training_table(towers, sites, carry_over=_asked_for(members, parameters))


def _asked_for(
    members: tuple[Member, ...], parameters: FeatureParameters
) -> CarryOverParameters | None:
    """The block ``carry_over`` if a member has a predictor of it."""
    from uflux_kedro.features.carry_over import carry_over_names

    if parameters.carry_over is None:
        return None
    asked = _predictors(members)
    return (
        None if asked.isdisjoint(carry_over_names(parameters.carry_over)) else parameters.carry_over
    )


def _predictors(members: tuple[Member, ...]) -> set[str]:
    return {name for member in members for name in member.predictors}
