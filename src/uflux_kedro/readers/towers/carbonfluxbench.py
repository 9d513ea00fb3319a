"""Read the tables of the benchmark CarbonFluxBench: daily fluxes, MODIS and ERA5-Land at towers.

Rozanov et al. (2026), arXiv:2603.09868, "CarbonFluxBench: A Global Benchmark for Upscaling of Carbon
Fluxes Using Zero-Shot Learning". Days of fluxes are selected as its code selects them. Weather and
reflectances are read for the days between and before them too, since predictors look back.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from uflux_kedro.errors import ConfigurationError, InputError, require_columns
from uflux_kedro.readers.parameters import ColumnSpec, TowerParameters
from uflux_kedro.readers.towers.impossible import infinite_by_site
from uflux_kedro.readers.towers.parquet import read_parquet, read_schema
from uflux_kedro.readers.towers.sites import CLIMATES, check_sites
from uflux_kedro.readers.towers.tables import MISSING, within_bounds
from uflux_kedro.readers.towers.tower_files import CARBONFLUXBENCH
from uflux_kedro.readers.units import to_canonical
from uflux_kedro.variables import variable_of

FLUXES = {
    "GPP": "GPP_NT_VUT_USTAR50",
    "RECO": "RECO_NT_VUT_USTAR50",
    "NEE": "NEE_VUT_USTAR50",
}
"""Flux -> column of the benchmark, gC m-2 d-1."""

QUALITY = "NEE_VUT_USTAR50_QC"
"""Share of measured half-hours of a day, 0-1, of all three fluxes."""

_REFLECTANCES = {
    "MODIS_RED": "sur_refl_b01",
    "MODIS_NIR": "sur_refl_b02",
    "MODIS_BLUE": "sur_refl_b03",
}

_WEATHER = {
    "ERA5LAND_TA": ColumnSpec(column="temperature_2m", unit="K"),
    "ERA5LAND_TA_MIN": ColumnSpec(column="temperature_2m_min", unit="K"),
    "ERA5LAND_TA_MAX": ColumnSpec(column="temperature_2m_max", unit="K"),
    "ERA5LAND_TD": ColumnSpec(column="dewpoint_temperature_2m", unit="K"),
    "ERA5LAND_TS": ColumnSpec(column="soil_temperature_level_1", unit="K"),
    "ERA5LAND_SWC": ColumnSpec(column="volumetric_soil_water_layer_1"),
    "ERA5LAND_PA": ColumnSpec(column="surface_pressure", unit="Pa"),
    "ERA5LAND_SW_IN": ColumnSpec(column="surface_solar_radiation_downwards_sum", unit="J m-2 d-1"),
    "ERA5LAND_LW_IN": ColumnSpec(column="surface_thermal_radiation_downwards_sum", unit="J m-2 d-1"),
    "ERA5LAND_P": ColumnSpec(column="total_precipitation_sum", unit="m d-1"),
    "ERA5LAND_U": ColumnSpec(column="u_component_of_wind_10m"),
    "ERA5LAND_V": ColumnSpec(column="v_component_of_wind_10m"),
}  # fmt: skip
"""Predictor -> column and unit of daily ERA5-Land in Earth Engine, whose names the benchmark keeps."""

_MODIS_FILE, _ERA5_FILE = "MOD09GA.parquet", "ERA5.parquet"
_KOEPPEN, _KOEPPEN_SHORT = "koppen_sites.json", "koppen_sites_short.json"
_FIRST_DAY = pd.Timestamp("2000-02-24")
_DAYS_BEFORE = 89
"""Days before a tower's first flux: as far as predictors look back."""
_LARGEST = 2.0
"""Median reflectance above which the integers of MOD09GA are meant, ten thousandths."""
_TEN_THOUSANDTH = 1e-4
_ROUNDING = 0.01
"""Of daily sums, mm and W m-2: as far below zero as packed numbers get."""


