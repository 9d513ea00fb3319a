"""Tables of reflectance at towers in each form that services deliver, of the same made values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

NUMBERS = {"RED": 1, "NIR": 2, "BLUE": 3, "SWIR": 6}
CLEAR = 0b01_001_0_00 | 1 << 6
"""State of a day over land, with little aerosol, that is clear."""
CLOUDY = CLEAR | 1
BEST = 1 << 30
"""Quality of bands that are all of the highest quality."""


def season(days: pd.DatetimeIndex, level: float = 0.0) -> pd.DataFrame:
    """Return made reflectance by day, greenest in mid-July."""
    green = np.cos(2 * np.pi * (days.day_of_year.to_numpy() - 196) / 365.25)
    values = {
        "RED": 0.06 - 0.02 * green,
        "NIR": 0.25 + level + 0.08 * green,
        "BLUE": 0.03 - 0.01 * green,
        "SWIR": 0.18 - 0.03 * green,
    }
    return pd.DataFrame({"time": days} | {k: v.round(4) for k, v in values.items()})


def appeears(site: str, place: tuple[float, float], values: pd.DataFrame, good: np.ndarray) -> str:
    """Return MCD43A4 as AppEEARS delivers it, in shares, with the fill value where it is not good."""
    table = pd.DataFrame(
        {
            "ID": site,
            "Category": "towers",
            "Latitude": place[0],
            "Longitude": place[1],
            "Date": values["time"].dt.strftime("%Y-%m-%d"),
            "MODIS_Tile": "h18v04",
        }
    )
    for band, number in NUMBERS.items():
        quality = np.where(good, 0, 255)
        name = f"MCD43A4_061_BRDF_Albedo_Band_Mandatory_Quality_Band{number}"
        reflectance = np.where(good, values[band], 3.2767)
        table[f"MCD43A4_061_Nadir_Reflectance_Band{number}"] = reflectance
        table[name] = quality
        table[f"{name}_bitmask"] = [f"0b{int(q):08b}" for q in quality]
        table[f"{name}_MODLAND"] = "Processed, good quality"
    return table.to_csv(index=False)


def modistools(
    site: str, place: tuple[float, float], values: pd.DataFrame, good: np.ndarray
) -> str:
    """Return MCD43A4 as MODISTools delivers it: a row a band and pixel, of which the middle is the tower's."""
    layers = {}
    for band, number in NUMBERS.items():
        layers[f"Nadir_Reflectance_Band{number}"] = np.where(good, values[band] * 1e4, 32767)
        quality = f"BRDF_Albedo_Band_Mandatory_Quality_Band{number}"
        layers[quality] = np.where(good, 0, 255)
    tables = []
    for name, stored in layers.items():
        for pixel in range(1, 10):
            table = pd.DataFrame({"xllcorner": 1.0, "yllcorner": 2.0, "cellsize": 463.3, "nrows": 3, "ncols": 3, "band": name, "units": "reflectance", "scale": "0.0001" if "Nadir" in name else "Not Available", "latitude": place[0], "longitude": place[1], "site": site, "product": "MCD43A4", "start": "2004-01-01", "end": "2006-12-31", "complete": "TRUE", "modis_date": values["time"].dt.strftime("A%Y%j"), "calendar_date": values["time"].dt.strftime("%Y-%m-%d"), "tile": "h18v04", "proc_date": "2020", "pixel": pixel})  # fmt: skip
            tables.append(table.assign(value=np.round(stored) if pixel == 5 else 1))
    return pd.concat(tables).to_csv(index=False)


def earth_engine(
    site: str,
    place: tuple[float, float],
    values: pd.DataFrame,
    good: np.ndarray,
    quoted: bool = True,
) -> str:
    """Return MOD09GA as an export of Earth Engine; its JSON has commas, in quotes or without."""
    point = f'{{"type":"Point","coordinates":[{place[1]},{place[0]}]}}'
    point = '"' + point.replace('"', '""') + '"' if quoted else point
    names = [f"sur_refl_b{number:02d}" for number in NUMBERS.values()]
    lines = [",".join(["system:index", "QC_500m", "site_id", "state_1km", *names, ".geo"])]
    stored = (values[[*NUMBERS]] * 1e4).round().to_numpy()
    for time, row, clear in zip(values["time"], stored, good, strict=True):
        state = CLEAR if clear else CLOUDY
        numbers = ",".join(f"{number:g}" for number in row)
        lines.append(f"{time:%Y_%m_%d}_00001,{BEST},{site},{state},{numbers},{point}")
    return "\n".join(lines) + "\n"


def vi_composites(
    site: str, place: tuple[float, float], values: pd.DataFrame, good: np.ndarray
) -> str:
    """Return MOD13Q1 as AppEEARS delivers it: every 16 days from 1 January, with its own indices."""
    first = (values["time"].dt.day_of_year - 1) % 16 == 0
    of, good = values[first], good[first.to_numpy()]
    table = pd.DataFrame(
        {
            "ID": site,
            "Latitude": place[0],
            "Longitude": place[1],
            "Date": of["time"].dt.strftime("%Y-%m-%d"),
            "MOD13Q1_061__250m_16_days_NDVI": (of["NIR"] - of["RED"]) / (of["NIR"] + of["RED"]),
            "MOD13Q1_061__250m_16_days_pixel_reliability": np.where(good, 0, 3),
        }
    )
    return table.to_csv(index=False)


FORMS: dict[str, Callable[..., str]] = {
    "AppEEARS": appeears,
    "MODISTools": modistools,
    "Earth Engine": earth_engine,
    "Earth Engine, without quotes": lambda *given: earth_engine(*given, quoted=False),
    "composites": vi_composites,
}


def write_form(folder: Path, form: str, site: str, place: tuple[float, float], first: str, last: str, level: float = 0.0) -> Path:  # fmt: skip
    """Write a table of some days, of which every third is not good."""
    folder.mkdir(parents=True, exist_ok=True)
    days = pd.date_range(first, last, freq="D")
    good = np.arange(len(days)) % 3 != 0
    path = folder / f"table {len([*folder.iterdir()])}.csv"
    path.write_text(FORMS[form](site, place, season(days, level), good))
    return path
