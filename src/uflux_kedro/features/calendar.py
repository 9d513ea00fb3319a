"""Season and year of a period."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from uflux_kedro.lazy import pd

DAYS_PER_YEAR = 365.25


_SHORTEST_MONTH, _LONGEST_MONTH = 28, 31


_DAYS: Mapping[str, float | None] = {"MM": None, "WW": 7.0, "DD": 1.0}
"""Resolution of towers -> length of the periods."""


def calendar_features(
    time: pd.DatetimeIndex, days: float | np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Season and year of each period.

    A month's season is that of its first day, as in the reference. A day, and half a year, have
    the season of a month about the same middle, or what was learnt of months would not hold for
    them.

    Args:
        time: Starts of the periods.
        days: Their lengths; None for months.

    Returns:
        ``DoY_sin`` and ``DoY_cos``, sine and cosine of 2 pi doy / 365.25, and ``Year``; float32.
    """
    season = time.day_of_year.to_numpy().astype(float)
    if days is not None:
        month = (np.asarray(days) >= _SHORTEST_MONTH) & (np.asarray(days) <= _LONGEST_MONTH)
        season += np.where(month, 0.0, (np.asarray(days) - DAYS_PER_YEAR / 12) / 2)
    angle = 2 * np.pi * season / DAYS_PER_YEAR
    features = {"DoY_sin": np.sin(angle), "DoY_cos": np.cos(angle), "Year": time.year.to_numpy()}
    return {name: values.astype("float32") for name, values in features.items()}