def read_carbonfluxbench(
    targets: Path, parameters: TowerParameters
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Read the folder that users of the benchmark download.

    Args:
        targets: Its file of fluxes; MODIS, ERA5-Land and the classes of climate are read beside it.
        parameters: ``resolution`` must be ``DD``.

    Returns:
        Towers: ``site_id``, ``time``, GPP, RECO, NEE and their quality on the days since 24 February
        2000 on which all three, the quality and the classes of the site are known; red, near-infrared
        and blue reflectance as ``MODIS_...``, interpolated in time between the days with a value and
        beyond them; and of ERA5-Land what is known here, as ``ERA5LAND_...``. The days between
        fluxes, and 89 before the first, are there without fluxes. Sites: with the main Köppen class
        in words as ``climate``. And the names of predictors for which no column exists.

    Raises:
        ConfigurationError: If another resolution is asked for.
        InputError: If a file or column is missing, or no day is left.
    """
    if parameters.resolution != "DD":
        raise ConfigurationError(
            "towers.resolution: expected DD, since CarbonFluxBench is of days; "
            f"found {parameters.resolution}"
        )
    folder = targets.parent
    fluxes = read_fluxes(targets)
    days = _calendar(fluxes)
    weather = {n: s for n, s in _WEATHER.items() if s.column in _columns(folder / _ERA5_FILE)}
    table = days.merge(fluxes, how="left", on=["site_id", "time"])
    for path, columns in (
        (folder / _MODIS_FILE, _REFLECTANCES),
        (folder / _ERA5_FILE, {name: spec.column for name, spec in weather.items()}),
    ):
        table = table.merge(_daily(path, columns), how="left", on=["site_id", "time"])
    _require_days(table.dropna(subset=[*FLUXES, *_REFLECTANCES, *weather]), folder)
    scale = _TEN_THOUSANDTH if table["MODIS_RED"].median() > _LARGEST else 1.0
    values = {flux: table[flux] for flux in FLUXES}
    values |= {f"{flux}_QC": table["QC"] for flux in FLUXES}
    values |= dict(_between(table, list(_REFLECTANCES)) * scale)
    values |= {name: _canonical(table[name], spec, folder) for name, spec in weather.items()}
    keys = table[["site_id", "time"]]
    checked = [
        within_bounds(column.rename(name), keys, str(folder), parameters.outside)
        for name, column in values.items()
    ]
    towers = pd.concat([keys, *checked], axis=1)
    infinite = [one for name in weather for one in infinite_by_site(towers[name], towers, "DD")]
    towers.attrs |= {"resolution": "DD", "impossible": infinite}
    return towers, _sites(fluxes, folder), [n for n in _WEATHER if n not in weather]


def offered_by_benchmark(targets: Path) -> set[str]:
    """Return the fluxes and predictors that the folder of a file of fluxes has."""
    found = _columns(targets.parent / _ERA5_FILE)
    weather = {name for name, spec in _WEATHER.items() if spec.column in found}
    return {*FLUXES, *(f"{flux}_QC" for flux in FLUXES), *_REFLECTANCES, *weather}


def read_fluxes(targets: Path) -> pd.DataFrame:
    """Read the days of fluxes that the benchmark counts, and the classes of their sites.

    Args:
        targets: File of fluxes.

    Returns:
        ``site_id``, ``time``, ``latitude``, ``longitude``, ``IGBP``, ``Koppen`` (A to E), the
        fluxes (gC m-2 d-1) and ``QC``: days on which none of these is missing.

    Raises:
        InputError: If a file or column is missing, or no day is left.
    """
    names = {"site": "site_id", "lat": "latitude", "lon": "longitude", "IGBP": "IGBP"}
    names |= {column: flux for flux, column in FLUXES.items()} | {QUALITY: "QC"}
    require_columns(pd.DataFrame(columns=_columns(targets)), ("TIMESTAMP", *names), str(targets))
    table = read_parquet(targets, {"TIMESTAMP", *names}).replace(MISSING, np.nan)
    digits = table.pop("TIMESTAMP").astype(str).str.slice(0, 10).str.replace("-", "")
    table = table[list(names)].rename(columns=names)
    table.insert(1, "time", pd.to_datetime(digits, format="%Y%m%d"))
    # The benchmark asks for both classes of the climate and uses the first.
    table["Koppen"] = table["site_id"].map(_json(targets.parent / _KOEPPEN))
    short = table["site_id"].map(_json(targets.parent / _KOEPPEN_SHORT))
    kept = table[(table["time"] >= _FIRST_DAY) & short.notna()].dropna()
    if kept.empty:
        raise InputError(
            targets,
            "Koppen, IGBP, fluxes",
            expected="days since 2000-02-24 with all fluxes and classes of the site",
            found=f"none of {len(table)} days",
            hint=f"The names of sites in {_KOEPPEN} have to be those of {CARBONFLUXBENCH}.",
        )
    return kept.sort_values(["site_id", "time"], ignore_index=True)


def _calendar(fluxes: pd.DataFrame) -> pd.DataFrame:
    """Return all days of each site, from as far as predictors look back to its last flux."""
    ends = fluxes.groupby("site_id")["time"].agg(["min", "max"])
    first = ends["min"] - pd.Timedelta(days=_DAYS_BEFORE)
    days = [pd.date_range(a, b) for a, b in zip(first, ends["max"], strict=True)]
    sites = np.repeat(ends.index.to_numpy(), [len(d) for d in days])
    return pd.DataFrame({"site_id": sites, "time": np.concatenate(days)})


def _between(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Interpolate columns over the days of each site, and hold the first and last value."""
    columns = table[names].groupby(table["site_id"], sort=False)
    found: pd.DataFrame = columns.transform(lambda c: c.interpolate(limit_direction="both"))
    return found


def _daily(path: Path, columns: dict[str, str]) -> pd.DataFrame:
    """Read predictors by site and day, with the names of sites as in the fluxes."""
    require_columns(
        pd.DataFrame(columns=_columns(path)), ("date", "site", *columns.values()), str(path)
    )
    table = read_parquet(path, {"date", "site", *columns.values()})
    table = table.rename(columns={column: name for name, column in columns.items()})
    table["time"] = pd.to_datetime(table.pop("date")).astype("datetime64[ns]")
    # Older files write the network before the site: AMF_US-Ne1.
    table["site_id"] = table.pop("site").str.split("_").str[:2].str[-1]
    return table.drop_duplicates(["site_id", "time"]).replace(MISSING, np.nan)


def _canonical(column: pd.Series, spec: ColumnSpec, folder: Path) -> pd.Series:
    """Convert a column to its unit; what rounding leaves below zero of a sum is zero."""
    if spec.unit is None:
        return column
    variable = variable_of(str(column.name))
    values = to_canonical(column, spec.unit, variable, folder / _ERA5_FILE)
    return values.mask((values < 0) & (values > -_ROUNDING), 0.0) if variable.lower == 0 else values


def _sites(fluxes: pd.DataFrame, folder: Path) -> pd.DataFrame:
    columns = ["site_id", "latitude", "longitude", "IGBP", "Koppen"]
    sites = fluxes[columns].groupby("site_id", as_index=False, sort=True).first()
    unknown = sites[~sites["Koppen"].isin(list(CLIMATES))]
    if len(unknown):
        raise InputError(
            folder / _KOEPPEN,
            "Koppen",
            expected=f"main classes, {', '.join(CLIMATES)}",
            found=f"{unknown['Koppen'].iloc[0]!r} at {unknown['site_id'].iloc[0]}",
        )
    sites["climate"] = sites.pop("Koppen").map(CLIMATES)
    return check_sites(sites, folder)


def _require_days(complete: pd.DataFrame, folder: Path) -> None:
    if complete.empty:
        raise InputError(
            folder,
            "predictors",
            expected="days of fluxes with MODIS and ERA5-Land at the same site",
            found="none",
            hint=f"The names of sites have to be those of {CARBONFLUXBENCH}.",
        )


def _columns(path: Path) -> list[str]:
    _require(path)
    return list(read_schema(path).names)


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
            hint=f"Give the folder of its download, which holds {CARBONFLUXBENCH}.",
        )
