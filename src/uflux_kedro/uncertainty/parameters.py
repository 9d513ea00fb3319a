"""The block ``uncertainty``: how far to trust predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from uflux_kedro.models.registry import MODELS
from uflux_kedro.schemas import Parameters
from uflux_kedro.variables import FLUXES

Method = Literal["mean", "spread", "crps", "quantile_forest", "constant"]
"""How the width of an interval follows the conditions; see :mod:`uflux_kedro.uncertainty.spread`."""

Guarantee = Literal["at_least", "on_average"]
"""What is promised of coverage; see :func:`uflux_kedro.uncertainty.intervals.conformal_weights`."""


class IntervalParameters(Parameters):
    """The block ``uncertainty.intervals``: how intervals are calibrated."""

    method: Method = "mean"
    """``spread``: boosted trees of the size of errors; ``crps``: boosted trees of a normal
    distribution of errors; ``mean``: the mean of both, trees from some towers each and wider with
    more doubt; ``quantile_forest``: a forest of quantiles; ``constant``: the same width everywhere."""

    trees: int = Field(default=60, ge=1, le=1000)
    """Number of trees of the spread."""

    depth: int = Field(default=3, ge=1, le=6)
    """Depth of boosted trees."""

    learning_rate: float = Field(default=0.06, gt=0, le=1)
    """Share of each boosted tree that is added."""

    guarantee: Guarantee = "on_average"
    """``on_average``: the level is what towers are covered at on average; ``at_least``: it is the
    least, and coverage is up to 1 / (towers + 1) above."""

    shrinkage: float = Field(default=30, gt=0)
    """Towers of an IGBP class at which its own errors count as much as those of all towers."""


class LearningCurveParameters(Parameters):
    """The block ``learning_curve``: training on growing shares of the towers."""

    shares: tuple[float, ...] = (0.1, 0.2, 0.4, 0.7, 1.0)
    """Shares of the training towers."""

    draws: int = Field(default=4, ge=1)
    """Random draws of the towers kept aside and of the order of the others."""

    held_out: float = Field(default=0.25, gt=0, lt=1)
    """Share of the towers kept aside for the test."""

    @field_validator("shares")
    @classmethod
    def _shares(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not shares or not all(0 < share <= 1 for share in shares):
            raise ValueError(f"shares: expected numbers above 0 and up to 1, found {shares}")
        return shares


class NextTowerParameters(Parameters):
    """The block ``next_tower``: where towers would lower the expected error most."""

    places: int = Field(default=1500, ge=1)
    """Land cells, drawn at random, that stand for all land."""

    candidates: int = Field(default=500, ge=1)
    """Of these, cells at which a tower is tried."""

    towers: int = Field(default=10, ge=1)
    """Towers that are chosen one after another."""


class ClosedLoopParameters(Parameters):
    """The block ``closed_loop``: networks of towers in the demo world, and maps made from them."""

    resolution: float = Field(default=3.0, ge=0.25, le=15)
    """Side of a cell of the world, degrees; must divide 90."""

    years: int = Field(default=2, ge=1)
    """Years of the world."""

    kinds: tuple[Literal["random", "real", "no tropics"], ...] = ("random", "real", "no tropics")
    """``random``: anywhere on vegetated land; ``real``: places of a list of sites; ``no tropics``:
    anywhere beyond 23.5 degrees."""

    sizes: tuple[Annotated[int, Field(ge=2)], ...] = Field(
        default=(20, 40, 100, 300, 767), min_length=1
    )
    """Numbers of towers; the real network ends with the whole of it where it has fewer."""

    model: str = "XGB"
    """Model of the members; the default of the ensemble would take hours."""

    select: str = "MODIS-NIRv-ERA5.* AVHRR-NDVI-ERA5.*"
    """Members of the ensemble that learn, as in the block ``ensemble``."""

    fluxes: tuple[str, ...] = Field(default=("GPP", "NEE"), min_length=1)
    """Fluxes that are mapped."""

    unseen: int = Field(default=200, ge=2)
    """Further towers on which intervals are judged beside the map."""

    network: Path | None = None
    """List of real sites with their places and IGBP classes: a snapshot of the FLUXNET Shuttle or a
    table of sites; None for no real network. In the pipeline a relative path starts in the project's
    folder."""

    @field_validator("resolution")
    @classmethod
    def _divides(cls, resolution: float) -> float:
        if 90 % resolution:
            raise ValueError("expected degrees that divide 90, such as 3 or 0.5")
        return resolution

    @field_validator("model")
    @classmethod
    def _known_model(cls, model: str) -> str:
        if model not in MODELS:
            raise ValueError(f"unknown model, expected one of {', '.join(MODELS)}")
        return model

    @field_validator("fluxes")
    @classmethod
    def _known_fluxes(cls, fluxes: tuple[str, ...]) -> tuple[str, ...]:
        if not set(fluxes) <= set(FLUXES):
            raise ValueError(f"expected some of {', '.join(FLUXES)}")
        return fluxes


class UncertaintyParameters(Parameters):
    """The block ``uncertainty``: intervals, completeness of the sampling space, sums."""

    level: float = Field(0.9, gt=0.5, lt=1)
    """Share of unseen towers' values that the intervals are to contain."""

    n_splits: int = Field(5, ge=3)
    """Folds of towers in which spread and calibration are fitted, for the figures that judge them."""

    seed: int = Field(42, ge=0)
    """Seed of every random draw."""

    half_completeness: float = Field(5, gt=0)
    """Towers at which the completeness of the sampling space is one half."""

    intervals: IntervalParameters = IntervalParameters()
    """How intervals are calibrated."""

    learning_curve: LearningCurveParameters = LearningCurveParameters()
    """Training on growing shares of the towers."""

    closed_loop: ClosedLoopParameters = ClosedLoopParameters()
    """Networks of towers in the demo world, and maps made from them."""

    next_tower: NextTowerParameters = NextTowerParameters()
    """Where towers would lower the expected error most."""
