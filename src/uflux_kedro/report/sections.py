"""Sections of the report about the products: totals, comparisons with peers, budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from uflux_kedro.figures.labels import range_text, unit_text
from uflux_kedro.statistics.aggregates import ALL_YEARS
from uflux_kedro.variables import FLUXES

_KINDS = {"zonal": "By latitude", "IGBP": "By IGBP class", "country": "By country"}

_TOTALS = (
    "Sums and means over the cells with a value, weighted by the area of cells and the length of "
    "periods. ± is the standard deviation among the totals of the members; where a member has no "
    "value in a cell and period, the mean of the others is taken for it, so that all totals are of "
    "the same cells. It does not measure the distance to the truth, and it is empty if the fields of "
    "members were not kept. The interval does: it follows from the errors at unseen towers. "
    "Extrapolated is the share of the area and time with a value for which no tower is like enough "
    "(outside the area of applicability), completeness the mean of n / (n + n0) of the n towers that "
    "are, coverage the share of land area and time with a value. {rule} Carbon is "
    "in PgC yr⁻¹ and water in 1000 km³ yr⁻¹; energy, and a flux without a full year, is a mean. "
    "A cell on a border is split by area; countries are those of Natural Earth at 1:110 million. "
    "All years, statistics and regions are in 08_reporting/aggregates.csv; months, with intervals too, "
    "in aggregates_monthly.csv, those of countries and areas of your own in areas_monthly.csv."
)
_RULES = {
    "mask": "Carbon fluxes have no value on snow, ice and barren land, which add nothing to a total.",
    "zero": "Carbon fluxes are zero by rule on snow, ice and barren land.",
    "predict": "On snow, ice and barren land, where no tower of carbon fluxes stands, all is extrapolated.",
}
"""Setting ``inference.unvegetated`` -> what the page says of it."""
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
    aggregates: pd.DataFrame | None,
    peers: pd.DataFrame | None,
    budgets: pd.DataFrame | None,
    *,
    unvegetated: str = "mask",
) -> list[Section]:
    """Return the sections about maps; None as argument omits its section.

    Args:
        aggregates: Tables of :func:`uflux_kedro.statistics.aggregates.aggregate` for all fluxes.
        peers: One row per peer and flux, with the scores of
            :data:`uflux_kedro.statistics.peers.SCORES`.
        budgets: Table of :func:`uflux_kedro.statistics.budgets.budget_residuals`.
        unvegetated: What carbon fluxes are on snow, ice and barren land: ``mask``, ``zero`` or
            ``predict``.
    """
    sections = []
    if aggregates is not None:
        aggregates = aggregates.assign(year=aggregates["year"].astype(str))
        tables = [
            ("All mapped cells, and how far they are supported", summary_table(aggregates), 2),
            ("All mapped cells, by year", years_table(aggregates), 2),
        ]
        given = aggregates["region_kind"].unique()
        for kind in (k for k in given if k != "global"):
            title = _KINDS.get(kind, f"By {kind}")
            decimals = 2 if kind in ("zonal", "IGBP") else 3
            tables.append((title, zones_table(aggregates, kind), decimals))
            tables.append((f"{title}: support", support_table(aggregates, kind), 2))
        text = _TOTALS.format(rule=_RULES[unvegetated])
        sections.append(Section("totals", "Totals and means", text, tables))
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


def summary_table(aggregates: pd.DataFrame) -> pd.DataFrame:
    """Return one row per flux of all cells: its total or mean with errors, and its support."""
    whole = aggregates[aggregates["region_kind"] == "global"]
    rows = _shown(whole[whole["year"] == ALL_YEARS])
    rows = rows.set_index("flux").loc[_in_order(rows["flux"])].reset_index()
    thousands = np.where(rows["unit"] == "km3 yr-1", 1e-3, 1.0)
    years = {
        flux: _years(of["year"])
        for flux, of in _shown(whole[whole["year"] != ALL_YEARS]).groupby("flux")
    }
    return pd.DataFrame(
        {
            "flux": rows["flux"],
            "unit": rows["column"].str.extract(r"\((.*)\)$", expand=False),
            "years": [years.get(flux, "part of a year") for flux in rows["flux"]],
            "value": rows["value"] * thousands,
            "± among members": rows["std_members"] * thousands,
            "interval": [
                range_text(low, high)
                for low, high in zip(
                    rows["lower"] * thousands, rows["upper"] * thousands, strict=True
                )
            ],
            "± between years": rows["std_years"] * thousands,
            "extrapolated": rows["extrapolated"],
            "completeness": rows["completeness"],
            "coverage": rows["coverage"],
        }
    )


def _years(years: pd.Series) -> str:
    """Return years in words: 2019, or 2018 to 2020, or their list where some are missing."""
    known = sorted({int(year) for year in years})
    if len(known) == 1:
        return str(known[0])
    if known[-1] - known[0] == len(known) - 1:
        return f"{known[0]} to {known[-1]}"
    return ", ".join(map(str, known))


def years_table(aggregates: pd.DataFrame) -> pd.DataFrame:
    """Return all cells by year, the mean of several years, and the deviation about their trend.

    A record without a full year has its mean alone.
    """
    rows = _shown(aggregates[aggregates["region_kind"] == "global"])
    table = _wide(rows, "year")
    last = table["year"] == ALL_YEARS
    if (~last).sum() == 1:  # the mean of one year is that year
        table = table[~last]
    else:
        mean = "mean of years" if (~last).any() else "mean of the record"
        table = pd.concat([table[~last], table[last].assign(year=mean)])
    between = rows[rows["year"] == ALL_YEARS].set_index("column")["std_years"]
    if between.notna().any():
        between = between.where(~between.index.str.contains("1000 km"), between / 1000)
        table = pd.concat([table, pd.DataFrame([{"year": "± between years", **between}])])
    return table.reset_index(drop=True)


def zones_table(aggregates: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return one row per zone: its area, and each flux with its spread and extrapolated share."""
    part = aggregates[(aggregates["region_kind"] == kind) & (aggregates["year"] == ALL_YEARS)]
    table = _wide(_shown(part), "region", "extrapolated")
    area = part.groupby("region", sort=False)["area_km2"].max() / 1e6
    table.insert(1, "10⁶ km²", table["region"].map(area))
    return table


