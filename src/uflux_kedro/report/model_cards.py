"""Model cards: what each member is, on what it was trained and how well it does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from uflux_kedro.figures.labels import number, unit_text

_SCORES = ("sites", "n", "NSE", "r2", "RMSE", "MBE")
_FACTS = {
    "step": "learnt from each",
    "rows": "trained on rows",
    "towers": "of towers",
    "seed": "seed",
    "checksum": "SHA-256 of the model",
}


def card_row(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return a member's card as a row: lists and mappings as JSON.

    Args:
        card: Card of a fitted member.
    """
    return {
        "unit": card["unit"],
        "step": card.get("step", "month"),
        "rows": card["rows"],
        "towers": len(card["sites"]),
        "seed": card["seed"],
        "checksum": card["checksum"],
        "ranges": json.dumps(card["predictors"]),
        "parameters": json.dumps(card["parameters"], default=str),
        "versions": json.dumps(card["versions"]),
    }


def join_cards(members: pd.DataFrame, leaderboard: pd.DataFrame) -> pd.DataFrame:
    """Return what members are with their held-out scores, best NSE of a flux first.

    Args:
        members: ``flux``, ``predictor_set``, ``model``, ``predictors``, and the columns of
            :func:`card_row`.
        leaderboard: Pooled held-out skill, one row per member.
    """
    key = ["flux", "predictor_set", "model"]
    scores = leaderboard[[*key, "scheme", *_SCORES]]
    return members.merge(scores, on=key, how="left", validate="1:1")


Card = tuple[str, list[tuple[str, str]], pd.DataFrame, list[tuple[str, str]]]
"""Name, facts, predictors, and settings of a member."""


def cards(table: pd.DataFrame) -> list[Card]:
    """Return name, facts, predictors, and settings of each member, for readers.

    Args:
        table: Result of :func:`join_cards`.
    """
    found: list[Card] = []
    if "ranges" not in table:  # made by an earlier version
        return found
    for row in table.to_dict("records"):
        name = f"{row['flux']}: {row['predictor_set']} \N{MIDDLE DOT} {row['model']}"
        unit = unit_text(str(row["unit"]))
        facts = [
            ("predicts", f"{row['flux']} in {unit}"),
            *((label, f"{row[key]:,}" if key in ("rows", "towers") else str(row[key]))
              for key, label in _FACTS.items() if key in row),
        ]  # fmt: skip
        if pd.notna(row["NSE"]):
            facts.append(
                (
                    f"held out ({row['scheme']}, {row['sites']:.0f} towers, {row['n']:,.0f} rows)",
                    f"NSE {number(row['NSE'])}, R² {number(row['r2'])}, "
                    f"RMSE {number(row['RMSE'])} {unit}, MBE {number(row['MBE'])} {unit}",
                )
            )
        ranges = pd.DataFrame(
            [
                {"predictor": key, "unit": unit_text(given["unit"]), "lowest": given["min"],
                 "highest": given["max"]}
                for key, given in json.loads(row["ranges"]).items()
            ]
        )  # fmt: skip
        settings = [
            (key, str(value))
            for column in ("parameters", "versions")
            for key, value in json.loads(row[column]).items()
        ]
        found.append((name, facts, ranges, settings))
    return found
