"""What XGB has learnt: importance at unseen towers, SHAP values, responses by class."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.skill import Towers, held_out, read_towers
from benchmarks.table import line
from uflux_kedro.explanation.responses import RESPONSES, response_curves, response_rows
from uflux_kedro.explanation.shapley import contributions, mean_contributions
from uflux_kedro.models.registry import make_model
from uflux_kedro.validation.folds import make_folds
from uflux_kedro.validation.importance import importance_by_site, mean_importance
from uflux_kedro.variables import FLUXES

PREDICTOR_SET = "EVI-ERA"
SHOWN = 5
_DRIVERS = {"NEE": "ERA_SW_IN", "RECO": "ERA_TA"}


def print_table(options: argparse.Namespace) -> None:
    """Print the most important predictors, and how far the model's responses are from the towers'."""
    towers = read_towers(options.towers, "kfold", options.n_jobs, options.cache)
    print(f"\n### Predictors of XGB, {PREDICTOR_SET}\n")
    print(
        line(
            "flux",
            "increase of RMSE at unseen towers when shuffled (95 %)",
            "mean size of SHAP values",
        )
    )
    print(line(*("---",) * 3))
    for flux in FLUXES:
        shuffled, shap = importance(towers, flux)
        print(line(flux, _named(shuffled, bands=True), _named(shap, bands=False)), flush=True)
    for flux, response in RESPONSES.items():
        print(f"\n### Response of {flux} to {response.driver}, by class\n")
        print(line("class", "towers", "site-years", "R2, towers", "R2, model",
                   f"model minus towers, mean and RMS ({flux}, gC m-2 d-1)"))  # fmt: skip
        print(line(*("---",) * 6))
        for cells in responses(towers, flux):
            print(line(*cells), flush=True)


def importance(towers: Towers, flux: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return permutation importance on held-out towers, and mean SHAP values of a fit to all."""
    training = towers.training
    predictors = towers.member(PREDICTOR_SET, flux).predictors
    rows = towers.rows(flux, predictors)
    X, y = rows[list(predictors)].to_numpy("float32"), rows[flux].to_numpy("float64")
    sites = rows["site_id"].to_numpy()

    def make(fold: int) -> Any:
        return make_model("XGB", random_state=training.seed + fold, n_jobs=1)

    folds = make_folds(training.scheme, rows, training)
    by_site = importance_by_site(make, X, y, sites, folds, predictors, n_jobs=training.n_jobs)
    shap = contributions(make(0).fit(X, y), X, training.n_jobs).effects
    return mean_importance(by_site), mean_contributions(shap, predictors, sites)


def responses(towers: Towers, flux: str) -> list[list[str]]:
    """Return the rows of the table of responses."""
    predictions = held_out(towers, flux, towers.member(PREDICTOR_SET, flux).predictors)
    rows = response_rows(predictions, towers.table, flux, _DRIVERS[flux])
    curves, fits = response_curves(rows)
    effects = curves.pivot_table(index=["IGBP", "value"], columns="source", values="effect")
    apart = effects["prediction"] - effects["truth"]
    found = []
    for name, fit in fits.groupby("IGBP", sort=False):
        r2 = fit.set_index("source")["R2"]
        off = apart[name]
        found.append(
            [str(name), str(fit["towers"].iloc[0]), str(fit["site_years"].iloc[0]),
             f"{r2['truth']:.2f}", f"{r2['prediction']:.2f}",
             f"{off.mean():+.2f}, {np.sqrt((off**2).mean()):.2f}"]
        )  # fmt: skip
    return found


def _named(table: pd.DataFrame, bands: bool) -> str:
    rows = table.head(SHOWN).iterrows()
    return ", ".join(
        f"{name} {row['importance']:.2f}"
        + (f" ({row['low']:.2f} to {row['high']:.2f})" if bands else "")
        for name, row in rows
    )
