"""The first table of the report: skill of the ensemble that the maps show."""

from __future__ import annotations

from functools import partial

import pandas as pd

from uflux_kedro.errors import require_columns
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import MINUS, flux_unit, number, range_text
from uflux_kedro.validation.ensemble import METRICS_SHOWN, SKILL_COLUMNS
from uflux_kedro.variables import FLUXES

_NAMES = {"r2": "R²"}
_LEAST_ROOM = 100
"""From here on numbers have one decimal."""


def headline_table(skill: pd.DataFrame) -> pd.DataFrame:
    """Return one row per flux: scores of the ensemble with intervals, and the best member beside it.

    Args:
        skill: Result of :func:`uflux_kedro.validation.ensemble.ensemble_skill`.

    Raises:
        InputError: If a column is missing or a flux is unknown.
    """
    require_columns(skill, SKILL_COLUMNS, "skill of the ensemble")
    rows = skill.set_index("flux").loc[ordered_fluxes(skill["flux"], "skill of the ensemble")]
    table = pd.DataFrame({"flux": rows.index, "unit": [flux_unit(flux) for flux in rows.index]})
    for metric in METRICS_SHOWN:
        name = _NAMES.get(metric, metric)
        table[name] = rows[metric].to_numpy()
        table[f"{name} 95 %"] = [
            _range(low, high)
            for low, high in zip(rows[f"{metric}_low"], rows[f"{metric}_high"], strict=True)
        ]
    table["towers"] = rows["sites"].to_numpy()
    table["rows"] = rows["n"].to_numpy()
    table["best member, picked afterwards"] = rows["best_member"].fillna("").to_numpy()
    table["its NSE"] = rows["best_NSE"].to_numpy()
    return table


def headline_text(skill: pd.DataFrame, scheme: str, records: str) -> str:
    """Return what the table shows.

    Args:
        skill: See :func:`headline_table`.
        scheme: Name of the validation scheme.
        records: Name of the rows, such as ``site-months``.
    """
    moved = [flux for flux in FLUXES if flux in set(skill.loc[skill["reconciled"], "flux"])]
    closed = (
        f" {', '.join(moved)} are reconciled so that NEE = RECO {MINUS} GPP, by weights that never "
        "saw the tower."
        if moved
        else ""
    )
    return (
        f"Skill of the ensemble, the mean of all members, which is what maps show, at towers that "
        f"none of the members was trained on ({scheme}), with the {records} of all towers pooled."
        f"{closed} Ranges contain 95 % of bootstrap draws of towers. RMSE and MBE (prediction minus "
        "tower) are in the unit of the flux. The best single member was picked after its scores "
        "were known, which flatters it. No score of fewer than ten towers is coloured."
    )


def _range(low: float, high: float) -> str:
    """Return two bounds with decimals to their size; empty if they are unknown."""
    decimals = 1 if max(abs(low), abs(high)) >= _LEAST_ROOM else 2
    return range_text(low, high, partial(number, decimals=decimals))
