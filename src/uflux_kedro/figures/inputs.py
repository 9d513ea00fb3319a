"""Guards at the door of every figure: a wrong name stops here, not in an empty panel."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.variables import FLUXES

PREDICTION_COLUMNS = ("site_id", "time", "truth", "prediction")


def require_columns(table: pd.DataFrame, columns: Iterable[str], where: str) -> None:
    """Refuse a table that lacks a column.

    Raises:
        InputError: Names the columns that lack and those that are there.
    """
    absent = [name for name in columns if name not in table.columns]
    if absent:
        raise InputError(
            where,
            ", ".join(absent),
            expected="such a column",
            found=f"the columns {', '.join(map(str, table.columns))}",
        )


def ordered_fluxes(fluxes: Iterable[str], where: str) -> list[str]:
    """The fluxes that are there, each once, in the order of the table of variables.

    Raises:
        InputError: If there is none, or one is no flux: ``Reco`` is not ``RECO``.
    """
    given = set(fluxes)
    unknown = sorted(map(str, given - set(FLUXES)))
    if unknown or not given:
        raise InputError(
            where,
            "flux",
            expected=f"some of {', '.join(FLUXES)}",
            found=", ".join(unknown) or "none",
        )
    return [flux for flux in FLUXES if flux in given]


def held_out_pairs(predictions: pd.DataFrame, where: str) -> pd.DataFrame:
    """Rows that have both a truth and a prediction.

    Args:
        predictions: ``site_id``, ``time``, ``truth`` and ``prediction``, one row a site and time.
        where: What the table is, for messages.

    Raises:
        InputError: If a column lacks, or no row is left.
    """
    require_columns(predictions, PREDICTION_COLUMNS, where)
    pairs = predictions.dropna(subset=["truth", "prediction"])
    if pairs.empty:
        raise InputError(
            where, "prediction", expected="rows with truth and prediction", found="none"
        )
    return pairs
