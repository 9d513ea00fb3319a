"""Small files in the sources' own formats, with numbers that can be worked out by hand."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

MISSING = -9999

FLUXNET_COLUMNS = {
    "TA_F": 10.5, "TA_F_QC": 0.9, "SW_IN_F": 150.0, "SW_IN_F_QC": 1.0, "LW_IN_F": 310.0,
    "VPD_F": 4.5, "PA_F": 98.5, "P_F": 2.5, "WS_F": 2.0, "CO2_F_MDS": 390.0, "NETRAD": 80.0,
    "G_F_MDS": 1.0, "NEE_VUT_REF": -1.5, "NEE_VUT_REF_QC": 0.8, "GPP_NT_VUT_REF": 5.0,
    "GPP_DT_VUT_REF": 5.5, "RECO_NT_VUT_REF": 3.5, "RECO_DT_VUT_REF": 4.0, "H_F_MDS": 30.0,
    "H_F_MDS_QC": 0.7, "H_CORR": 36.0, "LE_F_MDS": 40.0, "LE_F_MDS_QC": 0.6, "LE_CORR": 48.0,
}  # fmt: skip


@pytest.fixture
def fluxnet_table() -> Callable[..., pd.DataFrame]:
    """A year of FLUXNET2015 months; every value is the column's own plus the month's hundredth."""

    def make(n: int = 12, **changes: object) -> pd.DataFrame:
        months = [f"{2004 + i // 12}{i % 12 + 1:02d}" for i in range(n)]
        step = np.arange(n) / 100
        values = {c: v + (0 if c.endswith("_QC") else step) for c, v in FLUXNET_COLUMNS.items()}
        return pd.DataFrame({"TIMESTAMP": months} | values).assign(**changes)

    return make


@pytest.fixture
def fluxnet_zip(tmp_path: Path) -> Callable[..., Path]:
    """Write a table into a FLUXNET2015 archive, beside the members that real ones have."""

    def write(table: pd.DataFrame, site: str = "XX-Aaa", step: str = "MM") -> Path:
        stem = f"FLX_{site}_FLUXNET2015_FULLSET"
        path = tmp_path / f"{stem}_2004-2004_1-4.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{stem}_{step}_2004-2004_1-4.csv", table.to_csv(index=False))
            archive.writestr(f"FLX_{site}_FLUXNET2015_ERAI_{step}_1989-2014_1-4.csv", "TIMESTAMP\n")
            archive.writestr(f"FLX_{site}_FLUXNET2015_AUXMETEO_2004-2004_1-4.csv", "Variable\n")
        return path

    return write


LATITUDES = np.arange(90.0, -91.0, -30.0)
LONGITUDES = np.arange(0.0, 360.0, 45.0)


def pattern(time: pd.DatetimeIndex, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """A number between 0 and 1 that tells every month and place from every other."""
    wrapped = (longitude + 180) % 360 - 180
    month = (time.month.to_numpy() - 1) / 12
    return (
        0.1 * month[:, None, None]
        + 0.6 * ((latitude + 90) / 180)[None, :, None]
        + 0.3 * ((wrapped + 180) / 360)[None, None, :]
    )


@pytest.fixture
def raw_grid() -> Callable[..., xr.Dataset]:
    """A year of a source's fields: name -> (value at pattern 0, value at 1, unit)."""

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


ERA5_FIELDS = {
    "t2m": (250.0, 300.0, "K"), "d2m": (245.0, 290.0, "K"), "stl1": (255.0, 300.0, "K"),
    "sp": (60000.0, 101000.0, "Pa"), "ssrd": (0.0, 3e7, "J m**-2"), "strd": (1e7, 3.5e7, "J m**-2"),
    "tp": (0.0, 0.02, "m"), "u10": (-10.0, 10.0, "m s**-1"), "v10": (-5.0, 5.0, "m s**-1"),
}  # fmt: skip


@pytest.fixture
def era5(raw_grid: Callable[..., xr.Dataset]) -> Callable[..., xr.Dataset]:
    """ERA5 monthly means as the new archive writes them."""

    def make(year: int = 2001) -> xr.Dataset:
        time = pd.date_range(f"{year}-01-01", periods=12, freq="MS")
        data = raw_grid(ERA5_FIELDS, ("valid_time", "latitude", "longitude"), time=time)
        expver = ("valid_time", ["0001"] * 12)
        return data.astype("float32").assign_coords(number=0, expver=expver)

    return make
