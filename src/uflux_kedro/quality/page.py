"""The quality report: one HTML page that holds all it shows."""

from __future__ import annotations

import base64

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from uflux_kedro.figures.style import png_bytes
from uflux_kedro.quality.check import Checked
from uflux_kedro.quality.figures import coverage_figure, suspicious_years_figure
from uflux_kedro.quality.findings import as_table
from uflux_kedro.quality.natural import SUN
from uflux_kedro.quality.shifts import pool
from uflux_kedro.report.page import fill_page
from uflux_kedro.report.tables import html_table
from uflux_kedro.variables import FLUXES


def render_quality(checked: Checked, where: str) -> str:
    """Write the page.

    Args:
        checked: What the checks found.
        where: File or folder that was read.

    Returns:
        Complete HTML with style, script and pictures inside; the same checks give the same text.
    """
    years = suspicious_years_figure(checked)
    findings = as_table(checked.findings)
    towers = _towers(checked)
    return fill_page(
        "uflux_kedro.quality",
        "quality.html.j2",
        where=where,
        facts=_facts(checked),
        due=[f for f in checked.findings if f.open],
        findings=_table(findings, "findings"),
        coverage=_png(coverage_figure(checked)),
        suspicious=_png(years) if years is not None else None,
        phase=_table(_phase(checked), "phase"),
        towers=_table(towers, "towers"),
        columns=_table(_columns(checked), "columns"),
    )


def _png(figure: Figure) -> str:
    return base64.b64encode(png_bytes(figure)).decode("ascii")


def _table(table: pd.DataFrame, name: str) -> Markup | None:
    return None if table.empty else html_table(table, name)


def _facts(checked: Checked) -> list[tuple[str, str]]:
    towers, findings = checked.towers, checked.findings
    closure = checked.closure["ratio"]
    facts = [
        ("towers", f"{towers['site_id'].nunique():,}"),
        ("rows", f"{len(towers):,}"),
        ("years", f"{towers['time'].min():%Y}\N{EN DASH}{towers['time'].max():%Y}"),
        ("columns", f"{len(checked.columns)}"),
        ("to decide", f"{sum(f.open for f in findings)}"),
        ("mended", f"{sum(f.mended is not None for f in findings)}"),
        ("for the eye", f"{sum(f.weight == 'note' for f in findings)}"),
    ]
    if len(closure):
        facts.append(("energy balance closed to", f"{closure.median():.0%}"))
    return facts


def _phase(checked: Checked) -> pd.DataFrame:
    """Pairs of seasons on all sites together."""
    table = pool(checked.lags)
    return pd.DataFrame(
        {
            "season of": table["late"],
            "against": table["reference"].replace(SUN, "the sun"),
            "towers judged": table["n"].astype(int),
            "months late beyond usual": table["lag"],
            "standard error": table["error"],
            "nature leaves": table["pooled"],
        }
    ).sort_values("months late beyond usual", key=abs, ascending=False)


def _columns(checked: Checked) -> pd.DataFrame:
    """Each column: coverage and findings."""
    values = checked.towers[list(checked.columns)]
    return pd.DataFrame(
        {
            "column": checked.columns,
            "coverage": values.notna().mean().to_numpy(),
            "towers without": (checked.coverage[list(checked.columns)] == 0).sum().to_numpy(),
            "lowest": values.min().to_numpy(),
            "median": values.median().to_numpy(),
            "highest": values.max().to_numpy(),
            "findings": [sum(c in f.columns for f in checked.findings) for c in checked.columns],
        }
    )


def _towers(checked: Checked) -> pd.DataFrame:
    """Each tower: record, coverage of the fluxes, closure and findings."""
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
    for name, wanted in {
        "to decide": lambda f: f.open,
        "mended": lambda f: f.mended is not None,
        "for the eye": lambda f: f.weight == "note",
    }.items():
        table[name] = [sum(wanted(f) and s in f.sites for f in checked.findings) for s in sites]
    return table
