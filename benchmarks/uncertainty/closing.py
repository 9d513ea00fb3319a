"""Closing budgets at unseen towers: skill and coverage as predicted and as reconciled.

Carbon by month; energy by day, at towers that measure net radiation.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.skill.towers import PROJECT, Towers, held_out, read_towers
from benchmarks.table import line
from uflux_kedro.models.registry import make_model
from uflux_kedro.uncertainty.calibration import calibrate
from uflux_kedro.uncertainty.closing import CARBON, ENERGY, compare_closed, fit_closure
from uflux_kedro.uncertainty.parameters import UncertaintyParameters
from uflux_kedro.validation.comparison import mean_of_members
from uflux_kedro.validation.cross_validation import held_out_predictions
from uflux_kedro.validation.folds import site_k_fold
from uflux_kedro.variables import IGBP_CLASSES

SETS = tuple(
    f"{vegetation}-{climate}"
    for climate in ("ERA", "GRID")
    for vegetation in ("EVI", "LAI", "MODIS-NDVI", "MODIS-EVI", "MODIS-NIRv")
)
"""Predictor sets whose mean is the prediction; intervals have the predictors of the first."""


DAYS = PROJECT / "../shared/data/towers_daily/daily_dev.csv.gz"
"""Days of towers, some of which measure net radiation."""

DRIVERS = ("TA_F", "VPD_F", "SW_IN_F", "LW_IN_F", "P_F", "WS_F")
MEASURED = {"H": "H_F_MDS", "LE": "LE_F_MDS"}
_MIN_QC = 0.5


def print_table(options: argparse.Namespace) -> None:
    """Print NSE of all rows and its difference, the median NSE of towers, and coverage."""
    towers = read_towers(options.towers, "kfold", options.n_jobs, options.cache)
    parameters = UncertaintyParameters()
    rows = {flux: _calibrated(towers, flux, parameters) for flux in CARBON}
    promise: dict[str, Any] = {
        "level": parameters.level,
        "guarantee": parameters.intervals.guarantee,
    }
    _, closed = fit_closure(rows, **promise)
    print(f"\n### Closing the carbon budget at unseen towers (XGB, mean of {len(SETS)} sets)\n")
    _print_compared(closed)
    left = pd.concat(closed).groupby(["site_id", "time"])["centre"].apply(list)
    gaps = [abs(nee - (reco - gpp)) for gpp, reco, nee in left[left.map(len) == len(CARBON)]]
    print(f"\nLargest |NEE - (RECO - GPP)| of {len(gaps)} reconciled rows: {max(gaps):.1e}")
    print("\n### H + LE and the net radiation of the tower, days (XGB)\n")
    if not DAYS.is_file():
        print(f"left out: no file {DAYS}")
        return
    rows = energy_rows(options.n_jobs)
    _, closed = fit_closure(rows, ENERGY, **promise)
    _print_compared({flux: closed[flux] for flux in MEASURED})
    sums = rows["AVAILABLE"].groupby("site_id")[["truth", "prediction"]].sum()
    ratio = (sums["truth"] / sums["prediction"]).median()
    print(f"\nMeasured H + LE over the available energy, median of towers: {ratio:.2f}")


def _print_compared(closed: dict[str, pd.DataFrame]) -> None:
    print(line("flux", "towers", "NSE", "closed", "difference (95 %)", "median NSE of towers",
               "closed", "coverage, closed"))  # fmt: skip
    print(line(*("---",) * 8))
    for r in compare_closed(closed).itertuples():
        cells = [f"{r.NSE:.3f}", f"{r.NSE_closed:.3f}"]
        cells.append(f"{r.difference:+.4f} ({r.low:+.4f} to {r.high:+.4f})")
        cells += [f"{r.median_site_NSE:.3f}", f"{r.median_site_NSE_closed:.3f}"]
        print(line(r.flux, str(r.sites), *cells, f"{r.coverage:.3f}"), flush=True)


def energy_rows(n_jobs: int) -> dict[str, pd.DataFrame]:
    """Return held-out days of H and LE, and of the available energy.

    The available energy is net radiation minus ground heat flux (taken as 0 where it is not
    measured). It stands for the sum of measured H and LE, which is its truth here: how far a
    tower's fluxes are from closing is part of its error.
    """
    table = pd.read_csv(DAYS).rename(columns={"SITE_ID": "site_id"})
    table["time"] = pd.to_datetime(table["TIMESTAMP"].astype(str))
    angle = 2 * np.pi * table["time"].dt.dayofyear / 365.25
    table["sin"], table["cos"] = np.sin(angle), np.cos(angle)
    table["class"] = table["IGBP"].map(IGBP_CLASSES)
    good = (table[[f"{c}_QC" for c in MEASURED.values()]] >= _MIN_QC).all(axis=1)
    table = table[good].dropna(subset=[*MEASURED.values(), "NETRAD", *DRIVERS, "class"])
    table = table.reset_index(drop=True)
    X = table[[*DRIVERS, "sin", "cos", "class"]].to_numpy("float32")
    sites, time = table["site_id"].to_numpy(), table["time"].to_numpy()
    folds = site_k_fold(sites, 8, 42)
    found = {}
    for flux, column in MEASURED.items():
        predicted = held_out_predictions(
            lambda fold: make_model("XGB", random_state=fold, n_jobs=1),
            X, table[column].to_numpy(float), sites, time, folds, n_jobs=n_jobs,
        )  # fmt: skip
        width = (predicted["truth"] - predicted["prediction"]).abs().quantile(0.9)
        found[flux] = predicted.assign(
            lower=predicted["prediction"] - width, upper=predicted["prediction"] + width
        )
    found["AVAILABLE"] = pd.DataFrame(
        {
            "site_id": sites,
            "time": time,
            "truth": table[list(MEASURED.values())].sum(axis=1),
            "prediction": table["NETRAD"] - table["G_F_MDS"].fillna(0),
        }
    )
    return found


def _calibrated(towers: Towers, flux: str, parameters: UncertaintyParameters) -> pd.DataFrame:
    members = {name: towers.member(name, flux).predictors for name in SETS}
    ensemble = mean_of_members(pd.concat([held_out(towers, flux, p) for p in members.values()]))
    predictors = members[SETS[0]]
    known = towers.table[list(dict.fromkeys(["site_id", "time", "IGBP", *predictors]))]
    rows = ensemble.merge(known, on=["site_id", "time"], validate="one_to_one")
    return calibrate(rows, predictors, parameters, flux=flux)[1]
