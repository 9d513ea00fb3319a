"""Means over time, land and longitude of a gridded product."""

from __future__ import annotations

import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError


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
