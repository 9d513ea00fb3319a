"""Checks of the input of every figure, so that a wrong name is an error, not an empty panel."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from uflux_kedro.errors import InputError, require_columns
from uflux_kedro.variables import FLUXES

PREDICTION_COLUMNS = ("site_id", "time", "truth", "prediction")


def ordered_fluxes(fluxes: Iterable[str], where: str) -> list[str]:
    """Return the given fluxes, each once, in the order of ``variables.FLUXES``.

    Args:
        fluxes: Names of fluxes.
        where: Name of their source, for messages.

    Raises:
        InputError: If none is given or a name is no flux: ``Reco`` is not ``RECO``.
    """
    given = set(fluxes)
    unknown = sorted(map(str, given - set(FLUXES)))
    if unknown or not given:
        raise InputError(
            where,
            "flux",
            expected=f"one or more of {', '.join(FLUXES)}",
            found=", ".join(unknown) or "none",
        )
    return [flux for flux in FLUXES if flux in given]


def held_out_pairs(predictions: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the rows with both a truth and a prediction.

    Args:
        predictions: ``site_id``, ``time``, ``truth`` and ``prediction``, one row per site and
            time.
        where: Name of the table, for messages.

    Raises:
        InputError: If a column is missing or no row remains.
    """
    require_columns(predictions, PREDICTION_COLUMNS, where)
    pairs = predictions.dropna(subset=["truth", "prediction"])
    if pairs.empty:
        raise InputError(
            where, "prediction", expected="rows with truth and prediction", found="none"
        )
    return pairs
