"""A folder of the form of CarbonFluxBench: -9999, cloudy gaps, networks before some sites."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from uflux_kedro.readers.towers.carbonfluxbench import FLUXES, QUALITY

BANDS = tuple(f"sur_refl_b0{band}" for band in range(1, 8))
TARGETS = "target_fluxes_v2.parquet"


def site_names(number: int) -> list[str]:
    """Return the names of the sites of a folder."""
    return [f"US-{n:03d}" for n in range(number)]


def write_folder(path: Path, sites: int = 40, days: int = 30, seed: int = 0) -> Path:
    """Write the benchmark's files, with weather for a hundred days before the first flux.

    Nine sites are woody savannas, the others needle-leaved; the climate of the last is not known.
    Warmth tells the flux. One day lacks RECO, and MODIS every fifth of a month.
    """
    rng = np.random.default_rng(seed)
    names = site_names(sites)
    time = pd.date_range("2000-02-20", periods=days)
    before = pd.date_range(time[0] - pd.Timedelta(days=100), time[-1])
    index = pd.MultiIndex.from_product([names, before], names=["site", "date"])
    rows = index.to_frame(index=False)
    number = rows["site"].str[3:].astype(int)
    season = np.sin(2 * np.pi * (rows["date"].dt.day_of_year - 110) / 365)
    warmth = 283 + number % 7 + 10 * season + rng.normal(0, 3, len(rows))
    flux = rows["date"] >= time[0]
    gpp = np.clip((warmth - 275) / 4, 0, None) + rng.normal(0, 0.2, len(rows))
    targets = pd.DataFrame(
        {
            "TIMESTAMP": rows["date"].dt.strftime("%Y%m%d").astype(int),
            FLUXES["GPP"]: gpp, FLUXES["RECO"]: gpp / 2, FLUXES["NEE"]: -gpp / 2,
            QUALITY: np.where(rows["date"].dt.day % 2, 1.0, 0.6),
            "site": rows["site"], "lat": 40.00049 + number % 9, "lon": -100.0,
            "IGBP": np.where(number < 9, "WSA", "ENF"), "network": "AMF",
        }
    )[flux]  # fmt: skip
    targets.loc[targets["TIMESTAMP"] == 20000301, FLUXES["RECO"]] = -9999
    targets.to_parquet(path / TARGETS)
    green = np.clip((warmth - 265) / 100, 0.02, 0.45)
    modis = rows.assign(**dict.fromkeys((*BANDS, "clouds"), 0.06 + rng.uniform(0, 0.02, len(rows))))
    modis["sur_refl_b02"] = 0.1 + green
    modis = modis[modis["date"].dt.day != 5]
    modis["site"] = "AMF_" + modis["site"]
    pd.concat([modis, modis.head(3)]).to_parquet(path / "MOD09GA.parquet")
    light = 1.2e7 + 8e6 * season + rng.uniform(0, 3e6, len(rows))
    rain = rng.gamma(0.4, 0.005, len(rows)) - 1e-9
    era5 = rows.assign(
        temperature_2m=warmth, dewpoint_temperature_2m=warmth - 5, surface_pressure=95e3,
        surface_solar_radiation_downwards_sum=light, total_precipitation_sum=rain,
        volumetric_soil_water_layer_1=0.3, u_component_of_wind_10m=1.0, v_component_of_wind_10m=2.0,
        snow_cover=0.0,
    )  # fmt: skip
    era5["date"] = era5["date"].dt.date
    era5.to_parquet(path / "ERA5.parquet")
    texts = {
        "feature_sets": {"minimal": ["temperature_2m"]},
        "koppen_sites": {s: "BCD"[n % 3] for n, s in enumerate(names) if n != sites - 1},
        "koppen_sites_short": {s: ("BSk", "Cfb", "Dfc")[n % 3] for n, s in enumerate(names)},
    }
    for name, content in texts.items():
        (path / f"{name}.json").write_text(json.dumps(content))
    return path
