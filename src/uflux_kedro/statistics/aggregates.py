"""Totals and means of a product by zone and year or month, with their uncertainty, as tidy tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.statistics.correlated import SumErrors
from uflux_kedro.statistics.means import full_years, interannual_variability, period_days
from uflux_kedro.statistics.zone_sums import ZoneSums, sum_over_zones
from uflux_kedro.statistics.zones import Zones
from uflux_kedro.variables import CF_UNITS

ALL_YEARS = "all"
"""Year of the rows that are of the whole record."""

INTERVAL_COLUMNS = (
    "lower", "upper", "lower_independent", "upper_independent", "lower_dependent",
    "upper_dependent", "completeness",
)  # fmt: skip

SHARE_COLUMNS = ("extrapolated", "coverage")
"""Share of the area with values that lies outside the area of applicability, and share of land area and
time with a value."""

AGGREGATE_COLUMNS = (
    "flux", "region_kind", "region", "year", "statistic", "value", "unit", "std_members",
    "std_bound", "std_years", "members", "area_km2", "cells", *INTERVAL_COLUMNS, *SHARE_COLUMNS,
)  # fmt: skip

MONTHLY_COLUMNS = (
    "flux", "region_kind", "region", "time", "statistic", "value", "unit", "area_km2",
    *INTERVAL_COLUMNS, *SHARE_COLUMNS,
)  # fmt: skip

MONTHLY_KINDS = ("global", "zonal", "IGBP")
"""Kinds of zones with rows in the monthly table; countries and other areas have one of their own, which is
the longest by far."""

TOTALS = {
    "gC m-2 d-1": (1e-15, "PgC yr-1"),
    "g m-2 d-1": (1e-15, "PgC yr-1"),  # as a finished product writes it
    "mm d-1": (1e-12, "km3 yr-1"),
}
"""Unit of a field -> factor of its sum over m2 and days, and the total's unit."""

_CANONICAL = {written: unit for unit, written in CF_UNITS.items()}


class AggregateTables(NamedTuple):
    """Totals and means of one product."""

    yearly: pd.DataFrame
    """:data:`AGGREGATE_COLUMNS`, by year and for the whole record."""
    monthly: pd.DataFrame
    """:data:`MONTHLY_COLUMNS`, by calendar month, for zones of :data:`MONTHLY_KINDS`."""
    areas: pd.DataFrame
    """The same for countries and areas of one's own."""


@dataclass(frozen=True)
class _Statistic:
    name: str
    unit: str
    yearly: np.ndarray
    """(rows, zones, years): the ensemble, the bound, then each member; NaN for incomplete years."""
    record: np.ndarray
    """(rows, zones): the same for the whole record."""
    half_widths: np.ndarray
    """(6, zones, years + 1): below and above; correlated, independent, dependent."""


def aggregate(
    product: xr.Dataset,
    variable: str,
    zones: Sequence[Zones],
    land_cover: xr.DataArray | None = None,
    errors: SumErrors | None = None,
) -> pd.DataFrame:
    """Return totals and means of a product by zone and year.

    Carbon and water have totals and means, energy has means only. Missing cells add nothing to a
    total and are ignored in a mean. A year that the record does not cover in full, or with a
    period in which the zone has no value at all, has no row.

    The members' spread is that of their totals (or means), each summed over all cells first:
    errors that are alike everywhere add up and others cancel, which only the members' fields
    show. Where these were not kept it is NaN, and ``std_bound`` is its upper bound: the sum of the
    cells' own spreads (the triangle inequality).

    ``lower`` to ``upper`` is the interval of the total (or mean) at the level of ``errors``, from
    the bounds of the cells and the correlation of their errors. Beside it stand the intervals
    that would follow if the errors of cells and periods were independent (far too narrow), and
    if they were all the same (far too wide). All are NaN without ``errors`` or without bounds.

    Args:
        product: A finished product; see :func:`uflux_kedro.statistics.zone_sums.sum_over_zones`.
        variable: The field, such as GPP.
        zones: Zones of one or more kinds.
        land_cover: IGBP classes on the product's cells.
        errors: How errors go together, for the intervals.

    Returns:
        :data:`AGGREGATE_COLUMNS`, one row per zone, statistic (``total``, ``mean``) and year. Year
        ``all`` is the mean of the full years' totals, or the mean over all periods; its
        ``std_years`` is the standard deviation over the years about their trend (NaN for fewer
        than three). ``area_km2`` is the area with values, averaged over the year;
        ``completeness`` is the area's mean, ``extrapolated`` the share of it whose completeness is 0,
        outside the area of applicability, ``coverage`` the share of land area and time with a value;
        zones without any value are omitted.

    Raises:
        InputError: If the product has no ``time_bnds``, or no value in any zone.
    """
    return aggregate_tables(product, variable, zones, land_cover, errors).yearly


