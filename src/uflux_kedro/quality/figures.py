"""Figures of the quality page."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from uflux_kedro.figures.style import PAGE_WIDTH, styled
from uflux_kedro.quality.check import Checked
from uflux_kedro.quality.findings import Finding
from uflux_kedro.quality.month_order import in_calendar_order
from uflux_kedro.quality.natural import family
from uflux_kedro.quality.years import Array

_PANELS = 12
_LABELS = 60
"""Most sites that are labelled individually."""


@styled()
def coverage_figure(checked: Checked) -> Figure:
    """Draw the share of periods with a value: one row per column, one pixel per site."""
    table = checked.coverage
    sites, columns = list(table.index), list(table.columns)
    figure = Figure(figsize=(PAGE_WIDTH, 0.9 + 0.16 * len(columns)), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(
        table.to_numpy().T, aspect="auto", vmin=0, vmax=1, cmap="viridis", interpolation="nearest"
    )
    every = max(1, round(len(sites) / _LABELS))
    axes.set_xticks(range(0, len(sites), every), sites[::every], rotation=90, fontsize=5)
    axes.set_yticks(range(len(columns)), columns, fontsize=6)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    figure.colorbar(image, ax=axes, label="share of periods with a value", fraction=0.03, pad=0.01)
    return figure


@styled()
def suspicious_years_figure(checked: Checked) -> Figure | None:
    """Draw mean years of columns with a finding of the phase check, beside another column.

    Columns with months in text order are also shown in calendar order.

    Returns:
        Up to twelve panels, each one site and column; None without such findings.
    """
    cases = _cases([f for f in checked.findings if f.check == "phase" and f.variable])
    if not cases:
        return None
    rows = -(-len(cases) // 4)
    figure = Figure(figsize=(PAGE_WIDTH, 0.4 + 1.5 * rows), layout="constrained")
    grid = figure.subplots(rows, 4, squeeze=False, sharex=True)
    for axes in grid.flat[len(cases) :]:
        axes.set_visible(False)
    for axes, (site, finding) in zip(grid.flat, cases, strict=False):
        _panel(axes, checked, site, finding)
    lines = {line.get_label(): line for axes in grid.flat for line in axes.lines}
    figure.legend(lines.values(), lines.keys(), fontsize=6, loc="outside upper center", ncols=4)
    figure.supxlabel("month", fontsize=7)
    figure.supylabel("mean year, standardised", fontsize=7)
    return figure


def _cases(findings: list[Finding]) -> list[tuple[str, Finding]]:
    """Return the sites to show, taking the findings in turn."""
    in_turn = [
        (turn, order, site, finding)
        for order, finding in enumerate(findings)
        for turn, site in enumerate(finding.sites[:_PANELS])
    ]
    return [(site, f) for _, _, site, f in sorted(in_turn, key=lambda c: c[:2])[:_PANELS]]


def _panel(axes: Axes, checked: Checked, site: str, finding: Finding) -> None:
    column = str(finding.variable)
    index = checked.years.sites.index(site)
    year = checked.years.mean_year(column)[index]
    months = np.arange(1, 13)
    reference = _reference(checked, column, index)
    if reference:
        other = checked.years.mean_year(reference)[index] * (
            -1 if family(reference) == "NEE" else 1
        )
        axes.plot(months, _standard(other), color="#999999", label=f"for comparison: {reference}")
    axes.plot(months, _standard(year), color="#D55E00", marker="o", ms=2, label="as read")
    if "text order" in finding.found:
        right = in_calendar_order(checked.years.months[column])
        right = checked.years.by_site(right)[index]
        axes.plot(months, _standard(right), color="#0072B2", ls="--", label="in calendar order")
    axes.set_title(f"{site} {column}", fontsize=7)
    axes.set_xticks([1, 4, 7, 10])
    axes.set_yticks([])


def _reference(checked: Checked, column: str, index: int) -> str | None:
    """Return the first flux, or else other column, with at least 8 months at the site."""
    for name in ("GPP", "NEE", "LE", *checked.columns):
        known = name in checked.columns and name != column and family(name) != family(column)
        if known and np.isfinite(checked.years.mean_year(name)[index]).sum() >= 8:
            return name
    return None


def _standard(year: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return (year - np.nanmean(year)) / np.nanstd(year)
