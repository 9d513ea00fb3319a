"""The block ``gap_filling``: how half-hourly records are filled."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from uflux_kedro.schemas import Parameters

Method = Literal["uflux", "mds", "mds_symmetric"]
"""Ways to fill: learnt fillers stacked with MDS, marginal distribution sampling, its symmetric variant."""


class Scenario(Parameters):
    """Artificial gaps: how long, how many."""

    days: dict[float, float] = {}
    """Length of a gap, days -> share of the hidden records. Empty: lengths of the record's own gaps."""

    hidden: float = Field(default=0.1, gt=0, lt=1)
    """Share of the measured records to hide."""

    observed: float = Field(default=0.0, ge=0, le=1)
    """Least share of a gap's records that were measured."""

    @field_validator("days")
    @classmethod
    def _days(cls, days: dict[float, float]) -> dict[float, float]:
        if not all(length > 0 and share > 0 for length, share in days.items()):
            raise ValueError(f"days: expected lengths and shares above 0, found {days}")
        return days