def aggregate_tables(
    product: xr.Dataset,
    variable: str,
    zones: Sequence[Zones],
    land_cover: xr.DataArray | None = None,
    errors: SumErrors | None = None,
) -> AggregateTables:
    """Return totals and means of a product by year and by month, reading it once.

    Arguments and errors are those of :func:`aggregate`. A calendar month has rows if whole periods
    cover it; its total is that of the month (PgC month-1).
    """
    sums = sum_over_zones(product, variable, zones, land_cover, errors)
    unit = str(product[variable].attrs.get("units"))
    days = period_days(product)
    yearly = pd.concat([_table(one, days, unit) for one in sums], ignore_index=True)
    if yearly.empty:
        raise InputError("product", variable, expected="values in some zone", found="none")
    whole = [one for one in sums if one.kind in MONTHLY_KINDS]
    areas = [one for one in sums if one.kind not in MONTHLY_KINDS]
    return AggregateTables(
        yearly.assign(flux=variable)[list(AGGREGATE_COLUMNS)],
        _by_month(whole, days, unit, variable),
        _by_month(areas, days, unit, variable),
    )


def _by_month(
    sums: Sequence[ZoneSums], days: xr.DataArray, unit: str, variable: str
) -> pd.DataFrame:
    """Return :data:`MONTHLY_COLUMNS` for zones of several kinds."""
    months = [_monthly(one, days, unit) for one in sums]
    table = pd.concat(months, ignore_index=True) if months else pd.DataFrame()
    return table.assign(flux=variable).reindex(columns=list(MONTHLY_COLUMNS))


def _table(sums: ZoneSums, days: xr.DataArray, unit: str) -> pd.DataFrame:
    length = days.to_numpy().astype(float)
    year = days["time"].dt.year.to_numpy()
    full = full_years(days)
    years = full["year"].to_numpy()
    of_year = (year[:, None] == years).astype(float) * length[:, None]  # (periods, years)
    rows = np.concatenate([sums.value[None], sums.spread[None], sums.members])
    amount, area = rows @ of_year, sums.area @ of_year
    complete = full.to_numpy() & _complete(sums, of_year)
    counted = (complete.astype(float) @ (of_year > 0).T) > 0
    half, mean_year = _half_widths(
        sums, (np.vstack([of_year.T, length]), None), (length[None], counted)
    )
    record_area = (sums.area @ length)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = _Statistic(
            "mean",
            _CANONICAL.get(unit, unit),
            np.where(complete, amount / area, np.nan),
            (rows @ length) / (sums.area @ length),
            half / np.concatenate([area, record_area], axis=-1),
        )
    found = [mean]
    if unit in TOTALS:
        factor, total_unit = TOTALS[unit]
        yearly = np.where(complete, amount * factor, np.nan)
        mean_year = mean_year / complete.sum(1)[:, None].clip(min=1)
        halves = factor * np.concatenate([half[..., :-1], mean_year], axis=-1)
        found.insert(0, _Statistic("total", total_unit, yearly, _mean_of_known(yearly), halves))
    yearly_area = np.concatenate([area / of_year.sum(0), (sums.area @ length / length.sum())[:, None]], 1)  # fmt: skip
    known = _trust(sums, np.column_stack([of_year, length]))
    tables = [_rows(one, sums, years, yearly_area, known) for one in found]
    return pd.concat(tables, ignore_index=True)


def _rows(
    statistic: _Statistic,
    sums: ZoneSums,
    years: np.ndarray,
    area: np.ndarray,
    trust: Mapping[str, np.ndarray],
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
            **_intervals(values[0], statistic.half_widths, trust),
        },
        index=index,
    ).reset_index()
    table = table.assign(
        region_kind=sums.kind, statistic=statistic.name, unit=statistic.unit, members=n_members
    )
    return table[(table["cells"] > 0) & table["value"].notna()]


