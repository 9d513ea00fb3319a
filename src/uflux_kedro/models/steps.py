"""The step of time at which a member learnt: months, weeks or days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

Step = Literal["month", "week", "day"]

STEPS: Mapping[str, Step] = {"MM": "month", "WW": "week", "DD": "day"}
"""Resolution of towers, ``towers.resolution`` -> step."""


def step_of(table: pd.DataFrame) -> Step:
    """Return the step of a training table, from ``attrs["resolution"]``; months without it."""
    return STEPS[table.attrs.get("resolution", "MM")]
