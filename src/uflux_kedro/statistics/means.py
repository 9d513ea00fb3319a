"""Statistics of gridded fields, weighted by the area of cells and the length of periods.

A cell of 1 degree at 60 degrees of latitude has half the area of one at the equator: every
mean and total over an area is weighted by cells' areas.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from uflux_kedro.errors import InputError

EARTH_RADIUS = 6_371_007.181
"""Radius of the sphere with the surface area of the WGS84 ellipsoid, m."""

_CARBON_UNITS = ("gC m-2 d-1", "g m-2 d-1")
_PG_PER_G = 1e-15
_PLACE = ("latitude", "longitude")


def cell_bounds(coordinate: xr.DataArray) -> NDArray[np.float64]:
    """Lower and upper edges of cells from their centres.

    Edges lie midway between centres and do not pass the poles, so a cell centred on a pole has
    half its width.

    Args:
        coordinate: Latitude or longitude, one-dimensional, strictly ascending, degrees.

    Returns:
        Edges in degrees, shape (n, 2).

    Raises:
        InputError: If there are fewer than two centres, or they do not ascend.
    """
    centres = coordinate.to_numpy().astype(float)
    steps = np.diff(centres)
    if not steps.size or (steps <= 0).any():
        raise InputError(
            "grid",
            str(coordinate.name),
            expected="two or more ascending centres of cells",
            found=np.array2string(centres, threshold=6),
        )
    middle = centres[:-1] + steps / 2
    edges = np.concatenate([[centres[0] - steps[0] / 2], middle, [centres[-1] + steps[-1] / 2]])
    if coordinate.name == "latitude":
        edges = edges.clip(-90, 90)
    return np.stack([edges[:-1], edges[1:]], axis=1)


def cell_area(grid: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Area of every cell on the sphere of :data:`EARTH_RADIUS`.

    Between two parallels and two meridians it is R^2 dlon (sin lat2 - sin lat1).

    Args:
        grid: Anything with coordinates ``latitude`` and ``longitude``, degrees.

    Returns:
        Area in m2, dimensions ``(latitude, longitude)``.
    """
    south, north = np.deg2rad(cell_bounds(grid["latitude"])).T
    west, east = np.deg2rad(cell_bounds(grid["longitude"])).T
    area = EARTH_RADIUS**2 * np.outer(np.sin(north) - np.sin(south), east - west)
    return xr.DataArray(
        area,
        coords={"latitude": grid["latitude"], "longitude": grid["longitude"]},
        dims=_PLACE,
        name="cell_area",
        attrs={"standard_name": "cell_area", "long_name": "area of the cell", "units": "m2"},
    )


