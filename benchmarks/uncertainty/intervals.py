"""Coverage and interval score of monthly intervals at unseen towers.

Two seeded partitions of the towers into thirds give six draws, in which every tower is tested
twice. In a draw, models, sampling space, spread and thresholds are fitted on the other two thirds,
with folds of towers within them. Scores are averaged over each tower's rows, then over towers. A
second table compares the methods of the spread with the default one on the same draws.
"""

from __future__ import annotations

import argparse
from typing import get_args

import numpy as np
import pandas as pd

from benchmarks.skill import Towers, held_out, read_towers
from benchmarks.table import line
from uflux_kedro.uncertainty.calibration import calibrate
from uflux_kedro.uncertainty.intervals import group_quantile
from uflux_kedro.uncertainty.parameters import IntervalParameters, Method, UncertaintyParameters
from uflux_kedro.uncertainty.sampling_space import SamplingSpace
from uflux_kedro.uncertainty.scores import (
    bootstrap_means,
    interval_score,
    score_by_class,
    score_by_tower,
)
from uflux_kedro.validation.folds import Fold, site_k_fold
from uflux_kedro.variables import FLUXES, IGBP_NAMES

SETS = ("EVI-ERA", "LAI-ERA")
PARTITIONS = (0, 1)
INNER_FOLDS = 5
TOLERANCE, LEAST_COVERAGE, LEAST_TESTS = 0.02, 0.82, 9
METHODS = tuple(method for method in get_args(Method) if method != "constant")
LEAST_GAIN = {"GPP": 0.20, "RECO": 0.20, "NEE": 0.20, "H": 0.12, "LE": 0.12}


def print_table(options: argparse.Namespace) -> None:
    """Print coverage and gain of the default method, and those of all methods."""
    towers = read_towers(options.towers, "kfold", options.n_jobs, options.cache)
    level = UncertaintyParameters().level
    print(f"\n### {level:.0%} intervals at unseen towers (XGB, {' and '.join(SETS)})\n")
    print(line("flux", "tests", "coverage (95 %)", "target", "gain in interval score (95 %)",
               "target", "class covered least", "target"))  # fmt: skip
    print(line(*("---",) * 8))
    found = {}
    for flux in FLUXES:
        found[flux] = pd.concat(
            [_draw(towers, flux, seed, third) for seed in PARTITIONS for third in range(3)]
        )
        default = found[flux][found[flux]["method"] == IntervalParameters().method]
        print(line(flux, *_cells(default, flux, level)), flush=True)
    print("\n### Methods of the spread\n")
    print(line("flux", "method", "coverage (95 %)", "gain over constant width (95 %)",
               "gain over the default (95 %)"))  # fmt: skip
    print(line(*("---",) * 5))
    for flux in FLUXES:
        for method in METHODS:
            print(line(flux, method, *_compared(found[flux], method)))


def _draw(towers: Towers, flux: str, seed: int, third: int) -> pd.DataFrame:
    """Return the scores of the towers kept aside in one draw, by each method."""
    members = {name: towers.member(name, flux).predictors for name in SETS}
    predictors = tuple(dict.fromkeys(p for names in members.values() for p in names))
    rows = towers.rows(flux, predictors)
    sites = rows["site_id"].to_numpy()
    aside = site_k_fold(sites, 3, seed)[third]
    folds = [
        Fold(part.number, part.name, aside.train[part.train], aside.train[part.test])
        for part in site_k_fold(sites[aside.train], INNER_FOLDS, seed)
    ]
    folds.append(Fold(INNER_FOLDS, "aside", aside.train, aside.test))
    predictions = []
    for names in members.values():
        # Rows are those of all sets, so that members differ in their predictors alone.
        common = Towers(rows, towers.ensemble, towers.training, towers.cache)
        predictions.append(held_out(common, flux, names, folds=folds)["prediction"].to_numpy())
    table = rows.assign(
        truth=rows[flux],
        prediction=np.mean(predictions, axis=0),
        spread=np.std(predictions, axis=0),
    )
    known, unseen = table.iloc[aside.train], table.iloc[aside.test]
    X = known[list(predictors)].to_numpy("float32")
    space = SamplingSpace.fit(X, known["site_id"], predictors, seed=seed)
    level = UncertaintyParameters().level
    size = (known["truth"] - known["prediction"]).abs()
    half = group_quantile(size, known["site_id"], level)
    constant = interval_score(
        unseen["truth"], unseen["prediction"] - half, unseen["prediction"] + half, level
    )
    mean = pd.Series(constant).groupby(unseen["site_id"].to_numpy()).mean()
    scores = []
    for method in METHODS:
        parameters = UncertaintyParameters(intervals=IntervalParameters(method=method))
        fitted, _ = calibrate(known, predictors, parameters, flux=flux, space=space)
        bounds = fitted.bounds(
            unseen[list(predictors)].to_numpy("float32"),
            unseen["prediction"].to_numpy(),
            unseen["spread"].to_numpy(),
        )
        judged = score_by_tower(unseen.assign(lower=bounds.lower, upper=bounds.upper), level)
        scores.append(judged.assign(constant=judged["site_id"].map(mean), method=method))
    return pd.concat(scores)


def _cells(found: pd.DataFrame, flux: str, level: float) -> list[str]:
    coverage = bootstrap_means(found).loc["coverage"]
    gain = 1 - found["interval_score"].sum() / found["constant"].sum()
    classes = score_by_class(found)
    classes = classes[classes["towers"] >= LEAST_TESTS]["coverage"]
    return [
        str(len(found)),
        f"{coverage['value']:.3f} ({coverage['low']:.3f} to {coverage['high']:.3f})",
        _target(f"{level:.2f} ± {TOLERANCE}", abs(coverage["value"] - level) <= TOLERANCE),
        _gain(found["constant"], found),
        _target(f"≥ {LEAST_GAIN[flux]:.0%}", gain >= LEAST_GAIN[flux]),
        f"{IGBP_NAMES[int(classes.idxmin())]} {classes.min():.2f}",
        _target(f"≥ {LEAST_COVERAGE}", classes.min() >= LEAST_COVERAGE),
    ]


def _target(text: str, met: bool) -> str:
    return text if met else f"{text}, **missed**"


def _compared(found: pd.DataFrame, method: str) -> list[str]:
    own = found[found["method"] == method]
    default = found[found["method"] == IntervalParameters().method]
    coverage = bootstrap_means(own).loc["coverage"]
    return [
        f"{coverage['value']:.3f} ({coverage['low']:.3f} to {coverage['high']:.3f})",
        _gain(own["constant"], own),
        "" if method == IntervalParameters().method else _gain(default["interval_score"], own),
    ]


def _gain(other: pd.Series, ours: pd.DataFrame) -> str:
    """Return by how much our score is below the other's, with its interval over resampled towers."""
    pairs = ours.assign(other=other.to_numpy()).groupby("site_id")[["interval_score", "other"]]
    sums = pairs.sum().to_numpy()
    n = len(sums)
    draws = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=2000)
    own, same = (draws @ sums).T
    low, high = np.quantile(1 - own / same, [0.025, 0.975])
    return f"{1 - sums[:, 0].sum() / sums[:, 1].sum():.1%} ({low:.1%} to {high:.1%})"
