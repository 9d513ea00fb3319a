"""Season and year of a period."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from uflux_kedro.lazy import pd

DAYS_PER_YEAR = 365.25

PERIOD_DAYS: Mapping[str, float | None] = {"MM": None, "WW": 7.0, "DD": 1.0}
"""Resolution of towers -> days in a period; None for months, which differ."""

_SHORTEST_MONTH, _LONGEST_MONTH = 28, 31


def calendar_features(
    time: pd.DatetimeIndex, days: float | np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return season and year of each period.

    The season of a month is that of its first day, as in the published UFLUX scripts. A day or a
    half-year gets the season of a month with the same middle; otherwise a model trained on
    months would see another season.

    Args:
        time: Starts of the periods, shape (n,).
        days: Their lengths in days; None for months.

    Returns:
        ``DoY_sin`` and ``DoY_cos`` (sine and cosine of 2 pi doy / 365.25) and ``Year``, each
        float32, shape (n,).
    """
    season = time.day_of_year.to_numpy().astype(float)
    if days is not None:
        month = (np.asarray(days) >= _SHORTEST_MONTH) & (np.asarray(days) <= _LONGEST_MONTH)
        season += np.where(month, 0.0, (np.asarray(days) - DAYS_PER_YEAR / 12) / 2)
    angle = 2 * np.pi * season / DAYS_PER_YEAR
    features = {"DoY_sin": np.sin(angle), "DoY_cos": np.cos(angle), "Year": time.year.to_numpy()}
    return {name: values.astype("float32") for name, values in features.items()}
