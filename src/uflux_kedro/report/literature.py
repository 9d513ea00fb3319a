"""Global totals and means beside published ones, each with its source."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pandas as pd

from uflux_kedro.figures.labels import unit_text
from uflux_kedro.report.sections import Section
from uflux_kedro.statistics.aggregates import ALL_YEARS

LAND_KM2 = 148.94e6
"""Area of land on the Earth, lakes and ice sheets included, km2: Eakins and Sharman (2012),
Hypsographic curve of Earth's surface from ETOPO1, NOAA National Geophysical Data Center."""

COLUMNS = (
    "quantity", "statistic", "unit", "value", "lower", "upper", "years", "coverage", "published",
    "low", "high", "period", "label", "source", "doi",
)  # fmt: skip
"""Columns of :func:`beside_literature`."""

_PUBLISHED = (
    "Mean of the full calendar years over the cells with a value, with the mean of their 90 % intervals, "
    "beside published values and one standard deviation of theirs. Published values are of other "
    "years, and over the land that their products have; coverage is the area of ours as a "
    "share of all land of the Earth (149 million km²), ice sheets and lakes included. Rn of "
    "the product is the estimate of the section Budgets."
)
_SIMULATED = (
    "The towers and grids of this run are simulated: that Earth has weather and plants of its own, and "
    "its totals are not expected to agree with those of the real one."
)
_NO_YEAR = "No full calendar year is mapped, so there is no annual value to compare."


def published_values() -> pd.DataFrame:
    """Return the published values that the package knows.

    Returns:
        ``quantity``, ``statistic``, ``published``, ``low``, ``high`` (one standard deviation, or the
        range given), ``unit``, ``period``, ``label``, ``source``, ``doi``; one row per value.
    """
    path = resources.files(__package__) / "data" / "literature.csv"
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file)


def beside_literature(aggregates: pd.DataFrame, budgets: pd.DataFrame | None) -> pd.DataFrame:
    """Return the product's global values beside published ones.

    Args:
        aggregates: Tables of :func:`uflux_kedro.statistics.aggregates.aggregate` for all fluxes, of a
            product that covers the globe.
        budgets: Table of :func:`uflux_kedro.statistics.budgets.budget_residuals`, for net radiation.

    Returns:
        :data:`COLUMNS`, one row per published value of a quantity that the product has; no rows
        without a full year. ``coverage`` is a share of the land of the Earth.
    """
    published = published_values()
    whole = aggregates[
        (aggregates["region_kind"] == "global") & (aggregates["year"].astype(str) != ALL_YEARS)
    ]
    if whole.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    key = ["flux", "statistic"]
    ours = whole.groupby(key)[["value", "lower", "upper", "area_km2"]].mean()
    ours["years"] = whole.groupby(key)["year"].nunique()
    thousands = whole.groupby(key)["unit"].first() == "km3 yr-1"
    ours.loc[thousands, ["value", "lower", "upper"]] /= 1000
    ours["coverage"] = ours.pop("area_km2") / LAND_KM2
    radiation = _net_radiation(budgets)
    if np.isfinite(radiation):
        energy = ours.reindex([("H", "mean")]).rename(index={"H": "Rn"})
        ours = pd.concat([ours, energy.assign(value=radiation, lower=np.nan, upper=np.nan)])
    ours.index.names = ["quantity", "statistic"]
    return published.merge(ours.reset_index(), on=["quantity", "statistic"])[list(COLUMNS)]


def _net_radiation(budgets: pd.DataFrame | None) -> float:
    if budgets is None:
        return np.nan
    found = budgets.loc[budgets["quantity"].str.startswith("net radiation"), "value"]
    return float(found.iloc[0]) if len(found) else np.nan


def literature_section(table: pd.DataFrame, simulated: str = "") -> Section:
    """Return the section of a table of :func:`beside_literature`.

    Args:
        table: The table.
        simulated: What of the data is simulated; empty for real data.
    """
    if table.empty:
        return Section("literature", "Totals against the literature", _NO_YEAR, [])
    shown = pd.DataFrame(
        {
            "quantity": table["quantity"],
            "unit": table["unit"].map(unit_text),
            "product": table["value"],
            "from": table["lower"],
            "to": table["upper"],
            "years": table["years"].astype(int),
            "coverage (%)": 100 * table["coverage"],
            "published": table["published"],
            "published from": table["low"],
            "published to": table["high"],
            "period": table["period"].str.replace("-", "\N{EN DASH}"),
            "source": table["label"],
        }
    )
    tables = [("Mapped land beside published values", shown, 1)]
    text = f"{_SIMULATED} {_PUBLISHED}" if simulated else _PUBLISHED
    sources = table.drop_duplicates(["label", "doi"])
    notes = [f"{row.label}: {row.source}, doi {row.doi}" for row in sources.itertuples()]
    return Section("literature", "Totals against the literature", text, tables, notes)
