"""Sound files of each family of towers, from one simulated record."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from uflux_kedro.biophysics.radiation import top_of_atmosphere_radiation
from uflux_kedro.readers.parameters import TowerParameters

SITE, LATITUDE, LONGITUDE, ELEVATION = "DE-Abc", 50.96, 13.57, 385.0
SITES = (
    "SITE_ID,LOCATION_LAT,LOCATION_LONG,LOCATION_ELEV,IGBP,CLIMATE\n"
    f"{SITE},{LATITUDE},{LONGITUDE},{ELEVATION:g},ENF,Temperate\n"
)
_MICROMOLE = 12.011e-6 * 86400


class Family(NamedTuple):
    """Files of one family.

    Attributes:
        name: Name of the file with the fluxes.
        table: Its columns, all as text, sound.
        write: Function of such a table that returns the bytes of the file.
        parameters: How it is read.
        sites: Whether a table of sites lies beside it.
        averaged: Whether its steps are averaged, so that a missing one changes a mean.
    """

    name: str
    table: pd.DataFrame
    write: Callable[[pd.DataFrame], bytes]
    parameters: TowerParameters
    sites: bool = True
    averaged: bool = False


def record(time: pd.DatetimeIndex, hours: np.ndarray | None = None, seed: int = 0) -> pd.DataFrame:
    """Return the weather and the fluxes of a tower in canonical units, in balance and in season.

    Args:
        time: Start of each step.
        hours: Hour of the day of each step; None for days and months.
        seed: Of the noise.
    """
    rng = np.random.default_rng(seed)
    day = np.asarray(time.day_of_year, float)
    top = np.asarray(top_of_atmosphere_radiation(LATITUDE, day), float)
    late = np.asarray(top_of_atmosphere_radiation(LATITUDE, day - 25), float)
    light = 1.0 if hours is None else np.clip(np.sin((hours - 6) / 12 * np.pi), 0, None) * np.pi
    daily = 0.0 if hours is None else np.sin((hours - 9) / 12 * np.pi)

    def noise(size: float) -> np.ndarray:
        return 1 + size * rng.normal(size=len(time))

    SW_IN = 0.47 * top * light * noise(0.08)
    TA = -6 + late / 17 + 4 * daily + rng.normal(0, 1.0, len(time))
    GPP = np.clip((late / 47 - 1.5), 0.05, None) * light * noise(0.1)
    RECO = (0.8 + np.clip(TA, -5, None) / 5 + 1.0) * noise(0.05)
    LE = (3 + 0.17 * SW_IN + GPP * 3) * noise(0.08)
    H = (-5 + 0.30 * SW_IN) * noise(0.1) + rng.normal(0, 2, len(time))
    G = 0.02 * (top - 240) + rng.normal(0, 1, len(time))
    return pd.DataFrame(
        {
            "GPP": GPP, "RECO": RECO, "NEE": RECO - GPP, "H": H, "LE": LE,
            "TA": TA, "SW_IN": SW_IN, "LW_IN": 290 + 2.6 * TA + rng.normal(0, 5, len(time)),
            "VPD": np.clip(0.6 + TA / 5, 0.1, None) * noise(0.1),
            "PA": 96.8 + rng.normal(0, 0.5, len(time)), "P": rng.gamma(2, 1.1, len(time)),
            "WS": 2.5 * noise(0.15), "CO2": 400 + rng.normal(0, 4, len(time)),
            "NETRAD": (H + LE) / 0.85 + G, "G": G,
        },
        index=time,
    )  # fmt: skip


def _text(table: pd.DataFrame) -> pd.DataFrame:
    return table.map(lambda value: value if isinstance(value, str) else f"{value:.6g}")


def _fluxnet(values: pd.DataFrame, stamps: list[str]) -> pd.DataFrame:
    weather = ("TA", "SW_IN", "LW_IN", "VPD", "PA", "P", "WS")
    table = pd.DataFrame({"TIMESTAMP": stamps}, index=values.index)
    for name in weather:
        table[f"{name}_F"], table[f"{name}_F_QC"] = values[name], 0.95
    table["CO2_F_MDS"], table["NETRAD"], table["G_F_MDS"] = (
        values[n] for n in ("CO2", "NETRAD", "G")
    )
    for name in ("H", "LE"):
        table[f"{name}_F_MDS"], table[f"{name}_F_MDS_QC"] = values[name] / 1.1, 0.9
        table[f"{name}_CORR"] = values[name]
    table["NEE_VUT_REF"], table["NEE_VUT_REF_QC"] = values["NEE"], 0.85
    for method, factor in (("NT", 1.0), ("DT", 1.03)):
        table[f"RECO_{method}_VUT_REF"] = values["RECO"] * factor
        table[f"GPP_{method}_VUT_REF"] = values["GPP"] * factor
    return _text(table.reset_index(drop=True))


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def _zip(member: str) -> Callable[[pd.DataFrame], bytes]:
    def write(table: pd.DataFrame) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(member), _csv(table))
        return stream.getvalue()

    return write


def _base_text(table: pd.DataFrame) -> bytes:
    return b"# Site: DE-Abc\n# Version: 1-5\n" + _csv(table)


def _reddyproc_text(table: pd.DataFrame) -> bytes:
    lines = table.to_csv(index=False, sep="\t", lineterminator="\n").split("\n", 1)
    units = "\t".join("-" for _ in table.columns)
    return f"{lines[0]}\n{units}\n{lines[1]}".encode()


TIDY = TowerParameters.model_validate(
    {"reader": "tidy", "columns": {
        "site_id": "SITE_ID", "time": "TIMESTAMP", "latitude": "LOCATION_LAT",
        "longitude": "LOCATION_LONG", "IGBP": "IGBP", "GPP": "GPP_NT_VUT_REF", "RECO": "RECO",
        "NEE": "NEE_VUT_REF", "NEE_QC": "NEE_VUT_REF_QC", "H": "H_CORR", "LE": "LE_CORR",
        "ERA_TA": "TA_ERA", "ERA_SW_IN": "SW_IN_ERA", "ERA_VPD": "VPD_ERA", "ERA_PA": "PA_ERA"}}
)  # fmt: skip


def _tidy() -> pd.DataFrame:
    time = pd.date_range("2010-01-01", periods=60, freq="MS")
    tables = []
    for number, site in enumerate(("001", "DE-Abc")):
        values = record(time, seed=number + 1)
        table = pd.DataFrame({"SITE_ID": site, "TIMESTAMP": time.strftime("%Y%m")}, index=time)
        table["LOCATION_LAT"] = f"{LATITUDE - number:.2f}"
        table["LOCATION_LONG"], table["IGBP"] = f"{LONGITUDE + number:.2f}", "ENF"
        columns = {"GPP_NT_VUT_REF": "GPP", "RECO": "RECO", "NEE_VUT_REF": "NEE", "H_CORR": "H",
                   "LE_CORR": "LE", "TA_ERA": "TA", "SW_IN_ERA": "SW_IN", "VPD_ERA": "VPD",
                   "PA_ERA": "PA"}  # fmt: skip
        tables.append(
            table.assign(NEE_VUT_REF_QC=0.9, **{c: values[v] for c, v in columns.items()})
        )
    return _text(pd.concat(tables, ignore_index=True))


def families() -> Mapping[str, Family]:
    """Return a sound file of each family."""
    months = pd.date_range("2010-01-01", periods=60, freq="MS")
    monthly = _fluxnet(record(months + pd.Timedelta("14D")), list(months.strftime("%Y%m")))
    days = pd.date_range("2010-01-01", "2011-12-31")
    daily = _fluxnet(record(days), list(days.strftime("%Y%m%d")))
    starts = pd.date_range("2010-05-01", periods=40 * 48, freq="30min")
    hours = np.asarray(starts.hour + starts.minute / 60)
    half = record(starts, hours)
    stamps = {"TIMESTAMP_START": starts.strftime("%Y%m%d%H%M"),
              "TIMESTAMP_END": (starts + pd.Timedelta("30min")).strftime("%Y%m%d%H%M")}  # fmt: skip
    base = pd.DataFrame(stamps).assign(
        NEE_PI=half["NEE"].to_numpy() / _MICROMOLE,
        P=half["P"].to_numpy() / 48,
        **{n: half[n].to_numpy() for n in ("H", "LE", "TA", "SW_IN", "VPD", "PA", "WS")},
    )
    reddy = pd.DataFrame(
        {"Year": starts.year.astype(str), "DoY": starts.day_of_year.astype(str), "Hour": hours + 0.5}
    ).assign(
        NEE=half["NEE"].to_numpy() / _MICROMOLE,
        **{c: half[v].to_numpy() for c, v in
           {"LE": "LE", "H": "H", "Rg": "SW_IN", "Tair": "TA", "VPD": "VPD"}.items()},
    )  # fmt: skip
    stem = f"FLX_{SITE}_FLUXNET2015_FULLSET"
    MM, DD = TowerParameters(), TowerParameters(resolution="DD")
    member = f"{stem}_MM_2010-2014_1-4.csv"
    return {
        "months": Family(member, monthly, _csv, MM),
        "zip": Family(f"{stem}_2010-2014_1-4.zip", monthly, _zip(member), MM),
        "gzip": Family(
            f"ICOSETC_{SITE}_FLUXNET_MM_L2.csv.gz",
            monthly,
            lambda table: gzip.compress(_csv(table), mtime=0),
            MM,
        ),
        "days": Family(f"{stem}_DD_2010-2011_1-4.csv", daily, _csv, DD),
        "base": Family(f"AMF_{SITE}_BASE_HH_1-5.csv", _text(base), _base_text, DD, averaged=True),
        "reddyproc": Family(f"{SITE}_2010.txt", _text(reddy), _reddyproc_text, DD, averaged=True),
        "tidy": Family("own.csv", _tidy(), _csv, TIDY, sites=False),
    }
