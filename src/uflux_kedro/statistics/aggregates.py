"""Totals and means of a product by zone and year, with the members' spread, as one tidy table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.statistics.means import full_years, interannual_variability, period_days
from uflux_kedro.statistics.zone_sums import ZoneSums, sum_over_zones
from uflux_kedro.statistics.zones import Zones

ALL_YEARS = "all"
"""Year of the rows that are of the whole record."""

AGGREGATE_COLUMNS = (
    "flux", "region_kind", "region", "year", "statistic", "value", "unit", "std_members",
    "std_bound", "std_years", "members", "area_km2", "cells",
)  # fmt: skip

TOTALS = {
    "gC m-2 d-1": (1e-15, "PgC yr-1"),
    "g m-2 d-1": (1e-15, "PgC yr-1"),  # as a finished product writes it
    "mm d-1": (1e-12, "km3 yr-1"),
}
"""Unit of a field -> factor of its sum over m2 and days, and the total's unit."""

_CANONICAL = {"g m-2 d-1": "gC m-2 d-1"}


@dataclass(frozen=True)
class _Statistic:
    name: str
    unit: str
    yearly: np.ndarray
    """(rows, zones, years): the ensemble, the bound, then each member; NaN for incomplete years."""
    record: np.ndarray
    """(rows, zones): the same for the whole record."""


def aggregate(
    product: xr.Dataset,
    variable: str,
    zones: Sequence[Zones],
    land_cover: xr.DataArray | None = None,
) -> pd.DataFrame:
    """Return totals and means of a product by zone and year.

    Carbon and water have totals and means, energy has means only. Missing cells add nothing to a
    total and are ignored in a mean. A year that the record does not cover in full, or with a
    period in which the zone has no value at all, has no row.

    The members' spread is that of their totals (or means), each summed over all cells first:
    errors that are alike everywhere add up and others cancel, which only the members' fields
    show. Where these were not kept it is NaN, and ``std_bound`` is its upper bound: the sum of the
    cells' own spreads (the triangle inequality).

    Args:
        product: A finished product; see :func:`uflux_kedro.statistics.zone_sums.sum_over_zones`.
        variable: The field, such as GPP.
        zones: Zones of one or more kinds.
        land_cover: IGBP classes on the product's cells.

    Returns:
        :data:`AGGREGATE_COLUMNS`, one row per zone, statistic (``total``, ``mean``) and year. Year
        ``all`` is the mean of the full years' totals, or the mean over all periods; its
        ``std_years`` is the standard deviation over the years about their trend (NaN for fewer
        than three). ``area_km2`` is the area with values, averaged over the year; zones without
        any value are omitted.

    Raises:
        InputError: If the product has no ``time_bnds``, or no value in any zone.
    """
    sums = sum_over_zones(product, variable, zones, land_cover)
    unit = str(product[variable].attrs.get("units"))
    days = period_days(product)
    tables = [_table(one, days, unit) for one in sums]
    table = pd.concat(tables, ignore_index=True).assign(flux=variable)
    if table.empty:
        raise InputError("product", variable, expected="values in some zone", found="none")
    return table[list(AGGREGATE_COLUMNS)]


def _table(sums: ZoneSums, days: xr.DataArray, unit: str) -> pd.DataFrame:
    length = days.to_numpy().astype(float)
    year = days["time"].dt.year.to_numpy()
    full = full_years(days)
    years = full["year"].to_numpy()
    of_year = (year[:, None] == years).astype(float) * length[:, None]  # (periods, years)
    rows = np.concatenate([sums.value[None], sums.spread[None], sums.members])
    amount, area = rows @ of_year, sums.area @ of_year
    # A period in which a zone has no value at all leaves no annual value.
    complete = full.to_numpy() & (((sums.area > 0).astype(float) @ (of_year > 0)) == (of_year > 0).sum(0))  # fmt: skip
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = _Statistic(
            "mean",
            _CANONICAL.get(unit, unit),
            np.where(complete, amount / area, np.nan),
            (rows @ length) / (sums.area @ length),
        )
    found = [mean]
    if unit in TOTALS:
        factor, total_unit = TOTALS[unit]
        yearly = np.where(complete, amount * factor, np.nan)
        found.insert(0, _Statistic("total", total_unit, yearly, _mean_of_known(yearly)))
    yearly_area = np.concatenate([area / of_year.sum(0), (sums.area @ length / length.sum())[:, None]], 1)  # fmt: skip
    tables = [_rows(one, sums, years, yearly_area) for one in found]
    return pd.concat(tables, ignore_index=True)


def _rows(
    statistic: _Statistic, sums: ZoneSums, years: np.ndarray, area: np.ndarray
) -> pd.DataFrame:
    values = np.concatenate([statistic.yearly, statistic.record[..., None]], axis=-1)
    n_members = len(sums.members)
    spread = values[2:].std(axis=0) if n_members > 1 else np.full(values.shape[1:], np.nan)
    # The spread of a single member is missing; its sum would be zero.
    bound = np.where(sums.spread.any(axis=1, keepdims=True), values[1], np.nan)
    between = np.full(values.shape[1:], np.nan)
    yearly = xr.DataArray(statistic.yearly[0], {"year": years}, ("zone", "year"))
    between[:, -1] = _between_years(yearly)
    index = pd.MultiIndex.from_product(
        [sums.names, [*map(str, years), ALL_YEARS]], names=["region", "year"]
    )
    table = pd.DataFrame(
        {
            "value": values[0].ravel(),
            "std_members": spread.ravel(),
            "std_bound": bound.ravel(),
            "std_years": between.ravel(),
            "area_km2": area.ravel() / 1e6,
            "cells": np.repeat(sums.cells, len(years) + 1),
        },
        index=index,
    ).reset_index()
    table = table.assign(
        region_kind=sums.kind, statistic=statistic.name, unit=statistic.unit, members=n_members
    )
    return table[(table["cells"] > 0) & table["value"].notna()]


def _mean_of_known(yearly: np.ndarray) -> np.ndarray:
    """Return the mean over the years (last axis) that are not NaN; NaN if all are."""
    known = np.isfinite(yearly)
    with np.errstate(invalid="ignore"):
        return np.where(known, yearly, 0).sum(-1) / known.sum(-1)


def _between_years(yearly: xr.DataArray) -> np.ndarray:
    """Return the interannual variability of each zone (zone,), from the years that it has."""
    return np.array([float(interannual_variability(one)) for one in yearly])
