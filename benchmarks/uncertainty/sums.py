"""Coverage of annual sums at unseen towers, and what errors share in time and space.

In each draw a third of the towers is kept aside. Models, spread, correlation and multipliers are
fitted on the others, with folds of towers within them.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.skill import Towers, held_out, read_towers
from benchmarks.table import line
from uflux_kedro.statistics.correlated import SumErrors
from uflux_kedro.uncertainty.calibration import calibrate
from uflux_kedro.uncertainty.coverage import coverage_of_sums
from uflux_kedro.uncertainty.parameters import UncertaintyParameters
from uflux_kedro.uncertainty.sums import annual_sums, fit_sum_errors
from uflux_kedro.validation.folds import Fold, site_k_fold
from uflux_kedro.variables import FLUXES

PREDICTOR_SET = "EVI-ERA"
DRAWS = 8
INNER_FOLDS = 5
TOLERANCE = 0.04


def print_table(options: argparse.Namespace) -> None:
    """Print coverage of annual sums, and the correlation of errors estimated from all towers."""
    towers = read_towers(options.towers, "kfold", options.n_jobs, options.cache)
    level = UncertaintyParameters().level
    print(
        f"\n### Coverage of {level:.0%} intervals of annual sums at unseen towers "
        f"(XGB, {PREDICTOR_SET}; {DRAWS} draws)\n"
    )
    print(line("flux", "towers", "sums", "correlated", "target", "independent", "dependent"))
    print(line(*("---",) * 7))
    drawn = {flux: [_draw(towers, flux, seed) for seed in range(DRAWS)] for flux in FLUXES}
    for flux, draws in drawn.items():
        print(line(flux, *_coverage([one.sums for one in draws], level)), flush=True)
    print(
        "\n### Square of the mean error of all unseen towers over its variance, mean over draws\n"
    )
    print(line("flux", "sampling of towers alone", "with the part common to all"))
    print(line(*("---",) * 3))
    for flux, draws in drawn.items():
        print(line(flux, *(f"{np.mean(one):.2f}" for one in zip(*(d.ratios for d in draws), strict=True))))  # fmt: skip
    print("\n### Correlation of held-out errors (5 to 95 % of resamples of towers)\n")
    shares = ("persistent", "seasonal", "decaying", "decay_days", "level_shared", "level_range_km",
              "passing_shared", "passing_range_km")  # fmt: skip
    print(line("flux", *shares, "towers"))
    print(line(*("---",) * (len(shares) + 2)))
    for flux in FLUXES:
        found = _all_towers(towers, flux)
        bands = found.details["bands"]
        cells = [_with_band(getattr(found, name), bands[name]) for name in shares]
        print(line(flux, *cells, f"{found.towers:.0f}"), flush=True)


class Draw(NamedTuple):
    """One draw of towers."""

    sums: pd.DataFrame
    """Annual sums of towers kept aside."""
    ratios: tuple[float, float]
    """Square of their mean standardised error over its variance, without and with the part that
    all share."""


def _coverage(drawn: list[pd.DataFrame], level: float) -> list[str]:
    sums = pd.concat(
        [one.assign(site_id=one["site_id"] + f" {number}") for number, one in enumerate(drawn)]
    )
    found = coverage_of_sums(sums)
    covered = dict(zip(found["errors"], found["coverage"], strict=True))
    met = abs(covered["correlated"] - level) <= TOLERANCE
    names = sums["site_id"].nunique()
    target = f"{level - TOLERANCE:.2f} to {level + TOLERANCE:.2f}{'' if met else ', **missed**'}"
    plain = [f"{value:.3f}" for value in covered.values()]
    return [str(names), str(len(sums)), plain[0], target, *plain[1:]]


def _draw(towers: Towers, flux: str, seed: int) -> Draw:
    predictors = towers.member(PREDICTOR_SET, flux).predictors
    rows = towers.rows(flux, predictors)
    sites = rows["site_id"].to_numpy()
    aside = site_k_fold(sites, 3, seed)[0]
    folds = [
        Fold(part.number, part.name, aside.train[part.train], aside.train[part.test])
        for part in site_k_fold(sites[aside.train], INNER_FOLDS, seed)
    ]
    folds.append(Fold(INNER_FOLDS, "aside", aside.train, aside.test))
    found = _with_predictors(held_out(towers, flux, predictors, folds=folds), rows)
    seen, unseen = (found[found["site_id"].isin(sites[part])] for part in (aside.train, aside.test))
    parameters = UncertaintyParameters(seed=seed)
    uncertainty, calibrated = calibrate(seen, predictors, parameters, flux=flux)
    errors = fit_sum_errors(calibrated, level=parameters.level, seed=seed, resamples=20)
    mean = unseen["prediction"].to_numpy()
    bounds = uncertainty.bounds(unseen[list(predictors)].to_numpy("float32"), mean)
    unseen = unseen.assign(centre=mean, **bounds._asdict())
    return Draw(annual_sums(unseen, errors), _mean_error(unseen, errors))


def _mean_error(unseen: pd.DataFrame, errors: SumErrors) -> tuple[float, float]:
    z = (unseen["truth"] - unseen["centre"]) / unseen["sigma"]
    by_tower = z.groupby(unseen["site_id"]).mean()
    sampling = by_tower.var() / len(by_tower)
    common = errors.scale**2 * errors.persistent * errors.common()
    square = float(by_tower.mean() ** 2)
    return square / sampling, square / (sampling + common)


def _all_towers(towers: Towers, flux: str) -> SumErrors:
    predictors = towers.member(PREDICTOR_SET, flux).predictors
    rows = towers.rows(flux, predictors)
    folds = site_k_fold(rows["site_id"], 10, towers.training.seed)
    found = _with_predictors(held_out(towers, flux, predictors, folds=folds), rows)
    _, calibrated = calibrate(found, predictors, UncertaintyParameters(), flux=flux)
    return fit_sum_errors(calibrated)


def _with_predictors(found: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    keys = ["site_id", "time"]
    columns = [c for c in rows if c not in found or c in keys]
    return found.merge(rows[columns], on=keys, validate="one_to_one")


def _with_band(value: float, band: tuple[float, float]) -> str:
    digits = 0 if value >= 10 or np.max(band) >= 10 else 2
    return f"{value:.{digits}f} ({band[0]:.{digits}f} to {band[1]:.{digits}f})"
