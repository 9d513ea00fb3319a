"""Products and towers for what is told of maps: years, and products of smaller cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from tests.testing.synthetic import make_product

SIDE = 10_000.0
"""Edge of a cell of :func:`in_projection`, m."""


def product_of(months=24):
    """Return monthly GPP between 60 S and 60 N with two members, a tenth below and above."""
    product = make_product(months=months)
    field = product["GPP"].where(abs(product["latitude"]) < 60)
    product["GPP"] = field.assign_attrs(units="gC m-2 d-1")
    members = [field * 0.9, field * 1.1]
    product["GPP_member"] = xr.concat(members, pd.Index(["A", "B"], name="member"))
    return product


def held_out(towers=4, years=3):
    """Return towers with seasons and years of known departures; the model sees half of these."""
    time = pd.date_range("2003-01-01", periods=12 * years, freq="MS")
    rows = pd.DataFrame({"time": time}).merge(pd.DataFrame({"site_id": list("ABCDEF"[:towers])}), how="cross")  # fmt: skip
    level = rows["site_id"].map(dict(zip("ABCDEF", range(6), strict=True)))
    season = np.cos(2 * np.pi * rows["time"].dt.month / 12)
    of_year = rows["time"].dt.year.map({2003: 0.3, 2004: -0.1, 2005: -0.2})
    return rows.assign(truth=level + season + of_year, prediction=level + season + of_year / 2)


def bounds_of(starts, months):
    """Return the bounds (n, 2) of periods of so many months."""
    starts = pd.DatetimeIndex(starts)
    return np.column_stack([starts, [s + pd.DateOffset(months=months) for s in starts]])


def in_projection(value, starts=("2003-01-01", "2003-07-01"), months=6):
    """Return half-years of 10 km cells about 50 N, 10 E; ``value`` of longitude and latitude."""
    from pyproj import Transformer

    y, x = 2.6e6 + SIDE * (np.arange(90) + 0.5), 4.0e6 + SIDE * (np.arange(70) + 0.5)
    to_degrees = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True)
    field = value(*to_degrees.transform(*np.meshgrid(x, y)))
    fields = np.stack([field + 2 * i for i in range(len(starts))])
    return xr.Dataset(
        {"GPP": (("time", "y", "x"), fields, {"units": "gC m-2 d-1"})},
        {"time": pd.DatetimeIndex(starts), "y": y, "x": x, "time_bnds": (("time", "bnds"), bounds_of(starts, months))},
        {"crs": "EPSG:3035"},
    )  # fmt: skip
