"""The page of filled towers: one HTML file with its style, script and figures inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from uflux_kedro.figures.picture import Picture
from uflux_kedro.readers.towers.half_hours import FLUXES
from uflux_kedro.report.page import fill_page
from uflux_kedro.report.tables import html_table, table_or_none

CAPTIONS = {
    "fingerprint": "Each row of a panel is a time of day, each column a day; grey is missing",
    "cumulative": "Sum from the start, with its interval; measured and filled",
    "residuals": "Filled minus measured on records that the fit had hidden, by hour and season",
    "gap_lengths": "Error of the methods by the length of artificial gaps; all records together",
}
"""Kind of a figure -> what it shows. The parts of a figure's name before the last point are its record and,
where the figure is of one flux, the flux."""


@dataclass(frozen=True)
class FilledTowers:
    """What a run of gap filling made.

    Attributes:
        where: File or folder that was read.
        method: How gaps were filled.
        level: Coverage of the intervals.
        records: Properties of the records, one row each, with ``record``.
        filled: Filled fluxes of all records, ``record`` and ``<flux>_F_QC`` among the columns.
        sums: Sums by record, period and flux.
        scoreboard: Methods on artificial gaps; no rows if none were compared.
        findings: Remarks on the records.
        figures: ``<record>.<kind>``, ``<record>.<flux>.<kind>`` or ``<kind>`` -> the figure.
    """

    where: str
    method: str
    level: float
    records: pd.DataFrame
    filled: pd.DataFrame
    sums: pd.DataFrame
    scoreboard: pd.DataFrame
    findings: Sequence[Mapping[str, Any]]
    figures: Mapping[str, Picture]


def render_gap_filling(towers: FilledTowers) -> str:
    """Render the page; equal results give equal text."""
    return fill_page(
        "uflux_kedro.report",
        "gap_filling.html.j2",
        where=towers.where,
        level=f"{towers.level:.0%}",
        facts=[
            ("method", towers.method),
            ("towers", f"{towers.records['site_id'].nunique():,}"),
            ("records", f"{len(towers.records):,}"),
            ("half-hours and hours", f"{len(towers.filled):,}"),
            ("findings", f"{len(towers.findings):,}"),
        ],
        records=html_table(shares(towers.filled), "records", title="Shares of the records"),
        sums=table_or_none(annual_sums(towers.sums), "sums", 1, "Sums and means of years"),
        figures=[_figure(*figure) for figure in sorted(towers.figures.items(), key=_place)],
        scoreboard=table_or_none(
            whole_records(towers.scoreboard), "scoreboard", 3, "Methods on artificial gaps"
        ),
        findings=table_or_none(findings_table(towers.findings), "findings", 2, "Findings"),
    )


def shares(filled: pd.DataFrame) -> pd.DataFrame:
    """Return how much of each record and flux was measured, and filled how well, in percent."""
    rows = []
    for record, part in filled.groupby("record", sort=True):
        for flux in [f for f in FLUXES if f"{f}_F" in part and part[f"{f}_F"].notna().any()]:
            codes = part[f"{flux}_F_QC"].where(part[f"{flux}_F"].notna())
            rows.append(
                {"record": record, "flux": flux, "steps": len(part)}
                | {
                    name: 100 * float((codes == code).mean())
                    for code, name in enumerate(("measured %", "good %", "medium %", "poor %"))
                }
            )
    return pd.DataFrame(rows)


def annual_sums(sums: pd.DataFrame) -> pd.DataFrame:
    """Return the sums of years."""
    years = sums[sums["period"] == "YY"]
    # As text, which is not grouped by thousands.
    table = years.assign(year=pd.DatetimeIndex(years["time"]).strftime("%Y"))
    first = ["record", "year", "flux"]
    rest = [c for c in table if c not in (*first, "period", "time")]
    return table[first + rest].sort_values(first, ignore_index=True)


def whole_records(scoreboard: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of all hidden records, without those of parts of the day and the year."""
    if scoreboard.empty:
        return scoreboard
    table = scoreboard[scoreboard["part"] == "all"].drop(columns="part")
    return table.sort_values(["record", "flux", "scenario", "RMSE"], ignore_index=True)


def findings_table(findings: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the findings as a table for readers."""
    rows = [
        {
            "tower": ", ".join(f["sites"]),
            "check": f["check"],
            "variable": f["variable"],
            "expected": f["expected"],
            "found": f["found"],
        }
        for f in findings
    ]
    return pd.DataFrame(rows)


def _place(figure: tuple[str, Picture]) -> tuple[bool, str, int, int]:
    """Return what figures are sorted by: record, flux and kind, those of all records last."""
    of, _, kind = figure[0].rpartition(".")
    record, _, flux = of.partition(".")
    return not of, record, ("", *FLUXES).index(flux), list(CAPTIONS).index(kind)


def _figure(name: str, picture: Picture) -> dict[str, object]:
    """Return key, title, caption and content of a figure."""
    of, _, kind = name.rpartition(".")
    title = f"{of.replace('.', ', ') or 'All records'}: {kind.replace('_', ' ')}"
    return {"key": name, "picture": picture, "title": title, "text": CAPTIONS[kind]}
