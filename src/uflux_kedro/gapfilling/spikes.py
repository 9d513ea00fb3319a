"""Find spikes of measured fluxes: values that stand out from both their neighbours.

Papale et al. (2006), doi 10.5194/bg-3-571-2006: a value's double difference, the step to it less the step
from it, is compared with the median of those of the same 13 days and part of the day, in units of
their median absolute deviation.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.readers.towers.half_hours import FLUXES

LIMIT = 5.5
"""Distance from the median beyond which a value is a spike, in median absolute deviations / 0.6745; the
middle one of the paper's 4, 5.5 and 7."""
_DAYS = 13
_LEAST = 30
"""Double differences of a window, below which those of the whole record count."""
_NORMAL = 0.6745
"""Median absolute deviation of a normal distribution with a standard deviation of 1."""


def find_spikes(
    flux: NDArray[np.float64], day: NDArray[np.bool_], steps_a_day: int, limit: float = LIMIT
) -> NDArray[np.bool_]:
    """Return which values are spikes, (steps,).

    A spike moves the double differences of its neighbours as well: of neighbours beyond the limit,
    the farthest alone counts. Values within two steps of a gap are not judged.

    Args:
        flux: Measured values, NaN where missing, (steps,).
        day: Whether the sun shines, (steps,).
        steps_a_day: 48 or 24.
        limit: As :data:`LIMIT`.
    """
    twice = np.full(len(flux), np.nan)
    twice[1:-1] = 2 * flux[1:-1] - flux[:-2] - flux[2:]
    table = pd.DataFrame({"twice": twice, "day": day})
    window = np.arange(len(flux)) // (_DAYS * steps_a_day)
    far = _distance(table["twice"], [table["day"]])
    own = _distance(table["twice"], [table["day"], window])
    enough = table["twice"].groupby([table["day"], window]).transform("count") >= _LEAST
    distance = own.where(enough, far).to_numpy()
    farthest = np.maximum(np.r_[np.nan, distance[:-1]], np.r_[distance[1:], np.nan])
    return (distance > limit) & (distance >= farthest)


def spike_column(flux: str) -> str:
    """Return the name of the column that marks the spikes of a flux."""
    return f"{flux}_SPIKE"


def spikes_of(
    table: pd.DataFrame, day: NDArray[np.bool_], steps_a_day: int
) -> dict[str, pd.Series]:
    """Return which values of each flux are spikes, (steps,).

    Args:
        table: Record with a row for every step, (steps, columns).
        day: Whether the sun shines, (steps,).
        steps_a_day: 48 or 24.
    """
    return {
        flux: pd.Series(
            find_spikes(table[flux].to_numpy(dtype=float), day, steps_a_day), table.index
        )
        for flux in FLUXES
        if flux in table
    }


def _distance(values: pd.Series, keys: list[object]) -> pd.Series:
    """Return how far values are from the median of their group; NaN where a group has no spread."""
    apart = (values - values.groupby(keys).transform("median")).abs()
    spread = apart.groupby(keys).transform("median")
    return apart / (spread.where(spread > 0) / _NORMAL)
