"""Time between the rows of a tower."""

from __future__ import annotations

import numpy as np
import pandas as pd

_NEAR = 15.0
"""Days within which two rows of a tower are near in time."""


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
