"""Section of the report about uncertainty: what the intervals are worth, and where they are not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import flux_unit, unit_text
from uflux_kedro.report.sections import Section
from uflux_kedro.statistics.aggregates import ALL_YEARS

KEY = "uncertainty"
"""Identifier of the section, to which its figures refer."""

_TEXT = (
    "An interval of {level:.0%} is to contain {level:.0%} of the values of a tower on which nothing "
    "was fitted. Coverage is the share that it does contain, first of each tower's rows, then on "
    "average over towers; ranges hold 95 % of bootstrap draws of towers. The interval score is the "
    "mean width plus a penalty for values outside, and lower is better; the gain is the part by "
    "which it is below that of intervals of one width everywhere. The spread among members is no "
    "interval: it does not know the distance to the truth."
)

_COMMANDS = {
    "scores": "Coverage and interval score of unseen towers: kedro run.",
    "curves": "Coverage by IGBP class: kedro run.",
    "completeness": "Maps of completeness: kedro run with grids.",
    "ranking": "Which measure foretells the error: python -m benchmarks uncertainty --only ranking.",
    "learning": "Learning curves: python -m benchmarks uncertainty --only learning.",
    "closed_loop": "Maps against a known truth: python -m benchmarks uncertainty --only closed_loop.",
    "sums": "Totals with intervals: kedro run with grids.",
}
"""Part of the section -> what is missing, and the command that makes it."""


def uncertainty_section(
    level: float,
    *,
    scores: Mapping[str, Mapping[str, float]] | None = None,
    curves: Mapping[str, pd.DataFrame] | None = None,
    ranking: pd.DataFrame | None = None,
    learning: pd.DataFrame | None = None,
    closed_loop: pd.DataFrame | None = None,
    sums: pd.DataFrame | None = None,
    figures: Collection[str] = (),
) -> Section:
    """Return the section; for a part that is missing it names the command that makes it.

    Args:
        level: Nominal level of the intervals.
        scores: Flux -> result of
            :func:`uflux_kedro.uncertainty.coverage.score_against_constant`.
        curves: Flux -> result of :func:`uflux_kedro.uncertainty.coverage.coverage_curves`.
        ranking: One row per flux and measure; all columns are shown.
        learning: Learning curves: ``flux``, ``group``, ``towers``, ``NSE``, ``NSE_low``,
            ``NSE_high``; rows of the group ``all`` are shown.
        closed_loop: Maps against the truth: ``network``, ``towers``, ``flux``, ``by``, ``RMSE``,
            ``bias``, ``coverage``, ``width``, ``completeness``; those of all ``land`` are shown.
        sums: Tables of :func:`uflux_kedro.statistics.aggregates.aggregate`; rows of all cells that
            have intervals are shown.
        figures: Keys of the figures on the page.
    """
    made: dict[str, tuple[str, Callable[[Any], pd.DataFrame], Any]] = {
        "scores": (f"Intervals of {level:.0%} at unseen towers", scores_table, scores),
        "curves": (
            f"Coverage of intervals of {level:.0%} by IGBP class",
            lambda given: class_table(given, level),
            curves,
        ),
        "ranking": ("Which measure foretells the error", _plain, ranking),
        "learning": ("Skill by number of training towers", learning_table, learning),
        "closed_loop": ("Maps from drawn networks against the truth", loop_table, closed_loop),
        "sums": (f"All mapped cells with intervals of {level:.0%}", sums_table, sums),
    }
    tables = [
        (title, table, 3 if key == "ranking" else 2)
        for key, (title, make, given) in made.items()
        if given is not None and not (table := make(given)).empty
    ]
    shown = {title for title, _, _ in tables}
    missing = [key for key, (title, _, _) in made.items() if title not in shown]
    if "completeness_maps" not in figures:
        missing.append("completeness")
    notes = [f"Left out. {text}" for key, text in _COMMANDS.items() if key in missing]
    return Section(KEY, "Uncertainty", _TEXT.format(level=level), tables, notes)


def scores_table(scores: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Return coverage and interval score of each flux, beside those of constant width."""
    fluxes = ordered_fluxes(scores, "scores of intervals") if scores else []
    return pd.DataFrame(
        [
            {
                "flux": flux,
                "unit": flux_unit(flux),
                "towers": int(scores[flux]["towers"]),
                "coverage": scores[flux]["coverage"],
                "range": _range(scores[flux]["coverage_low"], scores[flux]["coverage_high"]),
                "interval score": scores[flux]["interval_score"],
                "constant width": scores[flux]["interval_score_constant"],
                "gain": scores[flux]["gain"],
                "range of the gain": _range(scores[flux]["gain_low"], scores[flux]["gain_high"]),
            }
            for flux in fluxes
        ]
    )


