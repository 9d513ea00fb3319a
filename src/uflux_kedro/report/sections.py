"""Parts of the page about the products: totals, other products beside them, budgets."""

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
    "Sums and means over the cells that have a value, weighted by their area and the length of "
    "the periods. ± is the standard deviation among the members' own totals; it is empty where "
    "their fields were not kept, and no measure of the distance to the truth. Carbon in "
    "PgC yr⁻¹, water in 1000 km³ yr⁻¹, energy as a mean in W m⁻²; a flux whose record has no full "
    "year as a mean. A cell on a border is parted by area; countries are Natural Earth's at "
    "1:110 million. All years, statistics and regions: 08_reporting/aggregates.csv."
)
_PEERS = (
    "Each product beside another one on the coarser of their grids, over the cells and months "
    "that both have, so totals are not those of the whole product. Scores take the other one as "
    "the reference and are weighted by area and days: of cells and months, of the cells' "
    "means (spatial), and of their mean seasonal cycles less their means. Coverage is the share "
    "of the other within two standard deviations of the members; if the members were a sample "
    "of what is possible, it would be about 0.95."
)
_BUDGETS = (
    "The fluxes are predicted apart: nothing makes NEE what RECO and GPP leave, or H and LE "
    "what radiation brings. No source has net radiation: it is estimated from incoming "
    "radiation and the temperature of the surface with one albedo, that of grass, which is too "
    "dark for deserts, snow and ice; ground heat is left out."
)


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        key: Its identifier, to which figures of the section refer.
        title: Heading.
        text: What a reader must know.
        tables: Heading, table and decimals of each.
    """

    key: str
    title: str
    text: str
    tables: Sequence[tuple[str, pd.DataFrame, int]]


def map_sections(
    aggregates: pd.DataFrame | None, peers: pd.DataFrame | None, budgets: pd.DataFrame | None
) -> list[Section]:
    """Sections of what a run has; none where it has no maps.

    Args:
        aggregates: As :func:`uflux_kedro.statistics.aggregates.aggregate` gives it, of all fluxes.
        peers: One row a peer and flux with the scores of
            :data:`uflux_kedro.statistics.peers.SCORES`.
        budgets: As :func:`uflux_kedro.statistics.budgets.budgets` gives it.
    """
    sections = []
    if aggregates is not None:
        aggregates = aggregates.assign(year=aggregates["year"].astype(str))
        tables = [("The globe, or all that is mapped, by year", years_table(aggregates), 2)]
        given = aggregates["region_kind"].unique()
        for kind in (k for k in given if k != "global"):
            title = _KINDS.get(kind, f"By {kind}")
            tables.append((title, zones_table(aggregates, kind), 2 if kind in ("zonal", "IGBP") else 3))  # fmt: skip
        sections.append(Section("totals", "Totals and means", _TOTALS, tables))
    if peers is not None:
        tables = [(f"Beside {name}", _peer_table(part), 2) for name, part in peers.groupby("peer", sort=False)]  # fmt: skip
        sections.append(Section("peers", "Beside other products", _PEERS, tables))
    if budgets is not None:
        table = budgets.assign(unit=budgets["unit"].map(unit_text))
        sections.append(Section("budgets", "Budgets", _BUDGETS, [("Means over cells and periods", table, 3)]))  # fmt: skip
    return sections


def years_table(aggregates: pd.DataFrame) -> pd.DataFrame:
    """All cells by year, the mean of the years and the deviation about their trend."""
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
    """One row a zone of a kind: its area, and of each flux the total or mean and its spread."""
    part = aggregates[(aggregates["region_kind"] == kind) & (aggregates["year"] == ALL_YEARS)]
    table = _wide(_shown(part), "region")
    area = part.groupby("region", sort=False)["area_km2"].max() / 1e6
    table.insert(1, "10⁶ km²", table["region"].map(area))
    return table


def _shown(aggregates: pd.DataFrame) -> pd.DataFrame:
    """Totals of what has them, else means, with the heading of their column."""
    has_total = set(aggregates.loc[aggregates["statistic"] == "total", "flux"])
    wanted = np.where(aggregates["flux"].isin(has_total), "total", "mean")
    rows = aggregates[aggregates["statistic"] == wanted]
    units = rows["unit"].replace("km3 yr-1", "1000 km3 yr-1").map(unit_text)
    return rows.assign(column=rows["flux"] + " (" + units + ")")


def _wide(rows: pd.DataFrame, index: str) -> pd.DataFrame:
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
    """Scores of one peer, those that a page has room for."""
    table = part.drop(columns=["peer", "area", "r2"]).assign(
        unit=part["unit"].map(unit_text), months=part["months"].astype(int)
    )
    return table.rename(columns=_PEER_HEADINGS).reset_index(drop=True)


_PEER_HEADINGS = {
    "product_mean": "product",
    "peer_mean": "other",
    "product_total": "product (PgC yr⁻¹)",
    "peer_total": "other (PgC yr⁻¹)",
    "spatial_r2": "spatial R²",
    "seasonal_r2": "seasonal R²",
    "seasonal_NSE": "seasonal NSE",
}
