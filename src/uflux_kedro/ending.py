"""The last lines of a run: where its report is, and what to know before a number is used."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from uflux_kedro.configuration import project_parameters
from uflux_kedro.ensemble import EnsembleParameters, Member
from uflux_kedro.members import project_members
from uflux_kedro.staging import local_path


def ending(outputs: Collection[str], catalog: Any) -> list[str]:
    """Return what matters of the outputs of a run that has finished, a line each.

    Args:
        outputs: Names of the datasets that the run made, or kept since they are the same.
        catalog: The catalog.
    """
    lines = []
    products = sorted(n for n in outputs if hasattr(catalog.get(n), "reopen"))
    shares = {
        name.removeprefix("product_").removeprefix("predicted_"): share
        for name in products
        if (share := outside_share(catalog.get(name).store.marks().values())) is not None
    }
    if shares:
        by_flux = ", ".join(f"{flux} {share:.0%}" for flux, share in shares.items())
        lines.append(f"Extrapolated, a predictor outside its training range: {by_flux} of cells")
    if any(name.startswith("leaderboard_") for name in outputs):
        wanted = EnsembleParameters.model_validate(project_parameters()["ensemble"]).members()
        lines += left_out(wanted, project_members())
    if {"quality_findings", "quality_report"} <= set(outputs):
        found = weights(catalog.load("quality_findings"))
        lines.append(f"Towers: {found}: {_shown(catalog.get('quality_report'))}")
    if {"filled_towers", "gap_filling_page"} <= set(outputs):
        lines.append(f"Filled towers: {_shown(catalog.get('filled_towers'))}")
        lines.append(f"What was filled, and how well: {_shown(catalog.get('gap_filling_page'))}")
    if "report" in outputs:
        lines.append(f"Report: {_shown(catalog.get('report'))}")
    return lines


def outside_share(marks: Collection[dict[str, Any]]) -> float | None:
    """Return the share of a product's cells and periods that are extrapolated.

    Args:
        marks: Marks of its regions, with the numbers of ``cells`` and of those ``outside``.

    Returns:
        The share; None if a mark does not tell, or there are no cells.
    """
    regions = [mark for mark in marks if "cells" in mark]
    cells = sum(mark["cells"] for mark in regions)
    if not cells or any("outside" not in mark for mark in regions):
        return None
    return sum(mark["outside"] for mark in regions) / cells


def weights(findings: Sequence[dict[str, Any]]) -> str:
    """Return in words how many findings require a decision, were corrected, or are to review."""
    mended = sum(f["mended"] is not None for f in findings)
    defects = sum(f["weight"] == "defect" and f["mended"] is None for f in findings)
    notes = len(findings) - mended - defects
    if not findings:
        return "no findings"
    return f"{defects} findings to decide, {mended} corrected, {notes} to review"


def left_out(wanted: Sequence[Member], trained: Sequence[Member]) -> list[str]:
    """Return a line that names the configured members that were not trained, if there are any."""
    names = [member.name for member in wanted if member not in trained]
    if not names:
        return []
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [f"Left out for missing columns: {', '.join(names[:3])}{more}"]


def _shown(dataset: Any) -> str:
    """Where a dataset is, seen from the working folder if it is below it."""
    path = local_path(dataset)
    if path is None:
        return str(dataset._describe()["filepath"])
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
