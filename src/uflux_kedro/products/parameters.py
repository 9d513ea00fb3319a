"""The parameters ``inference``: the products."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, field_validator, model_validator

from uflux_kedro.gridding.grids import Grid
from uflux_kedro.products.fields import Unvegetated
from uflux_kedro.schemas import Parameters


class WholeProduct(Parameters):
    """Size of the whole product, if a run makes a part of it: the log estimates its cost."""

    land_cells: PositiveInt
    """Cells on land."""
    periods: PositiveInt
    """Periods of the record."""
    members: PositiveInt
    """Members of a flux."""


class InferenceParameters(Parameters):
    """The parameters ``inference``: the period, grid and fields of the products."""

    first_month: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    """First month, ``YYYY-MM``."""
    last_month: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    """Last month, included."""
    last_day: date | None = None
    """Last day of daily products, ``YYYY-MM-DD``; null for the end of the last month."""
    grid: Grid | None = None
    """Grid of the products; null for that of the drivers of training."""
    step: Literal["month", "day", "half-year"] = "month"
    """Period of the products; day and half-year need a ``grid``."""
    block_rows: PositiveInt = 8192
    """Pixels predicted at a time."""
    n_jobs: int = -1
    """Cores; -1 for all."""
    keep_members: bool = True
    """Whether to keep each member's own field next to mean and spread."""
    quantiles: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    """Quantiles over the members to keep, such as 0.05 and 0.95."""
    regions: dict[Literal["time", "latitude", "longitude", "y", "x"], PositiveInt] = {}
    """Axis -> cells or periods of a region, which is in memory at a time; other axes are not split."""
    chunks: dict[Literal["time", "latitude", "longitude", "y", "x"], PositiveInt] = {}
    """Axis -> cells or periods of a chunk of the store; it must divide the region's."""
    derived: tuple[Literal["ET", "WUE"], ...] = ()
    """Products computed from others: ``ET`` from LE, ``WUE`` from GPP and ET, where these are made."""
    close: tuple[Literal["carbon"], ...] = ("carbon",)
    """Budgets that the products are to close: ``carbon`` for NEE = RECO - GPP, where all three are
    made; empty leaves the fluxes as they were predicted."""
    unvegetated: Unvegetated = "mask"
    """What GPP, RECO and NEE are on snow, ice and barren land (IGBP classes SNO and BSV), where no
    tower measures them: ``mask`` for missing, ``zero``, or ``predict`` for what the members
    extrapolate."""
    whole: WholeProduct | None = None
    """Size of the whole product, if a run makes a part of it."""

    @field_validator("last_month")
    @classmethod
    def _in_order(cls, last: str, info: Any) -> str:
        if last < info.data.get("first_month", ""):
            raise ValueError(f"expected a month from {info.data['first_month']} on, found {last}")
        return last

    @model_validator(mode="after")
    def _last_day_of_days(self) -> InferenceParameters:
        if self.last_day is None:
            return self
        if self.step != "day":
            raise ValueError(f"last_day: expected step 'day', found {self.step!r}")
        if not self.first_month <= f"{self.last_day:%Y-%m}" <= self.last_month:
            raise ValueError(
                f"expected a last_day from {self.first_month} to {self.last_month}, "
                f"found {self.last_day}"
            )
        return self

    @model_validator(mode="after")
    def _months_on_the_training_grid(self) -> InferenceParameters:
        if self.step != "month" and self.grid is None:
            raise ValueError(
                f"step {self.step!r} needs inference.grid: the drivers of training are monthly"
            )
        return self
