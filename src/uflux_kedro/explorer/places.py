"""Towers and regions of the map, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from uflux_kedro.validation.metrics import score_by_site

_OF_REGIONS = (
    "region_kind", "region", "year", "statistic", "value", "unit", "lower", "upper",
    "completeness", "extrapolated", "area_km2",
)  # fmt: skip


def towers(sites: pd.DataFrame, held_out: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return the towers as GeoJSON, with each flux's number of rows ``n`` and ``NSE``.

    Args:
        sites: ``site_id``, ``latitude``, ``longitude``, and further columns to show.
        held_out: Flux -> held-out rows.

    Returns:
        A FeatureCollection of the sites that have a row of any flux. ``NSE`` is null where it is
        not defined.
    """
    skill = {flux: score_by_site(rows.dropna(subset=["truth", "prediction"])).set_index("site_id") for flux, rows in held_out.items()}  # fmt: skip
    features = []
    for site in sites.to_dict("records"):
        name = str(site["site_id"])
        found = {
            flux: {"n": int(one.loc[name, "n"]), "NSE": _plain(one.loc[name, "NSE"])}
            for flux, one in skill.items()
            if name in one.index
        }
        if not found:
            continue
        properties = {"site_id": name, "IGBP": str(site.get("IGBP", "")), "skill": found}
        place = [round(float(site[axis]), 5) for axis in ("longitude", "latitude")]
        geometry = {"type": "Point", "coordinates": place}
        features.append({"type": "Feature", "geometry": geometry, "properties": properties})
    return {"type": "FeatureCollection", "features": features}


def tower_series(rows: pd.DataFrame) -> dict[str, dict[str, list[Any]]]:
    """Return each tower's series: measured, predicted without the tower, and interval.

    Args:
        rows: Held-out rows of one flux.

    Returns:
        Site -> ``time`` (dates), ``truth``, ``prediction``, ``lower`` and ``upper`` (lists).
    """
    columns = [c for c in ("truth", "prediction", "lower", "upper") if c in rows]
    series = {}
    for site, own in rows.sort_values("time").groupby("site_id"):
        dates = pd.to_datetime(own["time"]).dt.strftime("%Y-%m-%d").tolist()
        series[str(site)] = {"time": dates} | {c: [_plain(v) for v in own[c]] for c in columns}
    return series


def regions(aggregates: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Return flux -> rows of its totals and means by region and year."""
    columns = [c for c in _OF_REGIONS if c in aggregates]
    return {
        str(flux): [
            {k: _plain(v) for k, v in row.items()} for row in own[columns].to_dict("records")
        ]
        for flux, own in aggregates.groupby("flux", sort=False)
    }


def _plain(value: Any) -> Any:
    """Return a number of six digits, or null; text and integers as they are."""
    if isinstance(value, str | int | np.integer):
        return value if isinstance(value, str | int) else int(value)
    return float(f"{value:.6g}") if np.isfinite(value) else None
