"""Nodes that check the towers and admit them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from uflux_kedro.lazy import pd
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.readers.parameters import TowerParameters


def check_tower_quality(
    towers: pd.DataFrame,
    sites: pd.DataFrame,
    files: list[Path],
    reading: TowerParameters,
    parameters: QualityParameters,
) -> tuple[pd.DataFrame, list[dict[str, Any]], str]:
    """Check towers as read, and return them corrected, with the findings and their page."""
    from dataclasses import asdict

    from uflux_kedro.quality.check import check_towers
    from uflux_kedro.quality.page import render_quality

    second = pd.read_parquet(parameters.second_source) if parameters.second_source else None
    checked = check_towers(towers, sites, parameters, outside=reading.outside, second=second)
    page = render_quality(checked, _where(files))
    return checked.towers, [asdict(f) for f in checked.findings], page


def admit_towers(
    towers: pd.DataFrame,
    sites: pd.DataFrame,
    findings: list[dict[str, Any]],
    files: list[Path],
    page: Path,
    parameters: QualityParameters,
    left_out: list[dict[str, Any]],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Stop on findings that require a decision, or drop their columns or sites.

    What is dropped joins what was left out while reading.
    """
    from uflux_kedro.quality.check import drop_suspects
    from uflux_kedro.quality.findings import Finding, dropped_rows, refuse
    from uflux_kedro.readers.towers.left_out import as_table

    known = [Finding(**f | {"sites": tuple(f["sites"])}) for f in findings]
    if parameters.on_suspicion == "stop":
        refuse(
            known,
            _where(files),
            hint=f"The evidence is in {page}. Correct the files, or set "
            "quality.on_suspicion to drop or report",
        )
    if parameters.on_suspicion == "drop":
        towers, _ = drop_suspects(towers, known)
        dropped = [row for f in known if f.open for row in dropped_rows(f, _where(files))]
        left_out = [*left_out, *map(dict, dropped)]
    places = [c for c in sites if not str(c).startswith("clock_")]
    sites = sites.loc[sites["site_id"].isin(towers["site_id"].unique()), places]
    return towers, sites, as_table(left_out)


def _where(files: list[Path]) -> str:
    """Return the file, or the folder of several files."""
    return str(files[0]) if len(files) == 1 else str(files[0].parent)