def period_days(cube: xr.Dataset) -> xr.DataArray:
    """Length of every period in days, dimension ``time``, from ``time_bnds``.

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


def multi_year_mean(field: xr.DataArray, days: xr.DataArray) -> xr.DataArray:
    """Mean over time, every period weighted by its days.

    Missing periods are left out, cell by cell. Where they are always the same season (a winter
    without vegetation index, say) the mean is that of the other seasons.

    Args:
        field: With dimension ``time``.
        days: Length of the periods, from :func:`period_days`.
    """
    return _keep_attributes(field.weighted(days).mean("time"), field)


def area_mean(field: xr.DataArray) -> xr.DataArray:
    """Mean over the cells that have a value, weighted by area.

    Args:
        field: With dimensions ``latitude`` and ``longitude``; others are kept.
    """
    return _keep_attributes(field.weighted(cell_area(field)).mean(_PLACE), field)


def zonal_mean(field: xr.DataArray) -> xr.DataArray:
    """Mean along each parallel over the cells that have a value; other dimensions are kept."""
    return _keep_attributes(field.weighted(cell_area(field)).mean("longitude"), field)


def meridional_mean(field: xr.DataArray) -> xr.DataArray:
    """Mean along each meridian over the cells that have a value, weighted by area."""
    return _keep_attributes(field.weighted(cell_area(field)).mean("latitude"), field)


def annual_totals(field: xr.DataArray, days: xr.DataArray) -> xr.DataArray:
    """Carbon exchanged by the whole grid in each calendar year.

    Cells without a value count as nothing. Years whose periods do not fill them, or with a
    period that has no value at all, are NaN: ten months are no annual total.

    Args:
        field: Carbon flux in gC m-2 d-1, dimensions ``time``, ``latitude``, ``longitude``;
            others (``member``) are kept.
        days: Length of the periods, from :func:`period_days`.

    Returns:
        Totals in PgC yr-1, dimension ``year`` and those kept.

    Raises:
        InputError: If the unit is not one of carbon.
    """
    unit = field.attrs.get("units")
    if unit not in _CARBON_UNITS:
        raise InputError(
            "cube",
            str(field.name),
            expected=f"a carbon flux in {_CARBON_UNITS[0]}",
            found=str(unit),
            hint="Energy fluxes have annual means, not totals.",
        )
    amount = (field * cell_area(field)).sum(_PLACE, min_count=1) * days * _PG_PER_G
    totals = amount.groupby(_year(field)).sum(skipna=False).where(full_years(days))
    totals.attrs = {"long_name": field.attrs.get("long_name", field.name), "units": "PgC yr-1"}
    return totals.rename(field.name)


def annual_means(field: xr.DataArray, days: xr.DataArray) -> xr.DataArray:
    """Mean over the whole grid in each calendar year, weighted by area and days.

    Years whose periods do not fill them are NaN.

    Args:
        field: Dimensions ``time``, ``latitude``, ``longitude``; others are kept.
        days: Length of the periods, from :func:`period_days`.

    Returns:
        Means in the unit of the field, dimension ``year`` and those kept.
    """
    area = cell_area(field)
    weight = field.notnull() * area * days
    total = (field * weight).sum(_PLACE).groupby(_year(field)).sum()
    weights = weight.sum(_PLACE).groupby(_year(field)).sum()
    return _keep_attributes((total / weights).where(full_years(days)), field)


def _year(field: xr.DataArray) -> xr.DataArray:
    return field["time"].dt.year.rename("year")


def full_years(days: xr.DataArray) -> xr.DataArray:
    """Whether each year's periods fill it from its first day to its last, dimension ``year``.

    Args:
        days: Length of the periods, from :func:`period_days`.
    """
    length = days.to_numpy().astype("timedelta64[D]")
    starts = days["time"].to_numpy().astype("datetime64[D]")
    found = days.groupby(_year(days)).sum()
    first = np.array([f"{year}-01-01" for year in found["year"].to_numpy()], "datetime64[D]")
    last = np.array([f"{year + 1}-01-01" for year in found["year"].to_numpy()], "datetime64[D]")
    # One that begins in April has days enough as well, some of them of the next year.
    begun = np.isin(first, starts) & np.isin(last, starts + length)
    return begun & (found == (last - first).astype(int))


def _keep_attributes(result: xr.DataArray, field: xr.DataArray) -> xr.DataArray:
    return result.rename(field.name).assign_attrs(field.attrs)


def nee_residual(nee: xr.DataArray, gpp: xr.DataArray, reco: xr.DataArray) -> xr.DataArray:
    """NEE less what RECO and GPP leave, cell by cell: zero where the three agree.

    The three are predicted apart from each other, so that nothing forces them to.

    Args:
        nee: Net exchange, positive to the atmosphere.
        gpp: Gross productivity, same cells and periods, same unit.
        reco: Respiration, likewise.

    Returns:
        NEE - (RECO - GPP), in their unit.

    Raises:
        InputError: If units differ.
    """
    units = {str(field.attrs.get("units")) for field in (nee, gpp, reco)}
    if len(units) > 1:
        raise InputError(
            "products", "NEE, GPP, RECO", expected="one unit", found=", ".join(sorted(units))
        )
    residual = (nee - (reco - gpp)).rename("NEE_residual")
    attrs = {"long_name": "NEE less RECO - GPP", "units": units.pop()}
    return residual.assign_attrs(attrs)


def energy_closure(
    sensible: xr.DataArray, latent: xr.DataArray, available: xr.DataArray
) -> xr.DataArray:
    """Share of the available energy that H and LE make up, over all cells and periods given.

    Args:
        sensible: H, W m-2.
        latent: LE, W m-2.
        available: Net radiation less ground heat flux, W m-2.

    Returns:
        Area-weighted mean of H + LE over that of the available energy, of the cells and periods
        that have all three; dimension ``time`` is kept.
    """
    turbulent = (sensible + latent).where(available.notnull())
    ratio = area_mean(turbulent) / area_mean(available.where(turbulent.notnull()))
    return ratio.rename("energy_closure").assign_attrs(
        long_name="(H + LE) / available energy", units="1"
    )


def interannual_variability(yearly: xr.DataArray) -> xr.DataArray:
    """Standard deviation over the years, about their linear trend; NaN years are left out.

    Args:
        yearly: Totals or means with dimension ``year``, from :func:`annual_totals` or
            :func:`annual_means`; others are kept.

    Returns:
        In the unit of ``yearly``; NaN for fewer than three years.
    """
    known = yearly.dropna("year", how="all")
    if known.sizes["year"] < 3:
        return _keep_attributes(yearly.isel(year=0, drop=True) * np.nan, yearly)
    fit = known.polyfit("year", deg=1)
    trend = xr.polyval(known["year"], fit["polyfit_coefficients"])
    return _keep_attributes((known - trend).std("year", ddof=2), yearly)


def time_mean(product: xr.Dataset, name: str) -> xr.DataArray:
    """Mean over time, each period weighted by its length where ``time_bnds`` tells it.

    Args:
        product: Holds ``name`` with dimensions ``(time, latitude, longitude)``, and others such
            as ``member`` if it has them.
        name: Variable to average.

    Returns:
        The mean, ``(..., latitude, longitude)``, in the unit of the variable and computed; NaN
        where no period has a value.

    Raises:
        InputError: If the product lacks the variable.
    """
    if name not in product:
        raise InputError(
            "product",
            name,
            expected="such a variable",
            found=f"the variables {', '.join(map(str, product.data_vars))}",
        )
    if "time_bnds" in product:
        bounds = product["time_bnds"]
        (pair,) = (dim for dim in bounds.dims if dim != "time")
        length = (bounds.isel({pair: 1}) - bounds.isel({pair: 0})).astype(float)
    else:
        length = xr.ones_like(product["time"], dtype=float)
    mean = product[name].weighted(length.drop_vars(length.coords)).mean("time")
    return mean.transpose(..., "latitude", "longitude").compute()


def land_mean(field: xr.DataArray) -> float:
    """Mean over all cells with a value, weighted by the cells' areas.

    On a regular grid the area of a cell goes with the cosine of its latitude.

    Args:
        field: Dimensions ``(latitude, longitude)``, coordinates in degrees.
    """
    area = xr.apply_ufunc(lambda degrees: np.cos(np.deg2rad(degrees)), field["latitude"])
    return float(field.weighted(area).mean())


def zonal_profile(product: xr.Dataset, name: str) -> xr.DataArray:
    """Multi-year mean by latitude, over the cells of that latitude that have a value.

    Cells of one latitude have one area, so no weights are needed.

    Args:
        product: As for :func:`time_mean`.
        name: Variable to average.

    Returns:
        The profile, ``(..., latitude)``: of each member, if the variable has members.
    """
    return time_mean(product, name).mean("longitude")


def cell_edges(centres: np.ndarray) -> np.ndarray:
    """Edges of cells from their ascending centres, shape (n,) to (n + 1,)."""
    middle = (centres[:-1] + centres[1:]) / 2
    first = centres[0] - (middle[0] - centres[0])
    last = centres[-1] + (centres[-1] - middle[-1])
    return np.concatenate([[first], middle, [last]])
