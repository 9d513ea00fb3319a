"""Remove infinite values, and single impossible hours and days before they are averaged.

The mean of a month with one day of -9999 or a spike may be within the bounds of a month, so that the
error is no longer found. Impossible steps are made missing if they are few, or nearly all have the
same value. If they are many, the unit or the sensor is wrong, which the averages show.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype

from uflux_kedro.readers.towers.tables import Step
from uflux_kedro.variables import bounds_of_step

logger = logging.getLogger(__name__)

_FEW = 0.02
"""Share of the values of a column up to which impossible values are few."""
_EQUAL = 0.9
"""Share of the impossible values that must be equal to be taken as a fill value."""


Period = Literal["month", "week", "day", "hour"]
"""Step of a table, in words; ``hour`` for half-hours too."""

STEP_IN_WORDS: Mapping[Step, Period] = {
    "MM": "month", "WW": "week", "DD": "day", "HR": "hour", "HH": "hour",
}  # fmt: skip


class Impossible(TypedDict):
    """Impossible or infinite values of one column of one tower that were made missing."""

    site_id: str
    variable: str
    steps: int
    of: int
    step: Period
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


def without_infinite(raw: pd.DataFrame, where: str | Path) -> pd.DataFrame:
    """Make infinite values missing: ``inf`` as divisions by zero write it, or too large a number.

    Args:
        raw: Columns of a file.
        where: File, for the log.

    Returns:
        The table; ``attrs["infinite"]`` holds, for each column that had any, the number of known
        and infinite values, and the row and value of the first infinite one.
    """
    infinite: dict[str, tuple[int, int, int, float]] = {}
    for name in raw.columns[[is_float_dtype(dtype) for dtype in raw.dtypes]]:
        values = raw[name].to_numpy()
        places = np.flatnonzero(np.isinf(values))
        if places.size:
            known = int((~np.isnan(values)).sum())
            first = int(places[0])
            infinite[str(name)] = known, places.size, first, float(values[first])
            logger.warning(
                "%s: %s: %d of %d values are infinite; made missing",
                where, name, places.size, known,
            )  # fmt: skip
            raw[name] = raw[name].mask(np.isinf(values))
    raw.attrs["infinite"] = infinite
    return raw


def infinite_by_site(column: pd.Series, keys: pd.DataFrame, step: Step) -> list[Impossible]:
    """Describe the infinite values of a column of many towers, site by site.

    Args:
        column: Numbers or text as read, named as a variable, predictor or QC.
        keys: ``site_id`` and ``time`` of each row.
        step: Length of the periods.
    """
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    wrong = np.isinf(numbers.to_numpy())
    if not wrong.any():
        return []
    of = numbers.notna().groupby(keys["site_id"]).sum()
    return [
        Impossible(
            site_id=str(site),
            variable=str(column.name),
            steps=len(rows),
            of=int(of[site]),
            step=STEP_IN_WORDS[step],
            example=float(numbers[rows.index[0]]),
            time=str(rows["time"].iloc[0]),
        )
        for site, rows in keys[wrong].groupby("site_id")
    ]


def in_words(one: Impossible) -> str:
    """Describe the impossible values of a column, for a message."""
    steps = "hours or half-hours" if one["step"] == "hour" else f"{one['step']}s"
    kind = "infinite" if np.isinf(one["example"]) else "outside"
    return (
        f"{one['steps']} of {one['of']} {steps} {kind}, such as {one['example']:g} on {one['time']}"
    )
