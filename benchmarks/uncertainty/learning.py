"""Learning curves on the real towers: NSE at towers kept aside, by the number trained on."""

from __future__ import annotations

import argparse

import pandas as pd

from benchmarks.skill import Towers, read_towers
from benchmarks.table import line
from uflux_kedro.models.registry import make_model
from uflux_kedro.uncertainty.learning_curve import (
    ALL,
    extrapolate,
    summarise_curve,
    train_on_shares,
)
from uflux_kedro.uncertainty.parameters import LearningCurveParameters
from uflux_kedro.variables import FLUXES

PREDICTOR_SET = "EVI-ERA"
SIZES = (15, 30, 60)
"""Numbers of towers, before all that are not kept aside."""
DRAWS = 8


def print_table(options: argparse.Namespace) -> None:
    """Print the curves, what twice the towers would bring, and the gain by class."""
    towers = read_towers(options.towers, "kfold", options.n_jobs, options.cache)
    curve = pd.concat([_curve(towers, flux) for flux in FLUXES], ignore_index=True)
    _print_curves(curve)
    found = extrapolate(curve)
    _print_extrapolated(found[found["group"] == ALL])
    _print_classes(curve)


def _curve(towers: Towers, flux: str) -> pd.DataFrame:
    predictors = towers.member(PREDICTOR_SET, flux).predictors
    rows = towers.rows(flux, predictors)
    settings = LearningCurveParameters(draws=DRAWS)
    sites = rows["site_id"].nunique()
    trained = sites - round(settings.held_out * sites)
    shares = (*(size / trained for size in SIZES if size < trained), 1.0)
    return train_on_shares(
        rows,
        flux,
        predictors,
        lambda seed: make_model("XGB", random_state=seed, n_jobs=1),
        settings.model_copy(update={"shares": shares}),
        seed=towers.training.seed,
        n_jobs=towers.training.n_jobs,
    )


def _print_curves(curve: pd.DataFrame) -> None:
    print(
        f"\n### NSE at towers kept aside (XGB, {PREDICTOR_SET}; mean, and 5 to 95 % of {DRAWS} draws)\n"
    )
    print(line("flux", *(f"{n} towers" for n in SIZES), "three quarters of all"))
    print(line(*("---",) * (len(SIZES) + 2)))
    summary = summarise_curve(curve)
    for flux, rows in summary[summary["group"] == ALL].groupby("flux", sort=False):
        cells = [f"{r.NSE:.2f} ({r.NSE_low:.2f} to {r.NSE_high:.2f})" for r in rows.itertuples()]
        cells[-1] += f" with {rows['towers'].max()}"
        print(line(str(flux), *cells))


def _print_extrapolated(found: pd.DataFrame) -> None:
    print("\n### What more towers would bring\n")
    print(
        line(
            "flux",
            "towers",
            "NSE",
            "gain from twice as many",
            "error variance removed, measured",
            "still reducible, extrapolated",
            "explained by the number",
        )
    )
    print(line(*("---",) * 7))
    for r in found.itertuples():
        cells = [
            f"{r.gain:+.3f} ({r.gain_low:+.3f} to {r.gain_high:+.3f})",
            f"{r.removed:.0%} ({r.removed_low:.0%} to {r.removed_high:.0%})",
            f"{r.reducible:.0%} ({r.reducible_low:.0%} to {r.reducible_high:.0%})",
        ]
        print(line(r.flux, str(r.towers), f"{r.NSE:.2f}", *cells, f"{r.explained:.0%}"))


def _print_classes(curve: pd.DataFrame) -> None:
    summary = summarise_curve(curve)
    print("\n### NSE by class, with the fewest and with the most towers\n")
    print(line("class", *FLUXES))
    print(line(*("---",) * (len(FLUXES) + 1)))
    for group in [g for g in summary["group"].unique() if g != ALL]:
        cells = []
        for flux in FLUXES:
            one = summary[(summary["group"] == group) & (summary["flux"] == flux)]
            ends = [f"{v:.2f}" for v in one["NSE"].iloc[[0, -1]]] if len(one) else []
            cells.append(" to ".join(ends) or "-")
        print(line(group, *cells))
