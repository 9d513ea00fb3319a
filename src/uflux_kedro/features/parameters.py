"""The block ``features``: predictors of the grid and of towers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from uflux_kedro.gridding.grids import Grid
from uflux_kedro.schemas import Parameters


class CarryOverParameters(Parameters):
    """The block ``features.carry_over``: inputs of the carry-over predictors."""

    climate: str
    """Prefix of the climate's predictors, such as ``ERA5``."""
    vegetation: dict[Literal["NIRv", "EVI", "LAI", "NDVI", "LSWI"], str]
    """Vegetation index -> predictor with its values; EVI may be the two-band form. Predictors
    that require an index absent here are not made."""


class FeatureParameters(Parameters):
    """The block ``features``: predictors of the grid and of towers."""

    target_grid: Grid
    """Grid of the drivers and of the products, in degrees or in a projection."""
    period: Literal["common", "strict"] = "common"
    """``common`` keeps the months that every source has; ``strict`` refuses a source in which
    months are missing."""
    carry_over: CarryOverParameters | None = None
    """Inputs of the predictors for unseen towers, which are made where a member uses one; null
    makes none."""
    footprint: float | None = Field(None, gt=0)
    """Radius around a tower, metres, over which fields are averaged for it; null reads the
    tower's cell."""
