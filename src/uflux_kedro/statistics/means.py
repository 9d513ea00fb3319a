"""Means of gridded fields, weighted by the area of cells and the length of periods.

A cell of 1 degree at 60 degrees of latitude has half the area of one at the equator: every mean
over an area is weighted by the cells' areas.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.cells import cell_area


def period_days(cube: xr.Dataset) -> xr.DataArray:
    """Return the length of every period in days, dimension ``time``, from ``time_bnds``.

    Raises:
        InputError: If the cube has no ``time_bnds``.
    """
    if "time_bnds" not in cube:
        raise InputError(
            "cube", "time_bnds", expected="bounds of every period", found="no such variable"
        )
    start, end = cube["time_bnds"].transpose("time", ...).to_numpy().T
    days = (end - start) / np.timedelta64(1, "D")
    return xr.DataArray(days, coords={"time": cube["time"]}, dims="time", attrs={"units": "d"})


def multi_year_mean(product: xr.Dataset, variable: str) -> xr.DataArray:
    """Return the mean over time, every period weighted by its days.

    Missing periods are ignored, cell by cell. Where they are always the same season (a winter
    without vegetation index, say) the mean is that of the other seasons.

    Args:
        product: Holds ``variable`` with dimension ``time``, and ``time_bnds``.
        variable: The field, such as GPP or GPP_member; dimensions other than time are kept.

    Returns:
        The mean in the field's unit, lazy where the field is; NaN where no period has a value.

    Raises:
        InputError: If the product has no such variable, or no ``time_bnds``.
    """
    if variable not in product:
        raise InputError(
            "product",
            variable,
            expected="a variable of that name",
            found=f"the variables {', '.join(map(str, product.data_vars))}",
        )
    field = product[variable]
    return _keep_attributes(field.weighted(period_days(product)).mean("time"), field)


def area_mean(field: xr.DataArray) -> xr.DataArray:
    """Return the mean over the cells that have a value, weighted by area.

    Args:
        field: With dimensions ``latitude`` and ``longitude``; others are kept.
    """
    mean = field.weighted(cell_area(field)).mean(("latitude", "longitude"))
    return _keep_attributes(mean, field)


def zonal_mean(field: xr.DataArray) -> xr.DataArray:
    """Return the mean along each parallel over the cells that have a value.

    Args:
        field: With dimensions ``latitude`` and ``longitude``; all but longitude are kept.
    """
    return _keep_attributes(field.weighted(cell_area(field)).mean("longitude"), field)


def full_years(days: xr.DataArray) -> xr.DataArray:
    """Return whether the periods cover each calendar year in full, dimension ``year``.

    Args:
        days: Length of the periods, from :func:`period_days`.
    """
    length = days.to_numpy().astype("timedelta64[D]")
    starts = days["time"].to_numpy().astype("datetime64[D]")
    found = days.groupby(days["time"].dt.year.rename("year")).sum()
    first = np.array([f"{year}-01-01" for year in found["year"].to_numpy()], "datetime64[D]")
    last = np.array([f"{year + 1}-01-01" for year in found["year"].to_numpy()], "datetime64[D]")
    # Twelve months from April on have days enough as well, but some are of the next year.
    bounded = np.isin(first, starts) & np.isin(last, starts + length)
    return bounded & (found == (last - first).astype(int))


def interannual_variability(yearly: xr.DataArray) -> xr.DataArray:
    """Return the standard deviation over the years about their linear trend.

    Args:
        yearly: Totals or means with dimension ``year``; other dimensions are kept, NaN years are
            ignored.

    Returns:
        In the unit of ``yearly``; NaN for fewer than three years.
    """
    known = yearly.dropna("year", how="all")
    if known.sizes["year"] < 3:
        return _keep_attributes(yearly.isel(year=0, drop=True) * np.nan, yearly)
    fit = known.polyfit("year", deg=1)
    trend = xr.polyval(known["year"], fit["polyfit_coefficients"])
    return _keep_attributes((known - trend).std("year", ddof=2), yearly)


def _keep_attributes(result: xr.DataArray, field: xr.DataArray) -> xr.DataArray:
    return result.rename(field.name).assign_attrs(field.attrs)