def support_table(aggregates: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return one row per zone: completeness and coverage of each flux."""
    part = aggregates[(aggregates["region_kind"] == kind) & (aggregates["year"] == ALL_YEARS)]
    rows = _shown(part)
    columns = {
        f"{flux} {name}": rows[rows["flux"] == flux].set_index("region")[name]
        for flux in _in_order(rows["flux"])
        for name in ("completeness", "coverage")
    }
    order = _places(rows, "region")
    return pd.DataFrame(columns).reindex(order).reset_index()


def _places(rows: pd.DataFrame, index: str) -> pd.Index:
    """Return the values of ``index`` in their order; fluxes without a value there do not change it."""
    most = max((of[index] for _, of in rows.groupby("flux", sort=False)), key=len)
    return pd.Index(dict.fromkeys([*most, *rows[index]]), name=index)


def _in_order(fluxes: pd.Series) -> list[str]:
    """Return the fluxes, each once, measured ones first and in their order."""
    given = list(dict.fromkeys(fluxes))
    return [f for f in FLUXES if f in given] + [f for f in given if f not in FLUXES]


def _shown(aggregates: pd.DataFrame) -> pd.DataFrame:
    """Return totals of fluxes that have them and means of others, with column headings."""
    has_total = set(aggregates.loc[aggregates["statistic"] == "total", "flux"])
    wanted = np.where(aggregates["flux"].isin(has_total), "total", "mean")
    rows = aggregates[aggregates["statistic"] == wanted]
    units = rows["unit"].replace("km3 yr-1", "1000 km3 yr-1").map(unit_text)
    return rows.assign(column=rows["flux"] + " (" + units + ")")


def _wide(rows: pd.DataFrame, index: str, *beside: str) -> pd.DataFrame:
    """Return one row per value of ``index``; columns of each flux are value, spread and ``beside``."""
    columns: dict[str, pd.Series] = {}
    for flux in _in_order(rows["flux"]):
        one = rows[rows["flux"] == flux].set_index(index)
        thousands = 1e-3 if one["unit"].iloc[0] == "km3 yr-1" else 1.0
        columns[one["column"].iloc[0]] = one["value"] * thousands
        columns[f"{flux} ±"] = one["std_members"] * thousands
        columns |= {f"{flux} {name}": one[name] for name in beside}
    order = _places(rows, index)
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
