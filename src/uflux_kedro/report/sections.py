"""Sections of the report about the products: totals, comparisons with peers, budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from uflux_kedro.figures.labels import unit_text
from uflux_kedro.statistics.aggregates import ALL_YEARS
from uflux_kedro.variables import FLUXES

_KINDS = {"zonal": "By latitude", "IGBP": "By IGBP class", "country": "By country"}

_TOTALS = (
    "Sums and means over the cells with a value, weighted by the area of cells and the length of "
    "periods. ± is the standard deviation among the totals of the members. It does not measure "
    "the distance to the truth, and it is empty if the fields of members were not kept. Carbon is "
    "in PgC yr⁻¹ and water in 1000 km³ yr⁻¹; energy, and a flux without a full year, is a mean. "
    "A cell on a border is split by area; countries are those of Natural Earth at 1:110 million. "
    "All years, statistics and regions are in 08_reporting/aggregates.csv."
)
_PEERS = (
    "Each map is compared with another product on the coarser of both grids, over the cells and "
    "months that both have; totals therefore differ from those of the complete map. A bias is "
    "product minus other product. Scores use the other product as the reference and are weighted by "
    "area and days. They compare values of "
    "cells and months, means of cells (spatial), and mean seasonal cycles of cells minus their "
    "means (seasonal). Coverage is the share of the other product's values that are within two "
    "standard deviations among members of the ensemble mean; if this spread were the uncertainty, "
    "it would be about 0.95."
)
_BUDGETS = (
    "Each flux is predicted separately, so that NEE need not equal RECO minus GPP, nor H plus LE "
    "the net radiation. The table shows by how much they differ. Net radiation is in no source: "
    "it is estimated from incoming radiation and surface temperature with the albedo of grass "
    "everywhere, which is too low for deserts, snow and ice. Ground heat flux is neglected."
)


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        key: Identifier, which figures of the section refer to.
        title: Heading.
        text: Explanation of the tables.
        tables: Heading, table and number of decimals of each table.
        notes: Lines below the tables.
    """

    key: str
    title: str
    text: str
    tables: Sequence[tuple[str, pd.DataFrame, int]]
    notes: Sequence[str] = ()


def map_sections(
    aggregates: pd.DataFrame | None, peers: pd.DataFrame | None, budgets: pd.DataFrame | None
) -> list[Section]:
    """Return the sections about maps; None as argument omits its section.

    Args:
        aggregates: Tables of :func:`uflux_kedro.statistics.aggregates.aggregate` for all fluxes.
        peers: One row per peer and flux, with the scores of
            :data:`uflux_kedro.statistics.peers.SCORES`.
        budgets: Table of :func:`uflux_kedro.statistics.budgets.budget_residuals`.
    """
    sections = []
    if aggregates is not None:
        aggregates = aggregates.assign(year=aggregates["year"].astype(str))
        tables = [("All mapped cells, by year", years_table(aggregates), 2)]
        given = aggregates["region_kind"].unique()
        for kind in (k for k in given if k != "global"):
            title = _KINDS.get(kind, f"By {kind}")
            decimals = 2 if kind in ("zonal", "IGBP") else 3
            tables.append((title, zones_table(aggregates, kind), decimals))
        sections.append(Section("totals", "Totals and means", _TOTALS, tables))
    if peers is not None:
        tables = [
            (f"Compared with {name}", _peer_table(part), 2)
            for name, part in peers.groupby("peer", sort=False)
        ]
        sections.append(Section("peers", "Comparison with other products", _PEERS, tables))
    if budgets is not None:
        table = budgets.assign(unit=budgets["unit"].map(unit_text))
        tables = [("Means over cells and periods", table, 3)]
        sections.append(Section("budgets", "Budgets", _BUDGETS, tables))
    return sections


def years_table(aggregates: pd.DataFrame) -> pd.DataFrame:
    """Return all cells by year, the mean of years, and the deviation about their trend."""
    rows = _shown(aggregates[aggregates["region_kind"] == "global"])
    table = _wide(rows, "year")
    last = table["year"] == ALL_YEARS
    table = pd.concat([table[~last], table[last].assign(year="mean")])
    between = rows[rows["year"] == ALL_YEARS].set_index("column")["std_years"]
    if between.notna().any():
        between = between.where(~between.index.str.contains("1000 km"), between / 1000)
        table = pd.concat([table, pd.DataFrame([{"year": "± between years", **between}])])
    return table.reset_index(drop=True)


def zones_table(aggregates: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return one row per zone: its area, and the total or mean of each flux with its spread."""
    part = aggregates[(aggregates["region_kind"] == kind) & (aggregates["year"] == ALL_YEARS)]
    table = _wide(_shown(part), "region")
    area = part.groupby("region", sort=False)["area_km2"].max() / 1e6
    table.insert(1, "10⁶ km²", table["region"].map(area))
    return table


def _shown(aggregates: pd.DataFrame) -> pd.DataFrame:
    """Return totals of fluxes that have them and means of others, with column headings."""
    has_total = set(aggregates.loc[aggregates["statistic"] == "total", "flux"])
    wanted = np.where(aggregates["flux"].isin(has_total), "total", "mean")
    rows = aggregates[aggregates["statistic"] == wanted]
    units = rows["unit"].replace("km3 yr-1", "1000 km3 yr-1").map(unit_text)
    return rows.assign(column=rows["flux"] + " (" + units + ")")


def _wide(rows: pd.DataFrame, index: str) -> pd.DataFrame:
    """Return one row per value of ``index`` and two columns per flux: value and spread."""
    fluxes = [f for f in FLUXES if f in set(rows["flux"])]
    fluxes += [f for f in rows["flux"].unique() if f not in fluxes]
    columns: dict[str, pd.Series] = {}
    for flux in fluxes:
        one = rows[rows["flux"] == flux].set_index(index)
        thousands = 1e-3 if one["unit"].iloc[0] == "km3 yr-1" else 1.0
        columns[one["column"].iloc[0]] = one["value"] * thousands
        columns[f"{flux} ±"] = one["std_members"] * thousands
    order = pd.Index(rows[index].unique(), name=index)
    return pd.DataFrame(columns).reindex(order).reset_index()


def _peer_table(part: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of one peer, without those that the page has no room for."""
    table = part.drop(columns=["peer", "area", "r2"]).assign(
        unit=part["unit"].map(unit_text), months=part["months"].astype(int)
    )
    return table.rename(columns=_PEER_HEADINGS).reset_index(drop=True)


_PEER_HEADINGS = {
    "product_mean": "product",
    "peer_mean": "other product",
    "product_total": "product (PgC yr⁻¹)",
    "peer_total": "other product (PgC yr⁻¹)",
    "spatial_r2": "spatial R²",
    "seasonal_r2": "seasonal R²",
    "seasonal_NSE": "seasonal NSE",
}
