"""A small cube of drivers, and members with a result that is easy to compute."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr


def make_drivers(years=1, n_latitude=9, n_longitude=18, seed=0) -> xr.Dataset:
    """Return drivers on a coarse globe: half water, one cell always and one sometimes missing."""
    rng = np.random.default_rng(seed)
    start = pd.date_range("2001-01-01", periods=12 * years, freq="MS")
    width = 180 / n_latitude
    latitude = -90 + width * (np.arange(n_latitude) + 0.5)
    longitude = -180 + 360 / n_longitude * (np.arange(n_longitude) + 0.5)
    shape = (len(start), n_latitude, n_longitude)
    dims = ("time", "latitude", "longitude")

    igbp = rng.integers(1, 17, shape[1:]).astype("int8")
    igbp[:, ::2] = 0
    ta = rng.normal(10, 10, shape).astype("float32")
    ta[:, 4, 3] = np.nan
    nirv = rng.uniform(0, 0.5, shape).astype("float32")
    nirv[2, 5, 5] = np.nan
    day = 2 * np.pi * start.day_of_year / 365.25
    return xr.Dataset(
        {
            "ERA5_TA": (dims, ta),
            "MODIS_NIRv": (dims, nirv),
            "IGBP": (dims[1:], igbp),
            "Latitude": ("latitude", latitude),
            "DoY_sin": ("time", np.sin(day)),
            "Year": ("time", start.year),
            "time_bnds": (("time", "bnds"), np.stack([start, start + pd.offsets.MonthBegin()], 1)),
        },
        coords={"time": start, "latitude": latitude, "longitude": longitude},
    )


class Sum:
    """A member that predicts the weighted sum of its predictors."""

    def __init__(self, *predictors, weights=None):
        self.predictors = predictors
        self.weights = np.array(weights or np.ones(len(predictors)), dtype="float32")
        self.rows: list[int] = []

    def predict(self, X):
        assert X.dtype == np.float32
        assert np.isfinite(X).all()
        self.rows.append(len(X))
        return X @ self.weights
