"""The quality page: one HTML file with its style, script and figures inside."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from uflux_kedro.figures.picture import Picture
from uflux_kedro.figures.style import png_bytes
from uflux_kedro.quality.check import Checked
from uflux_kedro.quality.figures import coverage_figure, suspicious_years_figure
from uflux_kedro.quality.findings import as_table
from uflux_kedro.quality.natural import SUN
from uflux_kedro.quality.shifts import pool
from uflux_kedro.report.page import fill_page
from uflux_kedro.report.tables import table_or_none
from uflux_kedro.simulated import mark_of, notice, titled
from uflux_kedro.variables import FLUXES


def render_quality(checked: Checked, where: str) -> str:
    """Render the quality page.

    Args:
        checked: Results of the checks.
        where: File or folder that was read.

    Returns:
        Complete HTML with style, script and figures inside; equal results give equal text.
    """
    mark = mark_of(checked.towers)
    years = suspicious_years_figure(checked)
    findings = as_table(checked.findings)
    towers = _towers(checked)
    return fill_page(
        "uflux_kedro.quality",
        "quality.html.j2",
        title=titled("Quality of the towers", mark),
        notice=notice(mark),
        where=where,
        facts=_facts(checked),
        undecided=[f for f in checked.findings if f.open],
        findings=table_or_none(findings, "findings", title="Findings"),
        coverage=_picture(coverage_figure(checked)),
        suspicious=_picture(years) if years is not None else None,
        phase=table_or_none(_phase(checked), "phase", title="Seasons compared"),
        towers=table_or_none(towers, "towers", title="Towers"),
        columns=table_or_none(_columns(checked), "columns", title="Columns"),
    )


def _picture(figure: Figure) -> Picture:
    return Picture(png_bytes(figure), alt=str(figure.get_label()))


def _facts(checked: Checked) -> list[tuple[str, str]]:
    towers, findings = checked.towers, checked.findings
    closure = checked.closure["ratio"]
    facts = [
        ("towers", f"{towers['site_id'].nunique():,}"),
        ("rows", f"{len(towers):,}"),
        ("years", f"{towers['time'].min():%Y}\N{EN DASH}{towers['time'].max():%Y}"),
        ("columns", f"{len(checked.columns)}"),
        ("to decide", f"{sum(f.open for f in findings)}"),
        ("corrected", f"{sum(f.mended is not None for f in findings)}"),
        ("to review", f"{sum(f.weight == 'note' for f in findings)}"),
    ]
    if len(closure):
        facts.append(("median energy balance closure", f"{closure.median():.0%}"))
    return facts


def _phase(checked: Checked) -> pd.DataFrame:
    """Return the pairs of seasons, pooled over all sites."""
    table = pool(checked.lags)
    return pd.DataFrame(
        {
            "season of": table["late"],
            "compared with": table["reference"].replace(SUN, "the sun"),
            "towers judged": table["n"].astype(int),
            "late beyond usual (months)": table["lag"],
            "standard error (months)": table["error"],
            "natural range (± months)": table["pooled"],
        }
    ).sort_values("late beyond usual (months)", key=abs, ascending=False)


def _columns(checked: Checked) -> pd.DataFrame:
    """Return one row per column: coverage, values and number of findings."""
    # One after the other: together they would be a copy of the table.
    columns = [checked.towers[name] for name in checked.columns]
    return pd.DataFrame(
        {
            "column": checked.columns,
            "coverage": [values.notna().mean() for values in columns],
            "towers without values": (checked.coverage[list(checked.columns)] == 0)
            .sum()
            .to_numpy(),
            "lowest": [values.min() for values in columns],
            "median": [values.median() for values in columns],
            "highest": [values.max() for values in columns],
            "findings": [sum(c in f.columns for f in checked.findings) for c in checked.columns],
        }
    )


def _towers(checked: Checked) -> pd.DataFrame:
    """Return one row per tower: record, coverage of the fluxes, closure and findings."""
    groups = checked.towers.groupby("site_id")["time"]
    fluxes = [f for f in FLUXES if f in checked.coverage]
    sites = checked.coverage.index
    table = pd.DataFrame(
        {
            "tower": sites,
            "first": groups.min().dt.strftime("%Y-%m").to_numpy(),
            "last": groups.max().dt.strftime("%Y-%m").to_numpy(),
            "rows": groups.size().to_numpy(),
            **{f: checked.coverage[f].to_numpy() for f in fluxes},
            "closure": checked.closure["ratio"].reindex(sites).to_numpy(float),
        }
    )
    if checked.closure.empty:
        table = table.drop(columns="closure")
    for name, selected in {
        "to decide": lambda f: f.open,
        "corrected": lambda f: f.mended is not None,
        "to review": lambda f: f.weight == "note",
    }.items():
        table[name] = [sum(selected(f) and s in f.sites for f in checked.findings) for s in sites]
    return table
