"""Nodes of the pipeline ``feature_engineering``."""

from __future__ import annotations

from uflux_kedro.lazy import pd, xr
from uflux_kedro.schemas import FeatureParameters


def make_drivers(parameters: FeatureParameters, **cubes: xr.Dataset) -> xr.Dataset:
    """Bring all sources onto the target grid and its months, and derive their predictors."""
    from uflux_kedro.features import build_drivers

    return build_drivers(cubes, parameters.target_grid, parameters.period)


def join_drivers_at_towers(
    towers: pd.DataFrame, sites: pd.DataFrame, drivers: xr.Dataset
) -> pd.DataFrame:
    """Training table with predictors read off the drivers cube at each tower."""
    from uflux_kedro.features import build_training_table

    return build_training_table(towers, sites, drivers)


def join_tower_predictors(towers: pd.DataFrame, sites: pd.DataFrame) -> pd.DataFrame:
    """Training table with the predictors that came with the towers."""
    from uflux_kedro.features import build_training_table

    return build_training_table(towers, sites)
