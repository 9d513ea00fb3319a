"""Estimate the clock offset of a sub-daily record from its radiation, which is highest at noon.

The centre of a day's radiation, in the hours of the record, and the equation of time give the
offset of the record's clock from mean solar time at its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

_LEAST_DAYS = 15
_LEAST_DAYS_OF_MONTH = 8
_LEAST_SUN = 40.0
"""Daily mean, W m-2; on darker days noon cannot be found."""


@dataclass(frozen=True)
class SolarClock:
    """Offset of a record's clock from mean solar time.

    Attributes:
        ahead: Hours by which the clock is ahead of mean solar time; minus longitude / 15 if the
            clock shows UTC.
        error: Standard error of ``ahead``, hours, from the scatter among days.
        jump: Hours between the calendar months with the largest and the smallest offset; NaN if
            no month has enough days.
        days: Number of days used.
    """

    ahead: float
    error: float
    jump: float
    days: int


def read_solar_clock(times: ArrayLike, SW_IN: ArrayLike) -> SolarClock | None:
    """Estimate how far the clock of a record is ahead of mean solar time.

    Args:
        times: Start of each half-hour or hour.
        SW_IN: Incoming shortwave radiation, W m-2.

    Returns:
        The offset; None if there are too few bright and complete days.
    """
    start = pd.DatetimeIndex(np.asarray(times))
    midnight = start.normalize()
    step = np.median(np.diff(start.to_numpy()) / np.timedelta64(1, "h"))
    hour = (start - midnight) / pd.Timedelta(hours=1) + step / 2
    # As angles, since noon may lie near midnight in the hours of a wrong clock.
    angle = np.exp(2j * np.pi * np.asarray(hour) / 24)
    sun = np.clip(np.asarray(SW_IN, dtype=float), 0, None)
    days = pd.DataFrame(
        {"day": midnight, "sun": sun, "x": sun * angle.real, "y": sun * angle.imag}
    ).groupby("day")
    sums = days.sum(min_count=1)
    complete = (days["sun"].count() >= 0.95 * 24 / step) & (days["sun"].mean() > _LEAST_SUN)
    sums = sums[complete]
    if len(sums) < _LEAST_DAYS:
        return None
    noon = np.angle(sums["x"] + 1j * sums["y"]) * 12 / np.pi
    index = pd.DatetimeIndex(sums.index)
    ahead = around(noon + equation_of_time(index.day_of_year.to_numpy()) - 12)
    middle = _middle(ahead)
    near = middle + around(ahead - middle)
    spread = 1.4826 * np.median(np.abs(near - middle))
    months = [np.median(near[m]) for m in _months(index.month.to_numpy())]
    jump = float(np.ptp(months)) if months else np.nan
    return SolarClock(middle, float(1.2533 * spread / np.sqrt(len(sums))), jump, len(sums))


def _months(month: np.ndarray) -> list[np.ndarray]:
    """Return the days of each calendar month that has enough of them."""
    groups = [month == m for m in range(1, 13)]
    return [days for days in groups if days.sum() >= _LEAST_DAYS_OF_MONTH]


def equation_of_time(day: np.ndarray) -> np.ndarray:
    """Hours by which a sundial is ahead of a clock; Spencer (1971), in Iqbal (1983), eq. 1.3.1."""
    x = 2 * np.pi * (day - 1) / 365
    return (229.18 / 60) * (
        0.000075
        + 0.001868 * np.cos(x)
        - 0.032077 * np.sin(x)
        - 0.014615 * np.cos(2 * x)
        - 0.04089 * np.sin(2 * x)
    )


def around(hours: ArrayLike) -> np.ndarray:
    """Wrap hours to -12..12."""
    return (np.asarray(hours) + 12) % 24 - 12


def _middle(hours: np.ndarray) -> float:
    """Return the median of hours on the circle of 24 hours."""
    mean = np.angle(np.exp(2j * np.pi * hours / 24).mean()) * 12 / np.pi
    return float(around(mean + np.median(around(hours - mean))))