def class_table(curves: Mapping[str, pd.DataFrame], level: float) -> pd.DataFrame:
    """Return the coverage at one level, a row for each class and two columns for each flux."""
    columns: dict[str, pd.Series] = {}
    for flux in ordered_fluxes(curves, "coverage curves") if curves else []:
        found = curves[flux][np.isclose(curves[flux]["nominal"], level)].set_index("group")
        columns[f"{flux} towers"] = found["towers"]
        columns[flux] = found["coverage"]
    table = pd.DataFrame(columns)
    # All towers first, then the classes by name.
    order = sorted(table.index, key=lambda group: (group != "all", group))
    return table.reindex(order).rename_axis("IGBP").reset_index()


def learning_table(learning: pd.DataFrame) -> pd.DataFrame:
    """Return the NSE of all towers kept aside by flux and number of training towers."""
    rows = learning[learning["group"] == "all"]
    return pd.DataFrame(
        {
            "flux": rows["flux"],
            "training towers": rows["towers"].astype(int),
            "NSE": rows["NSE"],
            "range of draws": [
                _range(low, high)
                for low, high in zip(rows["NSE_low"], rows["NSE_high"], strict=True)
            ],
        }
    ).reset_index(drop=True)


def loop_table(closed_loop: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of the maps of each network over all land."""
    rows = closed_loop[closed_loop["by"] == "land"]
    shown = ["network", "towers", "flux", "RMSE", "bias", "coverage", "width", "completeness"]
    table = rows[shown].reset_index(drop=True)
    table.insert(3, "unit", table["flux"].map(flux_unit))
    return table


def sums_table(sums: pd.DataFrame) -> pd.DataFrame:
    """Return totals, or means where there is none, of all cells with the three intervals.

    Rows are years, and the mean of years.
    """
    if "lower" not in sums:
        return pd.DataFrame()
    rows = sums[(sums["region_kind"] == "global") & sums["lower"].notna()]
    has_total = set(rows.loc[rows["statistic"] == "total", "flux"])
    wanted = np.where(rows["flux"].isin(has_total), "total", "mean")
    rows = rows[rows["statistic"] == wanted]
    between = {
        "interval": ("lower", "upper"),
        "if errors were independent": ("lower_independent", "upper_independent"),
        "if they were all alike": ("lower_dependent", "upper_dependent"),
    }
    table = pd.DataFrame(
        {
            "flux": rows["flux"],
            "unit": rows["unit"].map(unit_text),
            "year": rows["year"].astype(str).replace(ALL_YEARS, "mean"),
            "value": rows["value"],
        }
        | {
            title: [_range(low, high) for low, high in zip(rows[a], rows[b], strict=True)]
            for title, (a, b) in between.items()
        }
        | {"completeness": rows["completeness"]}
    )
    return table.reset_index(drop=True)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns=lambda name: str(name).replace("_", " ")).reset_index(drop=True)


def _range(low: float, high: float) -> str:
    """Return two bounds with three significant digits; empty if they are unknown."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return ""
    return " to ".join(f"{bound:.3g}".replace("-", "\N{MINUS SIGN}") for bound in (low, high))
