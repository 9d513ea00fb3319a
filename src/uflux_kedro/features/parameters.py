"""The block ``features``: predictors of the grid and of towers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from uflux_kedro.gridding.grids import Grid
from uflux_kedro.schemas import Parameters


class CarryOverParameters(Parameters):
    """The block ``features.carry_over``: of what predictors that carry over are made.

    Attributes:
        climate: Prefix of the climate, such as ``ERA5``.
        vegetation: Index -> predictor that holds it; EVI may be its two-band form. What needs an
            index that is not named is not made.
    """

    climate: str
    vegetation: dict[Literal["NIRv", "EVI", "LAI", "NDVI", "LSWI"], str]


class FeatureParameters(Parameters):
    """The block ``features``: predictors of the grid and of towers.

    Attributes:
        target_grid: Grid of the drivers and of the products, in degrees or in a projection.
        period: ``common`` keeps the months that every source has; ``strict`` refuses a source
            that lacks any.
        carry_over: Predictors that carry over to unseen towers. They are made where a member
            asks for one; None makes none.
        footprint: Radius around a tower, metres, within which fields are averaged for it; None
            reads the cell in which it stands.
    """

    target_grid: Grid
    period: Literal["common", "strict"] = "common"
    carry_over: CarryOverParameters | None = None
    footprint: float | None = Field(None, gt=0)
