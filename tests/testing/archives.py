"""Archives of towers as the FLUXNET hubs deliver them since 2025, with fluxes that follow their weather.

Each zip has the tables of fluxes (FLUXMET) and of the reanalysis since 1981 (ERA5) by month, the site's
metadata (BIF), a README and the policy file.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tests.testing.shuttle import policy, product, snapshot

NETWORKS = ("AMF", "CNF", "EUF", "ICOS", "JPF", "KOF", "OZF", "SAEON", "TERN", "FLX")
"""Beginnings of the names of archives."""
CLASSES = ("ENF", "DBF", "GRA", "CRO", "EBF", "WET", "MF", "OSH", "WSA", "SAV")
_SNAPSHOT = "fluxnet_shuttle_snapshot_20260624T101500.csv"

FAULTS = {
    "no NEE": {"NEE_VUT_REF": -9999, "GPP_NT_VUT_REF": -9999, "RECO_NT_VUT_REF": -9999},
    "CUT only": {"NEE_VUT_REF": -9999, "GPP_NT_VUT_REF": -9999, "RECO_NT_VUT_REF": -9999},
    "no rain": {"P_F": -9999},
    "no long-wave": {"LW_IN_F": -9999},
    "no night-time partition": {"GPP_NT_VUT_REF": -9999, "RECO_NT_VUT_REF": -9999},
    "no closure": {"H_CORR": -9999, "LE_CORR": -9999},
    "no companion": {},
    "cut off": {},
    "two releases": {},
    "two networks": {},
}
"""What is wrong with some towers -> columns that are empty."""


class Tower(NamedTuple):
    """A simulated tower.

    Attributes:
        site: Name.
        network: Beginning of its archive's name.
        latitude: Degrees north.
        longitude: Degrees east.
        IGBP: Class.
        fault: One of ``FAULTS``; "" for none.
    """

    site: str
    network: str
    latitude: float
    longitude: float
    IGBP: str
    fault: str = ""


def make_towers(count: int, faults: Sequence[str] = (), seed: int = 1) -> list[Tower]:
    """Return towers of all networks in turn; the last ones have the faults."""
    random = np.random.default_rng(seed)
    kinds = [""] * (count - len(faults)) + list(faults)
    return [
        Tower(
            f"X{chr(65 + n % 10)}-T{n:02d}",
            NETWORKS[n % len(NETWORKS)],
            round(float(random.uniform(-38, -20) if n % 5 == 4 else random.uniform(30, 62)), 3),
            round(float(random.uniform(-120, 140)), 3),
            CLASSES[n % len(CLASSES)],
            kind,
        )
        for n, kind in enumerate(kinds)
    ]


def weather_of(tower: Tower, seed: int = 0, first: int = 1981, last: int = 2020) -> pd.DataFrame:
    """Return the months of a tower's reanalysis, by canonical name, and its greenness."""
    random = np.random.default_rng([seed, *tower.site.encode()])
    time = pd.date_range(f"{first}-01-01", f"{last}-12-01", freq="MS")
    shift = 0.0 if tower.latitude > 0 else np.pi
    angle = 2 * np.pi * (time.month.to_numpy() - 0.5) / 12 - shift
    n = len(time)
    light = np.clip(170 - abs(tower.latitude) + 100 * np.cos(angle - 3.05), 8, 340)
    light = light * random.uniform(0.9, 1.1, n)
    warmth = 27 - 0.45 * abs(tower.latitude) + 9 * np.cos(angle - 3.6) + random.normal(0, 1, n)
    rain = np.clip(2 + 1.2 * np.cos(angle - 2) + random.normal(0, 0.9, n), 0, None)
    green = np.clip(0.17 + 0.14 * np.cos(angle - 3.6) + random.uniform(-0.05, 0.05), 0.02, None)
    return pd.DataFrame(
        {
            "time": time,
            "TA": warmth,
            "SW_IN": light,
            "LW_IN": 250 + 5 * warmth + random.normal(0, 4, n),
            "VPD": np.clip(1.5 + 0.35 * warmth + random.normal(0, 0.6, n), 0.2, None),
            "PA": 97 + random.normal(0, 0.3, n),
            "P": rain,
            "WS": 2.5 + random.uniform(-0.7, 0.7, n),
            "NIRv": np.clip(green + random.normal(0, 0.01, n), 0.005, None),
        }
    )


