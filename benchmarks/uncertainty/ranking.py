"""Which measure foretells the error at unseen towers: completeness, dissimilarity, density, spreads."""

from __future__ import annotations

import argparse

import pandas as pd

from benchmarks.skill import Towers, held_out, read_towers
from benchmarks.table import line
from uflux_kedro.uncertainty import calibrate, rank_measures, space_of_towers
from uflux_kedro.uncertainty.parameters import UncertaintyParameters
from uflux_kedro.validation.comparison import mean_of_members
from uflux_kedro.variables import FLUXES

MEMBERS = ("EVI-ERA", "LAI-ERA", "EVI-GRID", "LAI-GRID")
"""Predictor sets whose mean is the prediction; the space is that of the first."""


def print_table(options: argparse.Namespace) -> None:
    """Print rank correlations and areas of sparsification curves, with intervals over towers."""
    towers = read_towers(options.towers, "kfold", options.n_jobs, options.cache)
    print(f"\n### What foretells the error (XGB, mean of {', '.join(MEMBERS)}; 95 % intervals)\n")
    print(line("flux", "measure", "correlation by tower", "by row", "area to the best order"))
    print(line(*("---",) * 5))
    for flux in FLUXES:
        table = rank_measures(judged_rows(towers, flux))
        for measure, found in table.iterrows():
            cells = [
                f"{found[name]:.2f} ({found[f'{name}_low']:.2f} to {found[f'{name}_high']:.2f})"
                for name in ("by_tower", "by_row", "ause")
            ]
            print(line(flux, str(measure), *cells), flush=True)


def judged_rows(towers: Towers, flux: str) -> pd.DataFrame:
    """Return held-out rows with all measures, each without the row's own tower."""
    predictors = towers.member(MEMBERS[0], flux).predictors
    parts = [
        held_out(towers, flux, towers.member(name, flux).predictors).assign(member=name)
        for name in MEMBERS
    ]
    joined = pd.concat(parts)
    whole = joined.groupby(["site_id", "time"])["member"].transform("size") == len(MEMBERS)
    table = mean_of_members(joined[whole])
    usable = towers.rows(flux, predictors)
    rows = table.merge(usable[["site_id", "time", *predictors]], on=["site_id", "time"])
    parameters = UncertaintyParameters()
    space, _ = space_of_towers(usable, predictors, flux, parameters, n_jobs=towers.training.n_jobs)
    return calibrate(rows, predictors, parameters, flux=flux, space=space)[1]
