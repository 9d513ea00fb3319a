"""Thresholds of USTAR and partitioning by another program, in its own interpreter.

``python partitioning_probe.py PROGRAM FOLDER`` reads ``record.csv`` and ``place.json`` of the folder and
writes ``found.csv`` and ``seconds.json``.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd


def thresholds(table: pd.DataFrame, place: list[float]) -> pd.DataFrame:
    """Threshold of each season, and percentiles of a hundred bootstraps of the year's, by diive."""
    import diive as dv

    table.index += table.index[1] - table.index[0]
    names = {"nee_col": "NEE", "ta_col": "TA", "ustar_col": "USTAR", "swin_col": "SW_IN"}
    detection = dv.flux.UstarMovingPointDetection(table, **names)
    seasons = detection.detect()["threshold"].to_numpy()
    annual = detection.bootstrap(100).loc["Annual", ["p05", "p50", "p95"]].to_numpy()
    return pd.DataFrame({"threshold": [*seasons, *annual]})


def diive(name: str):
    """Return a function that partitions by one of diive's ports."""

    def partition(table: pd.DataFrame, place: list[float]) -> pd.DataFrame:
        import diive as dv

        latitude, longitude, utc_offset = place
        step = table.index[1] - table.index[0]
        table.index = (table.index + step / 2).rename("TIMESTAMP_MIDDLE")
        common = {"nee": table.NEE, "ta": table.TA, "sw_in": table.SW_IN, "verbose": 0}
        whole = {"lat": latitude, "lon": longitude, "utc_offset": utc_offset}
        dry = {"vpd": table.VPD, "vpd_in_kpa": False}
        settings = {
            "NighttimePartitioningReddyProc": {"nee_f": table.NEE, "ta_f": table.TA, **whole},
            "NighttimePartitioningOneFlux": {
                "nee_f": table.NEE,
                "ta_f": table.TA,
                "lat": latitude,
            },
            "DaytimePartitioningReddyProc": {**dry, **whole},
            "DaytimePartitioningOneFlux": {"ta_f": table.TA, "sw_in_f": table.SW_IN, **dry},
        }
        found = getattr(dv.flux, name)(**common, **settings[name]).run().results
        kind = ("NT" if name.startswith("Night") else "DT") + (
            "_RP" if name.endswith("ReddyProc") else "_OF"
        )
        return pd.DataFrame({"GPP": found[f"GPP_{kind}"], "RECO": found[f"RECO_{kind}"]})

    return partition


def hesseflux(method: str):
    """Return a function that partitions by one of hesseflux' methods."""

    def partition(table: pd.DataFrame, place: list[float]) -> pd.DataFrame:
        for name, kind in (("float", float), ("int", int), ("bool", bool)):
            setattr(np, name, kind)  # names that hesseflux 5.0 still uses
        import hesseflux as hf

        given = table[["NEE", "TA", "SW_IN", "VPD"]].assign(
            TA=table.TA + 273.15, VPD=table.VPD * 100
        )
        given.index += given.index[1] - given.index[0]
        return hf.nee2gpp(given.fillna(-9999.0), method=method).replace(-9999.0, np.nan)

    return partition


PROGRAMS = {
    "thresholds": thresholds,
    "REddyProc, nights": diive("NighttimePartitioningReddyProc"),
    "ONEFlux, nights": diive("NighttimePartitioningOneFlux"),
    "REddyProc, days": diive("DaytimePartitioningReddyProc"),
    "ONEFlux, days": diive("DaytimePartitioningOneFlux"),
    "hesseflux, nights": hesseflux("reichstein"),
    "hesseflux, days": hesseflux("lasslop"),
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    program, folder = PROGRAMS[sys.argv[1]], Path(sys.argv[2])
    record = pd.read_csv(folder / "record.csv", index_col=0, parse_dates=True)
    where = json.loads((folder / "place.json").read_text())
    start = time.perf_counter()
    found = program(record, where)
    (folder / "seconds.json").write_text(json.dumps(time.perf_counter() - start))
    found.to_csv(folder / "found.csv")