def _monthly(sums: ZoneSums, days: xr.DataArray, unit: str) -> pd.DataFrame:
    """Return totals and means by calendar month that whole periods cover."""
    length = days.to_numpy().astype(float)
    starts = days["time"].to_numpy().astype("datetime64[D]")
    month = starts.astype("datetime64[M]")
    months = np.unique(month)
    of_month = (month[:, None] == months) * length[:, None]
    first, last = months.astype("datetime64[D]"), (months + 1).astype("datetime64[D]")
    days_in = (last - first).astype(int)
    full = np.isin(first, starts) & (of_month.sum(0) == days_in)
    months, of_month = months[full], of_month[:, full]
    complete = _complete(sums, of_month)
    amount, area = sums.value @ of_month, sums.area @ of_month
    half = _half_widths(sums, (of_month.T, None))[0]
    known = _trust(sums, of_month)
    index = pd.MultiIndex.from_product(
        [sums.names, months.astype("datetime64[ns]")], names=["region", "time"]
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        scales = {"mean": (1 / area, _CANONICAL.get(unit, unit))}
    if unit in TOTALS:
        factor, total_unit = TOTALS[unit]
        total = (np.full_like(area, factor), total_unit.replace("yr-1", "month-1"))
        scales = {"total": total, **scales}
    tables = []
    for name, (scale, scaled_unit) in scales.items():
        with np.errstate(invalid="ignore"):
            value = np.where(complete, amount * scale, np.nan)
            columns = _intervals(value, half * scale, known)
        table = pd.DataFrame(
            {"value": value.ravel(), "area_km2": (area / days_in[full]).ravel() / 1e6, **columns},
            index=index,
        ).reset_index()
        tables.append(table.assign(region_kind=sums.kind, statistic=name, unit=scaled_unit))
    table = pd.concat(tables, ignore_index=True)
    return table[table["value"].notna()]


def _complete(sums: ZoneSums, weights: np.ndarray) -> np.ndarray:
    """Return whether each zone has a value in all periods (periods, sums) of a sum."""
    # A period in which a zone has no value at all leaves no annual value.
    return ((sums.area > 0).astype(float) @ (weights > 0)) == (weights > 0).sum(0)


def _half_widths(
    sums: ZoneSums, *requests: tuple[np.ndarray, np.ndarray | None]
) -> list[np.ndarray]:
    """Return half-widths of sums (6, zones, sums) for each request, NaN without bounds.

    Cells without bounds count as if they had those of the others.
    """
    if sums.errors is None:
        return [np.full((6, len(sums.names), len(weights)), np.nan) for weights, _ in requests]
    found = []
    halves = sums.errors.half_widths(*requests)
    for half, (weights, only) in zip(halves, requests, strict=True):
        counted = 1 if only is None else only
        with np.errstate(invalid="ignore", divide="ignore"):
            share = ((sums.area * counted) @ weights.T) / ((sums.bounded * counted) @ weights.T)
        found.append(np.concatenate(half) * share)
    return found


def _trust(sums: ZoneSums, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return completeness and :data:`SHARE_COLUMNS`, each (zones, sums), by periods (periods, sums)."""
    judged = sums.completeness_area @ weights
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (
            (sums.completeness @ weights) / judged,
            (sums.extrapolated @ weights) / judged,
            (sums.area @ weights) / (sums.land[:, None] * weights.sum(0)),
        )
    return dict(zip(("completeness", *SHARE_COLUMNS), found, strict=True))


def _intervals(
    value: np.ndarray, half_widths: np.ndarray, trust: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return :data:`INTERVAL_COLUMNS` and :data:`SHARE_COLUMNS` of values (zones, sums)."""
    sides = (value - half_widths[0::2], value + half_widths[1::2])
    bounds = [side[number].ravel() for number in range(3) for side in sides]
    named = dict(zip(INTERVAL_COLUMNS[:-1], bounds, strict=True))
    return named | {name: share.ravel() for name, share in trust.items()}


def _mean_of_known(yearly: np.ndarray) -> np.ndarray:
    """Return the mean over the years (last axis) that are not NaN; NaN if all are."""
    known = np.isfinite(yearly)
    with np.errstate(invalid="ignore"):
        return np.where(known, yearly, 0).sum(-1) / known.sum(-1)


def _between_years(yearly: xr.DataArray) -> np.ndarray:
    """Return the interannual variability of each zone (zone,), from the years that it has."""
    return np.array([float(interannual_variability(one)) for one in yearly])
