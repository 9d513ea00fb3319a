"""A small product, its towers and its totals, for the map."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from pyproj import CRS

from uflux_kedro.variables import IGBP_CLASSES


def small_product(rows: int = 18, columns: int = 36, months: int = 3, seed: int = 0) -> xr.Dataset:
    """Return a product of GPP on the globe; its sea is a third of the cells, without a value."""
    rng = np.random.default_rng(seed)
    step = 180 / rows
    axes = {
        "time": pd.date_range("2019-01-01", periods=months, freq="MS"),
        "latitude": -90 + step * (np.arange(rows) + 0.5),
        "longitude": -180 + 360 / columns * (np.arange(columns) + 0.5),
    }
    shape = (months, rows, columns)
    sea = rng.random((rows, columns)) < 1 / 3
    mean = np.where(sea, np.nan, rng.gamma(2, 2, shape)).astype("float32")

    def field(values: np.ndarray, **attrs: str) -> tuple[tuple[str, ...], np.ndarray, dict]:
        return tuple(axes), values.astype("float32"), attrs

    product = xr.Dataset(
        {
            "GPP": field(mean, units="gC m-2 d-1"),
            "GPP_lower": field(mean - 1),
            "GPP_upper": field(mean + 1.5),
            "GPP_completeness": field(np.where(sea, np.nan, rng.random(shape))),
            "GPP_flag": (
                tuple(axes),
                np.where(sea, 8, rng.choice([0, 2, 18], shape)).astype("int8"),
            ),
            "GPP_member": (("member", *axes), np.stack([mean - 0.5, mean + 0.5]).astype("float32")),
        },
        coords={**axes, "member": ["one", "two"]},
    )
    ends = axes["time"] + pd.offsets.MonthBegin()
    product["time_bnds"] = ("time", "bnds"), np.stack([axes["time"], ends], axis=1)
    return product


def projected_product(rows: int = 40, columns: int = 50) -> xr.Dataset:
    """Return a product of H in a projection: half a year, cells of 10 km in central Europe."""
    y, x = 3_000_000 + 10_000.0 * np.arange(rows), 4_100_000 + 10_000.0 * np.arange(columns)
    values = np.arange(rows * columns, dtype="float32").reshape(1, rows, columns) / 20
    start, end = np.datetime64("2019-01-01", "ns"), np.datetime64("2019-07-01", "ns")
    return xr.Dataset(
        {
            "H": (("time", "y", "x"), values, {"units": "W m-2"}),
            "time_bnds": (("time", "bnds"), np.array([[start, end]])),
            "crs": ((), 0, {"crs_wkt": CRS.from_epsg(3035).to_wkt()}),
        },
        coords={"time": [start], "y": y, "x": x},
    )


def small_towers() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two sites, and their held-out rows: twelve months of one, three of the other."""
    sites = pd.DataFrame(
        {"site_id": ["AA-One", "BB-Two"], "latitude": [45.0, -15.0], "longitude": [15.0, 25.0], "IGBP": ["DBF", "SAV"]}
    )  # fmt: skip
    months = pd.date_range("2018-01-01", periods=12, freq="MS")
    truth = np.sin(np.arange(12)) + 2
    one = pd.DataFrame(
        {"site_id": "AA-One", "time": months, "truth": truth, "prediction": truth + 0.1}
    )
    two = pd.DataFrame({"site_id": "BB-Two", "time": months[:3], "truth": truth[:3], "prediction": truth[:3] - 0.2})  # fmt: skip
    rows = pd.concat([one, two], ignore_index=True)
    return sites, rows.assign(lower=rows["prediction"] - 1, upper=rows["prediction"] + 1)


def small_land_cover(product: xr.Dataset) -> xr.DataArray:
    """Return IGBP codes on the cells of the product: evergreen needleleaf forest on a rectangle, else water."""
    codes = xr.zeros_like(product["GPP"][0], dtype="uint8")
    codes.loc[{"longitude": slice(60, 100), "latitude": slice(40, 70)}] = IGBP_CLASSES["ENF"]
    return codes


def small_aggregates() -> pd.DataFrame:
    """Return the totals of a country, a band, a class and the globe."""
    row = {"flux": "GPP", "year": "2019", "statistic": "total", "unit": "PgC yr-1", "completeness": 0.5, "extrapolated": 0.08, "area_km2": 1e6}  # fmt: skip
    return pd.DataFrame(
        [
            row | {"region_kind": "global", "region": "all cells", "value": 120.0, "lower": 100.0, "upper": 140.0},
            row | {"region_kind": "zonal", "region": "0 to 30N", "value": 50.0, "lower": 40.0, "upper": 60.0},
            row | {"region_kind": "IGBP", "region": "ENF", "value": 9.0, "lower": 8.0, "upper": 10.0},
            row | {"region_kind": "country", "region": "France", "value": 0.9, "lower": np.nan, "upper": np.nan},
        ]
    )  # fmt: skip
