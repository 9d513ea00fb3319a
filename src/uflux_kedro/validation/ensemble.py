"""Skill of the ensemble as the maps show it, at towers that none of its members was trained on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from uflux_kedro.errors import require_columns
from uflux_kedro.validation.bootstrap import confidence_intervals
from uflux_kedro.variables import VARIABLES

METRICS_SHOWN = ("NSE", "r2", "RMSE", "MBE")
"""Metrics of the ensemble that are given with an interval."""

SKILL_COLUMNS = (
    "flux", "unit", "scheme", "members", "reconciled", "sites", "n",
    *(f"{metric}{end}" for metric in METRICS_SHOWN for end in ("", "_low", "_high")),
    "best_member", "best_NSE", "best_RMSE", "median_NSE", "lowest_NSE",
)  # fmt: skip

_RECONCILED = {"prediction": "centre", "lower": "lower", "upper": "upper"}
"""Column of an ensemble's predictions -> the one of a closed budget that takes its place."""


def as_mapped(held_out: pd.DataFrame, closed: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return an ensemble's held-out predictions as the maps show the flux.

    Args:
        held_out: Mean of the members by row, from
            :func:`uflux_kedro.validation.comparison.mean_of_members`; perhaps with its interval,
            ``lower`` and ``upper``.
        closed: Rows of a flux whose budget is closed, with ``centre``, the reconciled prediction by
            a closure that never saw the tower, and its interval; None for a flux that is mapped as
            predicted.

    Returns:
        ``held_out`` with ``prediction`` and interval reconciled; as on the map, rows that another
        flux of the budget lacks stay as predicted.

    Raises:
        InputError: If ``closed`` lacks a column.
    """
    if closed is None:
        return held_out
    key = ["site_id", "time"]
    names = {own: name for own, name in _RECONCILED.items() if own in held_out}
    require_columns(closed, [*key, *names.values()], "closed budget at towers")
    moved = held_out[key].merge(closed[[*key, *names.values()]], how="left", validate="one_to_one")
    known = np.isfinite(moved["centre"].to_numpy(float))
    return held_out.assign(
        **{
            own: np.where(known, moved[name].to_numpy(float), held_out[own].to_numpy(float))
            for own, name in names.items()
        }
    )


def all_as_mapped(
    held_out: Mapping[str, pd.DataFrame], closed: pd.DataFrame | None = None
) -> dict[str, pd.DataFrame]:
    """Return the held-out predictions of all ensembles as :func:`as_mapped` does.

    Args:
        held_out: Flux -> mean of the members by row.
        closed: Rows of the fluxes whose budget is closed, with ``flux``; None without a budget.
    """
    moved = {} if closed is None else dict(list(closed.groupby("flux")))
    return {flux: as_mapped(table, moved.get(flux)) for flux, table in held_out.items()}


def ensemble_skill(
    predictions: Mapping[str, pd.DataFrame],
    leaderboard: pd.DataFrame,
    *,
    reconciled: tuple[str, ...] = (),
    seed: int = 0,
) -> pd.DataFrame:
    """Score the ensembles of all fluxes, and name the best member beside each.

    The best member was picked by the score that is given for it, which therefore flatters it; the
    ensemble was not picked.

    Args:
        predictions: Flux -> held-out predictions of the ensemble, from :func:`as_mapped`.
        leaderboard: Members of one validation scheme, with ``flux``, ``predictor_set``, ``model``,
            ``scheme``, ``NSE`` and ``RMSE``.
        reconciled: Fluxes whose predictions close a budget.
        seed: Seed of the draws of towers.

    Returns:
        :data:`SKILL_COLUMNS`, one row per flux: metrics with the 95 % interval of a bootstrap over
        towers (NaN for one tower), and the members' NSE. A flux whose members have no score has an
        empty ``best_member``.
    """
    rows = []
    for flux, table in predictions.items():
        members = leaderboard[leaderboard["flux"] == flux]
        found = confidence_intervals(table, seed=seed).loc[list(METRICS_SHOWN)]
        best = members.sort_values("NSE", ascending=False, na_position="last").iloc[0]
        known = bool(np.isfinite(best["NSE"]))
        rows.append(
            {
                "flux": flux,
                "unit": VARIABLES[flux].unit,
                "scheme": best["scheme"],
                "members": len(members),
                "reconciled": flux in reconciled,
                "sites": table["site_id"].nunique(),
                "n": len(table),
                **{
                    f"{metric}{end}": found.loc[metric, column]
                    for metric in METRICS_SHOWN
                    for end, column in (("", "value"), ("_low", "low"), ("_high", "high"))
                },
                "best_member": f"{best['predictor_set']} · {best['model']}" if known else "",
                "best_NSE": best["NSE"],
                "best_RMSE": best["RMSE"],
                "median_NSE": members["NSE"].median(),
                "lowest_NSE": members["NSE"].min(),
            }
        )
    return pd.DataFrame(rows, columns=list(SKILL_COLUMNS))
