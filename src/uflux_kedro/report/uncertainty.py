"""Section of the report about uncertainty: what the intervals are worth, and where they are not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import MINUS, flux_unit, range_text, unit_text
from uflux_kedro.figures.ranking import MEASURE_NAMES
from uflux_kedro.report.sections import Section
from uflux_kedro.statistics.aggregates import ALL_YEARS
from uflux_kedro.uncertainty.coverage import ALL
from uflux_kedro.uncertainty.learning_curve import extrapolate, summarise_curve
from uflux_kedro.uncertainty.targets import PARTS

KEY = "uncertainty"
"""Identifier of the section, to which its figures refer."""

_TEXT = (
    "An interval of {level:.0%} is to contain {level:.0%} of the values of a tower on which nothing "
    "was fitted. Coverage is the share that it does contain, first of each tower's rows, then on "
    "average over towers; ranges hold 95 % of bootstrap draws of towers. The interval score is the "
    "mean width plus a penalty for values outside, and lower is better; the gain is the part by "
    "which it is below that of intervals of one width everywhere. The spread among members is no "
    "interval: it does not know the distance to the truth. Annual sums add the months of a tower; their "
    "intervals follow the correlation of errors that other towers have, and beside them stands what "
    "intervals would cover if errors of months were independent, or all alike. A measure of doubt "
    "is worth what it foretells: the rank correlation between its mean and the mean error of unseen "
    "towers, or between both in each row. What more towers would bring is extrapolated, its range "
    "that of random draws of towers."
)

_LARGE = 1000
"""From here on bounds are shown as integers."""

_REAL = (
    "set uncertainty.closed_loop.network to a list of sites, a snapshot of the FLUXNET Shuttle or any CSV "
    "with name, latitude, longitude and IGBP class."
)
_COMMANDS = {
    "completeness": "Maps of completeness: kedro run with grids.",
    "sums": "Totals with intervals: kedro run with grids.",
    "targets": "Uncertainty of the towers: no tower of the table states its own.",
    "learning": "Learning curves: kedro run with four towers or more.",
    "closed_loop": "Maps against a known truth: kedro run --pipelines closed_loop, then kedro run. To "
    f"have the real network among those drawn, {_REAL}",
    "real": f"The real network in maps against a known truth: {_REAL}",
    "next_tower": "Where to build the next tower: kedro run --pipelines next_tower, then kedro run.",
}
"""Part of the section that may be missing -> what it is, and how to get it."""


def uncertainty_section(
    level: float,
    *,
    scores: Mapping[str, pd.DataFrame],
    curves: Mapping[str, pd.DataFrame],
    ranking: Mapping[str, pd.DataFrame],
    annual: Mapping[str, pd.DataFrame],
    learning: pd.DataFrame | None = None,
    targets: pd.DataFrame | None = None,
    carbon: pd.DataFrame | None = None,
    sums: pd.DataFrame | None = None,
    closed_loop: pd.DataFrame | None = None,
    figures: Collection[str] = (),
) -> Section:
    """Return the section; for a part that is missing it says how to get it.

    Args:
        level: Nominal level of the intervals.
        scores: Flux -> table of one row with the results of
            :func:`uflux_kedro.uncertainty.coverage.score_against_constant`.
        curves: Flux -> result of :func:`uflux_kedro.uncertainty.coverage.coverage_curves`.
        ranking: Flux -> result of :func:`uflux_kedro.uncertainty.ranking.rank_measures`.
        annual: Flux -> result of :func:`uflux_kedro.uncertainty.coverage.coverage_of_sums`.
        learning: Learning curves of all fluxes, from
            :func:`uflux_kedro.uncertainty.learning_curve.train_on_shares`.
        targets: Result of :func:`uflux_kedro.uncertainty.targets.target_shares`.
        carbon: Result of :func:`uflux_kedro.uncertainty.closing.compare_closed`; None where no
            budget is closed.
        sums: Tables of :func:`uflux_kedro.statistics.aggregates.aggregate`; rows of all cells that
            have intervals are shown.
        closed_loop: Maps against the truth: ``network``, ``towers``, ``flux``, ``by``, ``RMSE``,
            ``bias``, ``coverage``, ``width``, ``completeness``; those of all ``land`` are shown.
        figures: Keys of the figures on the page.
    """
    made: dict[str, tuple[str, Callable[[Any], pd.DataFrame], Any]] = {
        "scores": (f"Intervals of {level:.0%} at unseen towers", scores_table, scores),
        "curves": (
            f"Coverage of intervals of {level:.0%} by IGBP class",
            lambda given: class_table(given, level),
            curves,
        ),
        "annual": (f"Intervals of {level:.0%} of annual sums at towers", annual_table, annual),
        "sums": (f"All mapped cells with intervals of {level:.0%}", sums_table, sums),
        "carbon": ("Closing the carbon budget at unseen towers", carbon_table, carbon),
        "ranking": ("Which measure foretells the error", ranking_table, ranking),
        "targets": ("Share of the towers' own uncertainty in the errors", target_table, targets),
        "learning": ("Skill by number of training towers", learning_table, learning),
        "more": ("What more towers would bring", more_table, learning),
        "closed_loop": ("Maps from drawn networks against the truth", loop_table, closed_loop),
    }
    tables = {
        key: (title, table, 3 if key == "carbon" else 2)
        for key, (title, make, given) in made.items()
        if given is not None and not (table := make(given)).empty
    }
    missing = set(made) - set(tables)
    if "closed_loop" in tables and "real" not in set(tables["closed_loop"][1]["network"]):
        missing.add("real")
    if "completeness_maps" not in figures:
        missing.add("completeness")
    elif not any(name.startswith("next_tower") for name in figures):
        missing.add("next_tower")
    notes = [f"Left out. {text}" for key, text in _COMMANDS.items() if key in missing]
    return Section(KEY, "Uncertainty", _TEXT.format(level=level), list(tables.values()), notes)


def scores_table(scores: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return coverage and interval score of each flux, beside those of constant width."""
    rows = [(flux, scores[flux].iloc[0]) for flux in ordered_fluxes(scores, "scores of intervals")]
    return pd.DataFrame(
        [
            {
                "flux": flux,
                "unit": flux_unit(flux),
                "towers": int(row["towers"]),
                "coverage": row["coverage"],
                "range": _range(row["coverage_low"], row["coverage_high"]),
                "interval score": row["interval_score"],
                "constant width": row["interval_score_constant"],
                "gain": row["gain"],
                "range of the gain": _range(row["gain_low"], row["gain_high"]),
            }
            for flux, row in rows
        ]
    )


