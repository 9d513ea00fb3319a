"""Years beside each other: the mapped land by member, other products, and the towers."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
import xarray as xr

from uflux_kedro.errors import require_columns
from uflux_kedro.statistics.aggregates import ALL_YEARS, TOTALS
from uflux_kedro.statistics.means import full_years, period_days
from uflux_kedro.statistics.zone_sums import sum_over_zones
from uflux_kedro.statistics.zones import AllCells
from uflux_kedro.variables import VARIABLES

COLUMNS = (
    "flux", "kind", "name", "group", "year", "statistic", "value", "lower", "upper", "unit", "n",
)  # fmt: skip
"""Columns of :func:`interannual_table`."""

SEASON, YEAR, NO_TIMESTAMP = "season as predictor", "year as predictor", "no timestamp"
"""Groups of members."""

_SEASONS, _YEARS = {"DoY_sin", "DoY_cos"}, {"Year"}
_LEAST_MONTHS, _LEAST_TOWERS, _LEAST_YEARS = 9, 3, 2


def timestamp_group(predictors: Collection[str]) -> str:
    """Return the group of a member: whether it knows the year, the season, or neither."""
    if _YEARS & set(predictors):
        return YEAR
    return SEASON if _SEASONS & set(predictors) else NO_TIMESTAMP


def annual_of_members(product: xr.Dataset, variable: str) -> pd.DataFrame:
    """Return each member's mean over the mapped land, and its total, in each full year.

    The product is read tile by tile. Where a member has no value the ensemble's takes its place, as
    in the totals by zone.

    Args:
        product: A finished product; see :func:`uflux_kedro.statistics.zone_sums.sum_over_zones`.
        variable: The flux.

    Returns:
        ``member``, ``year``, ``statistic`` (``mean``, and ``total`` where the flux has one),
        ``value``, ``unit``; no row if the product covers no year in full or has no members.
    """
    names = f"{variable}_member"
    columns = ["member", "year", "statistic", "value", "unit"]
    days = period_days(product)
    full = full_years(days)
    years = full["year"].to_numpy()[full.to_numpy()]
    if names not in product or not years.size:
        return pd.DataFrame(columns=columns)
    kept = [n for n in (variable, names, "crs") if n in product]
    (sums,) = sum_over_zones(product[kept], variable, [AllCells()])
    weight = (days["time"].dt.year.to_numpy()[:, None] == years) * days.to_numpy()[:, None]
    amount = sums.members[:, 0] @ weight  # (members, years)
    unit = str(product[variable].attrs.get("units"))
    factor, total_unit = TOTALS.get(unit, (np.nan, ""))
    area = sums.area[0] @ weight
    found = {"mean": (amount / area, VARIABLES[variable].unit)}
    if total_unit:
        found["total"] = (amount * factor, total_unit)
    index = pd.MultiIndex.from_product(
        [[str(name) for name in product["member"].to_numpy()], years], names=columns[:2]
    )
    tables = [
        pd.DataFrame({"value": values.ravel()}, index).assign(statistic=name, unit=words)
        for name, (values, words) in found.items()
    ]
    return pd.concat(tables).reset_index()[columns]


def annual_of_peer(comparison: xr.Dataset) -> pd.DataFrame:
    """Return a peer's mean and total in each year of twelve common months.

    Args:
        comparison: Result of :func:`uflux_kedro.statistics.peers.compare_with_peer`.

    Returns:
        ``year``, ``statistic``, ``value``, ``unit``, over the cells that both products have.
    """
    unit = str(comparison["peer_series"].attrs["units"])
    table = comparison[["peer_series", "common_area", "days"]].to_dataframe()
    weight = table["common_area"] * table["days"]
    by_year = pd.DataFrame({"amount": table["peer_series"] * weight, "weight": weight}).groupby(
        table.index.year
    )
    sums = by_year.sum()[by_year.size() == 12]
    factor, total_unit = TOTALS.get(unit, (np.nan, ""))
    found = {"mean": (sums["amount"] / sums["weight"], unit)}
    if total_unit:
        found["total"] = (sums["amount"] * 1e6 * factor, total_unit)  # km2 to m2
    tables = [
        values.rename_axis("year").rename("value").reset_index().assign(statistic=name, unit=words)
        for name, (values, words) in found.items()
    ]
    return pd.concat(tables, ignore_index=True)


def tower_anomalies(held_out: pd.DataFrame) -> pd.DataFrame:
    """Return how the towers' years differ from their own mean, observed and predicted.

    The mean of each tower and calendar month over two years or more is subtracted first, so that
    neither gaps nor towers that come and go make a difference between years. A tower's year needs
    nine months, a year three towers.

    Args:
        held_out: ``site_id``, ``time``, ``truth``, ``prediction``; predictions of models that were
            not trained on the tower.

    Returns:
        ``year``, ``truth`` and ``prediction`` (means over towers, in the flux's unit),
        ``truth_std`` and ``prediction_std`` among towers, and ``towers``.

    Raises:
        InputError: If a column is missing.
    """
    require_columns(held_out, ("site_id", "time", "truth", "prediction"), "held-out predictions")
    rows = held_out.dropna(subset=["truth", "prediction"])
    month, year = rows["time"].dt.month.rename("month"), rows["time"].dt.year.rename("year")
    of_month = rows.groupby(["site_id", month])[["truth", "prediction"]]
    years_of_month = year.groupby([rows["site_id"], month]).transform("nunique")
    anomaly = rows[["truth", "prediction"]] - of_month.transform("mean")
    anomaly = anomaly[years_of_month >= _LEAST_YEARS]
    months = month[anomaly.index].groupby([rows["site_id"], year]).nunique()
    of_site = anomaly.groupby([rows["site_id"], year]).mean()[months >= _LEAST_MONTHS]
    by_year = of_site.groupby("year")
    table = by_year.mean().join(by_year.std().add_suffix("_std")).assign(towers=by_year.size())
    return table[table["towers"] >= _LEAST_TOWERS].reset_index()


def interannual_table(
    flux: str,
    aggregates: pd.DataFrame,
    members: pd.DataFrame,
    groups: Mapping[str, str],
    peers: Mapping[str, xr.Dataset],
    held_out: pd.DataFrame,
) -> pd.DataFrame:
    """Return all years of one flux as one tidy table.

    Args:
        flux: The flux.
        aggregates: Table of :func:`uflux_kedro.statistics.aggregates.aggregate`.
        members: Table of :func:`annual_of_members`.
        groups: Member -> its group, from :func:`timestamp_group`.
        peers: Name of another product -> its comparison with this one.
        held_out: Held-out predictions of the ensemble.

    Returns:
        :data:`COLUMNS`. ``kind`` is ``ensemble`` (with its interval), ``member``, ``peer``,
        ``towers`` or ``model at towers`` (anomalies, with one standard deviation among towers);
        ``statistic`` is ``mean``, ``total`` or ``anomaly``; ``n`` the number of towers.
    """
    whole = aggregates[(aggregates["flux"] == flux) & (aggregates["region_kind"] == "global")]
    whole = whole[whole["year"].astype(str) != ALL_YEARS]
    tables = [whole.assign(kind="ensemble", name="ensemble", year=whole["year"].astype(int))]
    tables.append(members.assign(kind="member", name=members["member"], group=members["member"].map(groups)))  # fmt: skip
    tables += [annual_of_peer(one).assign(kind="peer", name=name) for name, one in peers.items()]
    towers = tower_anomalies(held_out)
    for kind, column in (("towers", "truth"), ("model at towers", "prediction")):
        value, spread = towers[column], towers[f"{column}_std"]
        tables.append(
            towers.assign(kind=kind, name=kind, statistic="anomaly", value=value,
                          lower=value - spread, upper=value + spread, n=towers["towers"],
                          unit=VARIABLES[flux].unit)
        )  # fmt: skip
    known = [table.reindex(columns=list(COLUMNS)) for table in tables if len(table)]
    joined = pd.concat(known, ignore_index=True) if known else pd.DataFrame(columns=list(COLUMNS))
    return joined.assign(flux=flux)
