"""Uncertainty of the towers themselves: its parts, and its share of held-out errors."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.skill import PROJECT, Towers, held_out, read_towers
from benchmarks.table import line
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.fluxnet import read_fluxnet
from uflux_kedro.uncertainty.targets import PARTS, target_share, target_uncertainty
from uflux_kedro.variables import FLUXES, IGBP_NAMES, VARIABLES

ARCHIVES = PROJECT / "../shared/data/fluxnet_archives"
MONTHS = ARCHIVES / "FLX_FR-Pue_FLUXNET2015_FULLSET_MM_2007-2014_2-3.csv"
DAYS = ARCHIVES / "FLX_US-Wi7_FLUXNET2015_FULLSET_DD_2005-2005_1-4.csv"

PREDICTOR_SET = "EVI-ERA"


def print_table(options: argparse.Namespace) -> None:
    """Print what two archives state, and shares of the held-out errors of XGB."""
    archives = {"months": read_archive(MONTHS, "MM"), "days": read_archive(DAYS, "DD")}
    print("\n### Stated uncertainty, median of one standard deviation\n")
    print(line("tower", "step", "flux", "n", "unit", *PARTS, "total"))
    print(line(*("---",) * (len(PARTS) + 6)))
    for step, table in archives.items():
        for flux in FLUXES:
            if table[flux].notna().any():
                print(line(table["site_id"].iloc[0], step, *_stated(table, flux)), flush=True)
    towers = read_towers(options.towers, "kfold", options.n_jobs, options.cache)
    site = archives["months"]["site_id"].iloc[0]
    print(f"\n### Share of the mean squared held-out error at {site} (XGB, {PREDICTOR_SET})\n")
    print(line("flux", "n", "RMSE", "sigma of the tower", *PARTS, "total"))
    print(line(*("---",) * (len(PARTS) + 5)))
    for flux in FLUXES:
        print(line(flux, *_at_one_tower(towers, archives["months"], flux)), flush=True)
    print(f"\n### Share of the partitioning in GPP's held-out error (XGB, {PREDICTOR_SET})\n")
    print(line("class", "towers", "n", "RMSE", "sigma of the tower", "share (95 %)"))
    print(line(*("---",) * 6))
    for row in _by_class(towers, "GPP").itertuples():
        name = "all" if row.group == "all" else IGBP_NAMES[int(row.group)]
        share = f"{row.total:.1%}"
        if row.sites > 1:
            share += f" ({row.low:.1%} to {row.high:.1%})"
        sigmas = (f"{np.sqrt(row.error):.2f}", f"{np.sqrt(row.target):.2f}")
        print(line(name, str(row.sites), str(row.n), *sigmas, share), flush=True)


def read_archive(path: Path, resolution: str) -> pd.DataFrame:
    """Read one tower's archive, whatever it lacks."""
    parameters = {"resolution": resolution, "outside": "mask", "allow_missing": tuple(VARIABLES)}
    return read_fluxnet(path, TowerParameters.model_validate(parameters))


def _stated(table: pd.DataFrame, flux: str) -> list[str]:
    known = target_uncertainty(table, flux)
    medians = [_number(known[part].median(), 3) for part in (*PARTS, "total")]
    return [flux, str(int(known["total"].notna().sum())), VARIABLES[flux].unit, *medians]


def _at_one_tower(towers: Towers, archive: pd.DataFrame, flux: str) -> list[str]:
    rows = held_out(towers, flux, towers.member(PREDICTOR_SET, flux).predictors)
    beside = pd.concat([archive[["site_id", "time"]], target_uncertainty(archive, flux)], axis=1)
    rows = rows.merge(beside, on=["site_id", "time"])
    found = target_share(rows, rows).iloc[0]
    sizes = [f"{np.sqrt(found[name]):.2f}" for name in ("error", "target")]
    return [str(found["n"]), *sizes, *(_percent(found[part]) for part in (*PARTS, "total"))]


def _by_class(towers: Towers, flux: str) -> pd.DataFrame:
    rows = held_out(towers, flux, towers.member(PREDICTOR_SET, flux).predictors)
    rows = rows.merge(towers.table, on=["site_id", "time"])
    return target_share(rows, target_uncertainty(rows, flux), rows["IGBP"])


def _number(value: float, decimals: int) -> str:
    return "" if np.isnan(value) else f"{value:.{decimals}f}"


def _percent(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.1%}"
