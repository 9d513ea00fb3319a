"""Correlation, relative standard deviation and centred error of members, for Taylor diagrams."""

from __future__ import annotations

import numpy as np
import pandas as pd

from uflux_kedro.validation.metrics import PairSums, evaluate, nse, pearson

TAYLOR_COLUMNS = ("member", "sites", "n", "correlation", "deviation", "error", "NSE")

ENSEMBLE = "ensemble"
"""Name of the mean of all members."""


def taylor_statistics(members: pd.DataFrame, ensemble: pd.DataFrame) -> pd.DataFrame:
    """Compute what a Taylor diagram shows, of each member and of the ensemble.

    With the standard deviation of the truth as unit, deviation s, correlation R and centred root
    mean squared error E obey E^2 = 1 + s^2 - 2 s R. Source: Taylor (2001),
    doi 10.1029/2000JD900719.

    Args:
        members: Held-out rows of all members of a flux: ``predictor_set``, ``site_id``, ``truth``,
            ``prediction``. Each member is scored on its own rows.
        ensemble: Those of the mean of all members.

    Returns:
        :data:`TAYLOR_COLUMNS`, members by name and the ensemble last: correlation, standard
        deviation and centred error of the prediction, the latter two divided by the standard
        deviation of the truth. NaN where truth or prediction does not vary.
    """
    tables = {str(name): rows for name, rows in members.groupby("predictor_set")}
    rows = [(name, *_statistics(table)) for name, table in {**tables, ENSEMBLE: ensemble}.items()]
    return pd.DataFrame(rows, columns=list(TAYLOR_COLUMNS))


def _statistics(table: pd.DataFrame) -> tuple[int, int, float, float, float, float]:
    known = table.dropna(subset=["truth", "prediction"])
    sums = PairSums.of(known["truth"], known["prediction"])
    found = evaluate(
        sums,
        {
            "correlation": pearson,
            "deviation": lambda s: np.sqrt(s.spread_prediction / s.spread_truth),
            "NSE": nse,
        },
    )
    r, s, efficiency = (float(value[0]) for value in found.values())
    error = float(np.sqrt(max(0.0, 1 + s**2 - 2 * s * r))) if np.isfinite(r * s) else np.nan
    return known["site_id"].nunique(), len(known), r, s, error, efficiency
