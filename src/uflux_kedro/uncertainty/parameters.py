"""The block ``uncertainty``: how far to trust predictions."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from uflux_kedro.schemas import Parameters

Method = Literal["spread", "constant"]
"""How the width of an interval follows the conditions: by boosted trees, or not at all."""


class IntervalParameters(Parameters):
    """The block ``uncertainty.intervals``: how intervals are calibrated."""

    method: Method = "spread"
    """``spread``: trees of the size of errors; ``constant``: the same width everywhere."""

    trees: int = Field(default=40, ge=1, le=1000)
    """Number of boosted trees of the spread."""

    depth: int = Field(default=3, ge=1, le=6)
    """Depth of these trees."""

    learning_rate: float = Field(default=0.08, gt=0, le=1)
    """Share of each tree that is added."""

    least_towers: int = Field(default=9, ge=1)
    """Fewest towers of an IGBP class that is calibrated on its own; smaller ones are shrunk to all."""


class UncertaintyParameters(Parameters):
    """The block ``uncertainty``: intervals, completeness of the sampling space, sums."""

    level: float = Field(0.9, gt=0.5, lt=1)
    """Share of unseen towers' values that the intervals are to contain."""

    n_splits: int = Field(5, ge=2)
    """Folds of towers in which spread and calibration are fitted, for the figures that judge them."""

    seed: int = Field(42, ge=0)
    """Seed of every random draw."""

    intervals: IntervalParameters = IntervalParameters()
    """How intervals are calibrated."""