def fluxes_of(tower: Tower, weather: pd.DataFrame, years: tuple[int, int]) -> pd.DataFrame:
    """Return a table FLUXMET of the months of some years."""
    of = weather[weather["time"].dt.year.between(*years)].reset_index(drop=True)
    random = np.random.default_rng([7, *tower.site.encode()])
    n = len(of)
    gpp = 0.2 * of["SW_IN"] * of["NIRv"] * np.clip(of["TA"] / 15, 0, 1.2)
    gpp = np.clip(gpp + random.normal(0, 0.2, n), 0, None)
    reco = 0.8 + 0.35 * gpp + 1.1 * np.exp(0.06 * of["TA"]) + random.normal(0, 0.1, n)
    le = 8 + 7 * gpp + 0.1 * of["SW_IN"] + random.normal(0, 3, n)
    h = 0.3 * of["SW_IN"] - 0.2 * le + random.normal(0, 3, n)
    values = {
        **{f"{v}_F": of[v] + random.normal(0, 0.02, n) for v in ("TA", "LW_IN", "PA")},
        **{f"{v}_F": of[v] for v in ("SW_IN", "VPD", "P", "WS")},
        **{f"{v}_F_QC": 0.9 for v in ("TA", "SW_IN", "VPD")},
        "CO2_F_MDS": 370 + 2.1 * (of["time"].dt.year - 2000),
        "NETRAD": h + le + 2,
        "G_F_MDS": 0.02 * of["SW_IN"],
        **dict.fromkeys(("NEE_VUT_REF", "NEE_CUT_REF"), reco - gpp),
        **{f"NEE_{t}_REF_QC": random.uniform(0.7, 1, n) for t in ("VUT", "CUT")},
        **{f"GPP_{m}_{t}_REF": gpp for m in ("NT", "DT") for t in ("VUT", "CUT")},
        **{f"RECO_{m}_{t}_REF": reco for m in ("NT", "DT") for t in ("VUT", "CUT")},
        "H_F_MDS": 0.9 * h,
        "H_F_MDS_QC": 0.8,
        "H_CORR": h,
        "LE_F_MDS": 0.9 * le,
        "LE_F_MDS_QC": 0.8,
        "LE_CORR": le,
    }
    empty = FAULTS.get(tower.fault, {})
    if tower.fault == "no NEE":
        empty = empty | {name.replace("VUT", "CUT"): value for name, value in empty.items()}
    stamp = {"TIMESTAMP": of["time"].dt.strftime("%Y%m")}
    return pd.DataFrame(stamp | values).assign(**empty).round(5)


def write_archive(
    folder: Path, tower: Tower, years: tuple[int, int] = (2004, 2009), release: int = 1
) -> Path:
    """Write the archive of a tower; return its path."""
    weather = weather_of(tower)
    span = f"{years[0]}-{years[1]}"
    path = folder / product(tower.site, tower.network, span, release)
    begin, end = f"{tower.network}_{tower.site}_FLUXNET", f"v1.3_r{release}.csv"
    reanalysis = weather.drop(columns=["time", "NIRv"]).add_suffix("_ERA").round(4)
    reanalysis.insert(0, "TIMESTAMP", weather["time"].dt.strftime("%Y%m"))
    metadata = [
        ("GRP_LOCATION", "LOCATION_LAT", tower.latitude),
        ("GRP_LOCATION", "LOCATION_LONG", tower.longitude),
        ("GRP_IGBP", "IGBP", tower.IGBP),
    ]
    bif = pd.DataFrame(
        [(tower.site, 1, *row) for row in metadata],
        columns=["SITE_ID", "GROUP_ID", "VARIABLE_GROUP", "VARIABLE", "DATAVALUE"],
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        fluxes = fluxes_of(tower, weather, years).to_csv(index=False)
        archive.writestr(f"{begin}_FLUXMET_MM_{span}_{end}", fluxes)
        if tower.fault != "no companion":
            archive.writestr(f"{begin}_ERA5_MM_1981-2020_{end}", reanalysis.to_csv(index=False))
        archive.writestr(f"{begin}_BIF_{span}_{end}", bif.to_csv(index=False))
        archive.writestr(f"{begin}_BIFVARINFO_MM_{span}_{end}", "SITE_ID,VARIABLE\n")
        archive.writestr("README.txt", "simulated")
        archive.writestr("DATA_POLICY_LICENSE_AND_INSTRUCTIONS.txt", policy())
    if tower.fault == "cut off":
        path.write_bytes(path.read_bytes()[:-300])
    if tower.fault == "two releases" and release == 1:
        write_archive(folder, tower, years, release=2)
    if tower.fault == "two networks":
        other = "AMF" if tower.network == "FLX" else "FLX"
        write_archive(folder, tower._replace(network=other, fault=""), years)
    return path


def write_folder(folder: Path, towers: Sequence[Tower]) -> Path:
    """Write the archives of towers and the Shuttle's snapshot of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for tower in towers:
        write_archive(folder, tower)
    names = sorted(path.name for path in folder.glob("*.zip"))
    by_site = {tower.site: tower for tower in towers}
    listed = [by_site[name.split("_")[1]] for name in names]
    places = {
        "location_lat": [t.latitude for t in listed],
        "location_long": [t.longitude for t in listed],
        "igbp": [t.IGBP for t in listed],
    }
    snapshot(names, **places).to_csv(folder / _SNAPSHOT, index=False)
    return folder
