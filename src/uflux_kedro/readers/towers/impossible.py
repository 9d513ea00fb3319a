"""Remove single impossible hours and days before they are averaged.

The mean of a month with one day of -9999 or a spike may be within the bounds of a month, so that the
error is no longer found. Impossible steps are made missing if they are few, or nearly all have the
same value. If they are many, the unit or the sensor is wrong, which the averages show.
"""

from __future__ import annotations

import logging
from typing import Literal, TypedDict

import numpy as np
import pandas as pd

from uflux_kedro.variables import bounds_of_step

logger = logging.getLogger(__name__)

_FEW = 0.02
"""Share of the values of a column up to which impossible values are few."""
_EQUAL = 0.9
"""Share of the impossible values that must be equal to be taken as a fill value."""


class Impossible(TypedDict):
    """Impossible values of one column of one tower that were made missing."""

    site_id: str
    variable: str
    steps: int
    of: int
    step: Literal["day", "hour"]
    example: float
    time: str


def without_impossible(
    record: pd.DataFrame, site: str, step: Literal["day", "hour"], where: str
) -> tuple[pd.DataFrame, list[Impossible]]:
    """Make single impossible values missing.

    Args:
        record: Record of one tower: ``time``, variables in canonical units, QC.
        site: Name of the tower.
        step: Length of the steps; ``hour`` for hours and half-hours.
        where: File, for the log.

    Returns:
        The record, and a description of the values removed from each column.
    """
    taken: list[Impossible] = []
    for name in record.columns[1:]:
        if name.endswith("_QC"):
            continue
        lower, upper = bounds_of_step(name, step)
        values = record[name].to_numpy()
        outside = (values < lower) | (values > upper)
        places = np.flatnonzero(outside)
        known = int(np.isfinite(values).sum())
        if not places.size or not _are_single(values[places], known):
            continue
        first = places[0]
        one = Impossible(
            site_id=site,
            variable=name,
            steps=len(places),
            of=known,
            step=step,
            example=float(values[first]),
            time=str(record["time"].iloc[first]),
        )
        logger.warning("%s: %s: %s; made missing", where, name, in_words(one))
        taken.append(one)
        record[name] = record[name].mask(outside)
    return record, taken


def _are_single(impossible: np.ndarray, known: int) -> bool:
    if impossible.size <= max(1, _FEW * known):
        return True
    equal = np.unique(impossible, return_counts=True)[1].max()
    return impossible.size > 1 and equal < known and equal >= _EQUAL * impossible.size


def in_words(one: Impossible) -> str:
    """Describe the impossible values of a column, for a message."""
    return (
        f"{one['steps']} of {one['of']} {'days' if one['step'] == 'day' else 'hours or half-hours'}"
        f" outside, such as {one['example']:g} on {one['time']}"
    )
