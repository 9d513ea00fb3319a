"""Tables of the benchmark CarbonFluxBench: daily fluxes, MODIS and ERA5-Land at towers.

Rozanov et al. (2026), arXiv:2603.09868, "CarbonFluxBench: A Global Benchmark for Upscaling of Carbon
Fluxes Using Zero-Shot Learning". Rows are selected, joined and filled as its code does for trees.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from uflux_kedro.errors import InputError, require_columns

FLUXES = {
    "GPP": "GPP_NT_VUT_USTAR50",
    "RECO": "RECO_NT_VUT_USTAR50",
    "NEE": "NEE_VUT_USTAR50",
}
"""Flux -> column of the benchmark, gC m-2 d-1."""

QUALITY = "NEE_VUT_USTAR50_QC"
"""Share of measured half-hours of a day, 0-1."""

BANDS = tuple(f"sur_refl_b0{band}" for band in range(1, 8))
"""Reflectances of MOD09GA, 0-1; red is the first, near infrared the second."""

MODIS = (*BANDS, "SensorZenith", "SensorAzimuth", "SolarZenith", "SolarAzimuth", "clouds")

FeatureSet = Literal["minimal", "standard", "full"]

_TARGETS, _MODIS, _ERA5 = "target_fluxes_v2.parquet", "MOD09GA.parquet", "ERA5.parquet"
_SETS, _CLIMATE, _CLIMATE_SHORT = (
    "feature_sets.json",
    "koppen_sites.json",
    "koppen_sites_short.json",
)
_FIRST_MODIS = pd.Timestamp("2000-02-24")
_MISSING = -9999


def read_targets(folder: Path) -> pd.DataFrame:
    """Read the daily fluxes and the site's classes.

    Args:
        folder: The folder that users of the benchmark download.

    Returns:
        ``date``, ``site``, ``lat``, ``lon``, ``IGBP``, ``Koppen``, ``Koppen_short``, the columns of
        :data:`FLUXES` (gC m-2 d-1) and :data:`QUALITY`: days since 24 February 2000 on which none of
        these is missing.

    Raises:
        InputError: If a file or column is missing, or no day is left.
    """
    columns = ["TIMESTAMP", "site", "lat", "lon", "IGBP", *FLUXES.values(), QUALITY]
    table = _read(folder / _TARGETS, columns).replace(_MISSING, float("nan"))
    digits = table.pop("TIMESTAMP").astype(str).str.slice(0, 10).str.replace("-", "")
    table.insert(0, "date", pd.to_datetime(digits, format="%Y%m%d"))
    table[["lat", "lon"]] = table[["lat", "lon"]].round(3)
    for name, file in (("Koppen", _CLIMATE), ("Koppen_short", _CLIMATE_SHORT)):
        table[name] = table["site"].map(_json(folder / file))
    kept = table[table["date"] >= _FIRST_MODIS].dropna()
    if kept.empty:
        raise InputError(
            folder / _TARGETS,
            "Koppen, IGBP, fluxes",
            expected="days since 2000-02-24 with all fluxes and classes of the site",
            found=f"none of {len(table)} days",
            hint=f"The names of sites in {_CLIMATE} have to be those of {_TARGETS}.",
        )
    return kept.reset_index(drop=True)


def read_benchmark(
    folder: Path, features: FeatureSet = "minimal"
) -> tuple[pd.DataFrame, list[str]]:
    """Read fluxes with the predictors of the same day.

    MODIS is interpolated in time within the days of a site's fluxes; days that then lack a
    predictor are left out.

    Args:
        folder: The folder that users of the benchmark download.
        features: Set of ERA5-Land variables, as ``feature_sets.json`` names them.

    Returns:
        The columns of :func:`read_targets`, :data:`MODIS` and those of ERA5-Land in the units of
        the benchmark (K, m, J m-2); and the names of the latter.

    Raises:
        InputError: If a file, column or set is missing, or no day has all predictors.
    """
    targets = read_targets(folder)
    sets = _json(folder / _SETS)
    if features not in sets:
        raise InputError(
            folder / _SETS, features, expected="a set of this name", found=", ".join(sets)
        )
    weather = list(sets[features])
    table = targets.merge(_daily(folder / _MODIS, MODIS), how="left", on=["date", "site"])
    table = table.merge(_daily(folder / _ERA5, weather), how="left", on=["date", "site"])
    filled = [_filled(of_site) for _, of_site in table.groupby("site", sort=True)]
    found = pd.concat(filled, ignore_index=True).dropna(ignore_index=True)
    if found.empty:
        raise InputError(
            folder,
            "predictors",
            expected="days of fluxes with MODIS and ERA5-Land at the same site",
            found=f"none of {len(table)} days",
        )
    return found, weather


def _filled(rows: pd.DataFrame) -> pd.DataFrame:
    """Interpolate MODIS over the calendar days from a site's first to its last row."""
    days = rows.set_index("date").resample("D").asfreq()
    bands = list(MODIS)
    days[bands] = days[bands].interpolate(limit_direction="both")
    return days.loc[rows["date"]].reset_index()


def _daily(path: Path, columns: tuple[str, ...] | list[str]) -> pd.DataFrame:
    """Read predictors by site and day, with the names of sites as in the fluxes."""
    table = _read(path, ["date", "site", *columns])
    table["date"] = pd.to_datetime(table["date"])
    # Older files write the network before the site: AMF_US-Ne1.
    table["site"] = table["site"].str.split("_").str[:2].str[-1]
    return table.drop_duplicates(["date", "site"])


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    from pyarrow.parquet import read_schema

    _require(path)
    require_columns(pd.DataFrame(columns=read_schema(path).names), columns, str(path))
    return pd.read_parquet(path, columns=columns)


def _json(path: Path) -> dict[str, Any]:
    _require(path)
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _require(path: Path) -> None:
    if not path.is_file():
        raise InputError(
            path,
            None,
            expected="a file of the benchmark CarbonFluxBench",
            found="no such file",
            hint="Give the folder of its download, which holds target_fluxes_v2.parquet.",
        )
