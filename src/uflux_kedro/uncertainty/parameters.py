"""The block ``uncertainty``: how far to trust predictions."""

from __future__ import annotations

from pydantic import Field

from uflux_kedro.schemas import Parameters


class UncertaintyParameters(Parameters):
    """The block ``uncertainty``: intervals, completeness of the sampling space, sums."""

    level: float = Field(0.9, gt=0.5, lt=1)
    """Share of unseen towers' values that the intervals are to contain."""

    n_splits: int = Field(5, ge=2)
    """Folds of towers in which spread and calibration are fitted, for the figures that judge them."""

    seed: int = Field(42, ge=0)
    """Seed of every random draw."""
