"""Single hours and days that cannot be real, before they go into an average.

A month in which one day is -9999 or a spike lies within the bounds of a month and nothing shows any
more. Where such steps are few, or all hold one and the same number, they are taken as missing.
Where they are many it is the unit that is wrong or the sensor, which the averages show.
"""

from __future__ import annotations

import logging
from typing import Literal, TypedDict

import numpy as np
import pandas as pd

from uflux_kedro.variables import bounds_of_step

logger = logging.getLogger(__name__)

_FEW = 0.02
"""Share of a column's values."""
_ALIKE = 0.9
"""Share of the impossible values that are one number, if that stands for a missing value."""


class Impossible(TypedDict):
    """What was taken as missing in one column of one tower."""

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
    """Take single impossible values as missing.

    Args:
        record: One tower: ``time``, variables in canonical units, QC.
        site: Its name.
        step: Length of its steps; ``hour`` for an hour and less.
        where: File, for the log.

    Returns:
        The record, and what was taken out of it.
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
        logger.warning("%s: %s: %s; taken as missing", where, name, in_words(one))
        taken.append(one)
        record[name] = record[name].mask(outside)
    return record, taken


def _are_single(impossible: np.ndarray, known: int) -> bool:
    if impossible.size <= max(1, _FEW * known):
        return True
    alike = np.unique(impossible, return_counts=True)[1].max()
    return impossible.size > 1 and alike < known and alike >= _ALIKE * impossible.size


def in_words(one: Impossible) -> str:
    """What was found in a column, for a message."""
    return (
        f"{one['steps']} of {one['of']} {'days' if one['step'] == 'day' else 'hours or half-hours'}"
        f" outside, such as {one['example']:g} on {one['time']}"
    )