def class_table(curves: Mapping[str, pd.DataFrame], level: float) -> pd.DataFrame:
    """Return the coverage at one level, a row for each class and two columns for each flux."""
    columns: dict[str, pd.Series] = {}
    for flux in ordered_fluxes(curves, "coverage curves"):
        found = curves[flux][np.isclose(curves[flux]["nominal"], level)].set_index("group")
        columns[f"{flux} towers"] = found["towers"]
        columns[flux] = found["coverage"]
    table = pd.DataFrame(columns)
    # All towers first, then the classes by name.
    order = sorted(table.index, key=lambda group: (group != "all", group))
    return table.reindex(order).rename_axis("IGBP").reset_index()


def annual_table(annual: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the coverage of annual sums of each flux, by how errors of months are taken."""
    rows = []
    for flux in ordered_fluxes(annual, "annual sums"):
        found = annual[flux].set_index("errors")
        if found.empty:
            continue
        whole = found.loc["correlated"]
        row = {"flux": flux, "towers": int(whole["towers"]), "sums": int(whole["sums"])}
        row |= {"coverage": whole["coverage"], "range": _range(whole["low"], whole["high"])}
        row |= {
            "if errors were independent": found.loc["independent", "coverage"],
            "if they were all alike": found.loc["dependent", "coverage"],
        }
        rows.append(row)
    return pd.DataFrame(rows)


def carbon_table(carbon: pd.DataFrame) -> pd.DataFrame:
    """Return the skill of GPP, RECO and NEE as predicted and as reconciled."""
    return pd.DataFrame(
        {
            "flux": carbon["flux"],
            "towers": carbon["sites"],
            "NSE": carbon["NSE"],
            "NSE, closed": carbon["NSE_closed"],
            "range of the difference": _ranges(carbon, "low", "high"),
            "median NSE of towers": carbon["median_site_NSE"],
            "the same, closed": carbon["median_site_NSE_closed"],
            "coverage, closed": carbon["coverage"],
        }
    )


def ranking_table(ranking: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return each measure's rank correlation with the error by tower and by row, a row per flux."""
    tables = []
    for flux in ordered_fluxes(ranking, "ranking of measures"):
        found = ranking[flux].reset_index()
        table = pd.DataFrame(
            {
                "flux": flux,
                "measure": [MEASURE_NAMES.get(name, name) for name in found["measure"]],
                "towers": found["towers"],
                "by tower": found["by_tower"],
                "range": _ranges(found, "by_tower_low", "by_tower_high"),
                "by row": found["by_row"],
                "error left (0 is perfect)": found["ause"],
            }
        )
        tables.append(table.sort_values("by tower", ascending=False, kind="stable"))
    return pd.concat(tables, ignore_index=True)


def target_table(targets: pd.DataFrame) -> pd.DataFrame:
    """Return the share of the targets' uncertainty in the squared errors of all towers."""
    rows = targets[targets["group"] == "all"]
    parts = {part: rows[part] for part in PARTS if part in rows and rows[part].notna().any()}
    return pd.DataFrame(
        {
            "flux": rows["flux"],
            "towers": rows["sites"].astype(int),
            **parts,
            "all parts": rows["total"],
            "range": _ranges(rows, "low", "high"),
        }
    ).reset_index(drop=True)


def learning_table(curve: pd.DataFrame) -> pd.DataFrame:
    """Return the NSE of all towers kept aside by flux and number of training towers."""
    found = summarise_curve(curve)
    rows = found[found["group"] == ALL]
    return pd.DataFrame(
        {
            "flux": rows["flux"],
            "training towers": rows["towers"].astype(int),
            "NSE": rows["NSE"],
            "range of draws": _ranges(rows, "NSE_low", "NSE_high"),
        }
    ).reset_index(drop=True)


def more_table(curve: pd.DataFrame) -> pd.DataFrame:
    """Return what twice the towers would bring, by flux: extrapolated from the learning curves."""
    found = extrapolate(curve)
    if found.empty:
        return found
    rows = found[found["group"] == ALL]
    return pd.DataFrame(
        {
            "flux": rows["flux"],
            "towers": rows["towers"].astype(int),
            "NSE with twice as many": rows["NSE_more"],
            "gain": rows["gain"],
            "range of the gain": _ranges(rows, "gain_low", "gain_high"),
            "error removed so far": rows["removed"],
            "explained by the number": rows["explained"],
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
        | {title: _ranges(rows, low, high) for title, (low, high) in between.items()}
        | {"completeness": rows["completeness"]}
    )
    return table.reset_index(drop=True)


def _ranges(table: pd.DataFrame, low: str, high: str) -> list[str]:
    return [_range(a, b) for a, b in zip(table[low], table[high], strict=True)]


def _range(low: float, high: float) -> str:
    """Return two bounds with three significant digits or as integers; empty if they are unknown."""
    return range_text(low, high, _bound)


def _bound(value: float) -> str:
    text = f"{value:,.0f}" if abs(value) >= _LARGE else f"{value:.3g}"
    return text.replace("-", MINUS)
