"""Small files in the formats of the sources, with values that are easy to compute by hand."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tests.testing.sources import ERA5_FIELDS, FLUXNET_COLUMNS, LATITUDES, LONGITUDES, pattern


@pytest.fixture
def fluxnet_table() -> Callable[..., pd.DataFrame]:
    """A year of FLUXNET2015 months; values are those of FLUXNET_COLUMNS plus 0.01 per month."""

    def make(n: int = 12, **changes: object) -> pd.DataFrame:
        months = [f"{2004 + i // 12}{i % 12 + 1:02d}" for i in range(n)]
        step = np.arange(n) / 100
        values = {c: v + (0 if c.endswith("_QC") else step) for c, v in FLUXNET_COLUMNS.items()}
        return pd.DataFrame({"TIMESTAMP": months} | values).assign(**changes)

    return make


@pytest.fixture
def fluxnet_zip(tmp_path: Path) -> Callable[..., Path]:
    """Write a table into a FLUXNET2015 archive, with the other members of real ones."""

    def write(table: pd.DataFrame, site: str = "XX-Aaa", step: str = "MM") -> Path:
        stem = f"FLX_{site}_FLUXNET2015_FULLSET"
        path = tmp_path / f"{stem}_2004-2004_1-4.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{stem}_{step}_2004-2004_1-4.csv", table.to_csv(index=False))
            archive.writestr(f"FLX_{site}_FLUXNET2015_ERAI_{step}_1989-2014_1-4.csv", "TIMESTAMP\n")
            archive.writestr(f"FLX_{site}_FLUXNET2015_AUXMETEO_2004-2004_1-4.csv", "Variable\n")
        return path

    return write


@pytest.fixture
def raw_grid() -> Callable[..., xr.Dataset]:
    """Make a year of fields from name -> (value at pattern 0, value at pattern 1, unit)."""

    def make(
        fields: dict[str, tuple[float, float, str]],
        names: tuple[str, str, str] = ("time", "lat", "lon"),
        latitude: np.ndarray = LATITUDES,
        longitude: np.ndarray = LONGITUDES,
        time: pd.DatetimeIndex | None = None,
    ) -> xr.Dataset:
        time = pd.date_range("2001-01-01", periods=12, freq="MS") if time is None else time
        share = pattern(time, latitude, longitude)
        data = {
            name: (names, low + (high - low) * share, {"units": unit} if unit else {})
            for name, (low, high, unit) in fields.items()
        }
        return xr.Dataset(data, dict(zip(names, (time, latitude, longitude), strict=True)))

    return make


@pytest.fixture
def era5(raw_grid: Callable[..., xr.Dataset]) -> Callable[..., xr.Dataset]:
    """Make ERA5 monthly means in the format of the new archive."""

    def make(year: int = 2001) -> xr.Dataset:
        time = pd.date_range(f"{year}-01-01", periods=12, freq="MS")
        data = raw_grid(ERA5_FIELDS, ("valid_time", "latitude", "longitude"), time=time)
        expver = ("valid_time", ["0001"] * 12)
        return data.astype("float32").assign_coords(number=0, expver=expver)

    return make
