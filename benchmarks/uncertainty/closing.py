"""Closing the carbon budget at unseen towers: skill and coverage as predicted and as reconciled."""

from __future__ import annotations

import argparse

import pandas as pd

from benchmarks.skill.towers import Towers, held_out, read_towers
from benchmarks.table import line
from uflux_kedro.uncertainty.calibration import calibrate
from uflux_kedro.uncertainty.closing import CARBON, compare_closed, fit_closure
from uflux_kedro.uncertainty.parameters import UncertaintyParameters
from uflux_kedro.validation.comparison import mean_of_members

SETS = tuple(
    f"{vegetation}-{climate}"
    for climate in ("ERA", "GRID")
    for vegetation in ("EVI", "LAI", "MODIS-NDVI", "MODIS-EVI", "MODIS-NIRv")
)
"""Predictor sets whose mean is the prediction; intervals have the predictors of the first."""


def print_table(options: argparse.Namespace) -> None:
    """Print NSE of all rows and its difference, the median NSE of towers, and coverage."""
    towers = read_towers(options.towers, "kfold", options.n_jobs, options.cache)
    parameters = UncertaintyParameters()
    rows = {flux: _calibrated(towers, flux, parameters) for flux in CARBON}
    _closure, closed = fit_closure(rows, level=parameters.level)
    found = compare_closed(closed)
    print(f"\n### Closing the carbon budget at unseen towers (XGB, mean of {len(SETS)} sets)\n")
    print(line("flux", "towers", "NSE", "closed", "difference (95 %)", "median NSE of towers",
               "closed", "coverage, closed"))  # fmt: skip
    print(line(*("---",) * 8))
    for r in found.itertuples():
        cells = [f"{r.NSE:.3f}", f"{r.NSE_closed:.3f}"]
        cells.append(f"{r.difference:+.4f} ({r.low:+.4f} to {r.high:+.4f})")
        cells += [f"{r.median_site_NSE:.3f}", f"{r.median_site_NSE_closed:.3f}"]
        print(line(r.flux, str(r.sites), *cells, f"{r.coverage:.3f}"))
    left = pd.concat(closed).groupby(["site_id", "time"])["centre"].apply(list)
    gaps = [abs(nee - (reco - gpp)) for gpp, reco, nee in left[left.map(len) == len(CARBON)]]
    print(f"\nLargest |NEE - (RECO - GPP)| of {len(gaps)} reconciled rows: {max(gaps):.1e}")


def _calibrated(towers: Towers, flux: str, parameters: UncertaintyParameters) -> pd.DataFrame:
    members = {name: towers.member(name, flux).predictors for name in SETS}
    ensemble = mean_of_members(pd.concat([held_out(towers, flux, p) for p in members.values()]))
    predictors = members[SETS[0]]
    known = towers.table[list(dict.fromkeys(["site_id", "time", "IGBP", *predictors]))]
    rows = ensemble.merge(known, on=["site_id", "time"], validate="one_to_one")
    return calibrate(rows, predictors, parameters, flux=flux)[1]
