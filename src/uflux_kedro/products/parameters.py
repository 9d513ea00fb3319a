"""The blocks ``inference`` and ``dask``: what is mapped, and where the work runs."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, field_validator, model_validator

from uflux_kedro.gridding.grids import Grid
from uflux_kedro.schemas import Parameters


class WholeProduct(Parameters):
    """Size of a product of which a run makes a part, for the estimate in the log.

    Attributes:
        land_cells: Cells on land.
        periods: Periods of the record.
        members: Members of a flux.
    """

    land_cells: PositiveInt
    periods: PositiveInt
    members: PositiveInt


class InferenceParameters(Parameters):
    """The block ``inference``: which months are mapped, and how.

    Attributes:
        first_month: First month, ``YYYY-MM``.
        last_month: Last month, included.
        last_day: Last day of daily products, ``YYYY-MM-DD`` in these months; None is the last
            month's own.
        grid: Grid of the products; None takes that of the drivers of training.
        step: Period of the products; other than a month with a ``grid`` alone.
        block_rows: Pixels predicted at a time.
        n_jobs: Cores; -1 takes all.
        keep_members: Keep the members' own fields beside mean and spread.
        quantiles: Quantiles over the members to keep, such as 0.05 and 0.95.
        regions: Axis -> cells or periods of a region, what is in memory at a time; an axis that
            is not named is not parted.
        chunks: Axis -> cells or periods of a chunk of the store, a whole part of a region.
        derived: Products that follow from those of fluxes: ``ET`` from LE, ``WUE`` from GPP and
            ET; one whose fluxes are not made is left out.
        whole: Size of the whole product, where a run makes a part of it.
    """

    first_month: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    last_month: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    last_day: date | None = None
    grid: Grid | None = None
    step: Literal["month", "day", "half-year"] = "month"
    block_rows: PositiveInt = 8192
    n_jobs: int = -1
    keep_members: bool = True
    quantiles: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    regions: dict[Literal["time", "latitude", "longitude", "y", "x"], PositiveInt] = {}
    chunks: dict[Literal["time", "latitude", "longitude", "y", "x"], PositiveInt] = {}
    derived: tuple[Literal["ET", "WUE"], ...] = ()
    whole: WholeProduct | None = None

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
            raise ValueError(f"last_day is of daily products, found step {self.step!r}")
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
                f"step {self.step!r} needs a grid: the drivers of training are monthly"
            )
        return self


class DaskParameters(Parameters):
    """The block ``dask``: workers that make the products.

    The environment variable ``DASK_SCHEDULER_ADDRESS`` goes before ``address``; without either
    and without ``local_workers`` threads of the run itself do the work.

    Attributes:
        address: Scheduler of dask.distributed, such as ``tcp://10.0.0.1:8786``.
        local_workers: Worker processes to start on this machine; 0 for none.
        retries: Times that a region that failed is tried again.
    """

    address: str | None = None
    local_workers: int = Field(0, ge=0)
    retries: int = Field(2, ge=0)
