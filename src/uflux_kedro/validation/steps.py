"""Time between the rows of a tower, and means over longer periods."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

LEAST_SHARE = 0.5
"""Share of the rows of a day, week or month that its mean needs."""

Period = Literal["day", "week", "month"]

_NEAR = 15.0
"""Days within which two rows of a tower are near in time."""

_FREQUENCIES: dict[Period, str] = {"day": "D", "week": "W-SUN", "month": "M"}
"""Weeks are from Monday to Sunday, as in ISO 8601."""

_STEPS = {
    "half-hour": 1 / 48,
    "hour": 1 / 24,
    "day": 1.0,
    "week": 7.0,
    "month": 30.5,
    "year": 365.0,
}
"""Name of a step -> days."""


def usual_step(rows: pd.DataFrame) -> float:
    """Return the usual time between rows of a tower, days; infinite if no tower has two.

    Args:
        rows: ``site_id`` and ``time``.
    """
    ordered = rows[["site_id", "time"]].sort_values(["site_id", "time"])
    steps = ordered.groupby("site_id")["time"].diff().dropna() / pd.Timedelta("1D")
    return float(steps.median()) if len(steps) else np.inf


def are_near(rows: pd.DataFrame) -> bool:
    """Return whether rows of a tower are so near in time that neighbours are nearly copies.

    Args:
        rows: ``site_id`` and ``time``.
    """
    return usual_step(rows) < _NEAR


def step_name(step: float) -> str:
    """Return the name of a step of so many days: ``day``, ``month``, else such as ``8 days``."""
    for name, days in _STEPS.items():
        if abs(step - days) < 0.1 * days:
            return name
    return f"{step:.3g} days" if np.isfinite(step) else "single rows"


def period_means(
    predictions: pd.DataFrame, period: Period, step: float | None = None
) -> pd.DataFrame:
    """Average truth and prediction over periods, from the same rows of both.

    A period counts if it has at least half (:data:`LEAST_SHARE`) of the rows that fit into it.

    Args:
        predictions: Rows with ``site_id``, ``time``, ``truth``, ``prediction``, none missing, at
            steps that are not longer than the period.
        period: Calendar day, week from Monday to Sunday, or calendar month.
        step: Days between rows; None for the usual ones.

    Returns:
        ``site_id``, ``time`` (start of the period), ``truth``, ``prediction``, by site and time.
    """
    step = usual_step(predictions) if step is None else step
    periods = pd.DatetimeIndex(predictions["time"]).to_period(_FREQUENCIES[period])
    groups = predictions.assign(time=periods.start_time).groupby(["site_id", "time"], sort=True)
    means = groups[["truth", "prediction"]].mean()
    time = means.index.get_level_values("time")
    days = time.days_in_month if period == "month" else _STEPS[period]
    enough = groups.size().to_numpy() >= LEAST_SHARE * np.asarray(days) / step
    return means[enough].reset_index()
