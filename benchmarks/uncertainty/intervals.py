"""Coverage and interval score of monthly intervals at unseen towers.

Two seeded partitions of the towers into thirds give six draws, in which every tower is tested
twice. In a draw, models, sampling space, spread and thresholds are fitted on the other two thirds,
with folds of towers within them. Scores are averaged over each tower's rows, then over towers. Further
tables show coverage by class, and evergreen broadleaf forest, of which little is learnt, by itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence

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
    score_by_class,
    score_by_tower,
)
from uflux_kedro.validation.folds import Fold, site_k_fold
from uflux_kedro.variables import FLUXES, IGBP_CLASSES, IGBP_NAMES

SETS = ("EVI-ERA", "LAI-ERA")
PARTITIONS = (0, 1)
INNER_FOLDS = 5
TOLERANCE, LEAST_COVERAGE, LEAST_TESTS = 0.02, 0.82, 9
GROUPS = {"carbon": ("GPP", "RECO", "NEE"), "energy": ("H", "LE")}
LEAST_GAIN = {"GPP": 0.20, "RECO": 0.20, "NEE": 0.20, "H": 0.12, "LE": 0.12}


def print_table(options: argparse.Namespace) -> None:
    """Print coverage, gain over intervals of constant width, and coverage by class."""
    towers = read_towers(options.towers, "kfold", options.n_jobs, options.cache)
    level = UncertaintyParameters().level
    print(f"\n### {level:.0%} intervals at unseen towers (XGB, {' and '.join(SETS)})\n")
    print(line("flux", "tests", "coverage (95 %)", "target", "gain in interval score (95 %)",
               "target", "class covered least", "target"))  # fmt: skip
    print(line(*("---",) * 8))
    found = {}
    for flux in FLUXES:
        found[flux] = score_draws(towers, flux, (IntervalParameters().method,))
        print(line(flux, *_cells(found[flux], flux, level)), flush=True)
    _print_groups(found)
    _print_classes(found)
    _print_class(found, "EBF")


def score_draws(towers: Towers, flux: str, methods: Sequence[Method]) -> pd.DataFrame:
    """Score the intervals of towers kept aside.

    Returns:
        One row for each draw, method and tower: the columns of
        :func:`~uflux_kedro.uncertainty.scores.score_by_tower`, ``method``, and ``constant``, the
        interval score of constant width.
    """
    scores = []
    for _, rows in draw_rows(towers, flux, methods).groupby(["draw", "method"], sort=False):
        level = UncertaintyParameters().level
        found = score_by_tower(rows, level)
        same = rows.assign(
            lower=rows["prediction"] - rows["half"], upper=rows["prediction"] + rows["half"]
        )
        constant = score_by_tower(same, level)["interval_score"]
        scores.append(found.assign(constant=constant, method=rows["method"].iloc[0]))
    return pd.concat(scores)


def draw_rows(towers: Towers, flux: str, methods: Sequence[Method]) -> pd.DataFrame:
    """Predict the rows of towers kept aside.

    Returns:
        The rows, once for each draw and method, with ``truth``, ``prediction``, ``lower``, ``upper``,
        ``half``, half the constant width, ``method`` and ``draw``.
    """
    draws = [(seed, third) for seed in PARTITIONS for third in range(3)]
    return pd.concat(
        [
            rows.assign(draw=number)
            for number, (seed, third) in enumerate(draws)
            for rows in _draw(towers, flux, seed, third, methods)
        ]
    )


def _draw(
    towers: Towers, flux: str, seed: int, third: int, methods: Sequence[Method]
) -> Iterator[pd.DataFrame]:
    """Yield the rows of the towers kept aside in one draw, with the intervals of each method."""
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
    usual = UncertaintyParameters()
    size = (known["truth"] - known["prediction"]).abs()
    half = group_quantile(size, known["site_id"], usual.level, usual.intervals.guarantee)
    for method in methods:
        parameters = UncertaintyParameters(intervals=IntervalParameters(method=method))
        fitted, _ = calibrate(known, predictors, parameters, flux=flux, space=space)
        bounds = fitted.bounds(
            unseen[list(predictors)].to_numpy("float32"),
            unseen["prediction"].to_numpy(),
            unseen["spread"].to_numpy(),
        )
        yield unseen.assign(lower=bounds.lower, upper=bounds.upper, half=half, method=method)


def _cells(found: pd.DataFrame, flux: str, level: float) -> list[str]:
    coverage, text = coverage_of(found)
    gain = 1 - found["interval_score"].sum() / found["constant"].sum()
    classes = score_by_class(found)
    classes = classes[classes["towers"] >= LEAST_TESTS]["coverage"]
    return [
        str(len(found)),
        text,
        _target(f"{level:.2f} ± {TOLERANCE}", abs(coverage - level) <= TOLERANCE),
        gain_over(found["constant"], found),
        _target(f"≥ {LEAST_GAIN[flux]:.0%}", gain >= LEAST_GAIN[flux]),
        f"{IGBP_NAMES[int(classes.idxmin())]} {classes.min():.2f}",
        _target(f"≥ {LEAST_COVERAGE}", classes.min() >= LEAST_COVERAGE),
    ]


def _target(text: str, met: bool) -> str:
    return text if met else f"{text}, **missed**"


def _print_groups(found: Mapping[str, pd.DataFrame]) -> None:
    """Print the mean gain of the fluxes of a group, each counting alike whatever its unit."""
    print("\n### Mean gain of the fluxes of a group\n")
    print(line("group", "towers", "gain in interval score (95 %)", "target"))
    print(line("---", "---", "---", "---"))
    for group, fluxes in GROUPS.items():
        relative = pd.concat(
            [
                found[flux][["site_id", "interval_score", "constant"]]
                .set_index("site_id")
                .div(found[flux]["constant"].sum())
                .reset_index()
                for flux in fluxes
            ]
        )
        gain = 1 - relative["interval_score"].sum() / relative["constant"].sum()
        least = LEAST_GAIN[fluxes[0]]
        print(line(group, str(relative["site_id"].nunique()),
                   gain_over(relative["constant"], relative), _target(f"≥ {least:.0%}", gain >= least)))  # fmt: skip


def _print_classes(found: Mapping[str, pd.DataFrame]) -> None:
    """Print coverage and number of towers of each class."""
    print("\n### Coverage by class (95 %), towers\n")
    print(line("class", *found))
    print(line(*("---",) * (len(found) + 1)))
    for code in sorted({code for scores in found.values() for code in scores["IGBP"]}):
        cells = []
        for scores in found.values():
            own = scores[scores["IGBP"] == code]
            cells.append(f"{coverage_of(own)[1]}, {own['site_id'].nunique()}" if len(own) else "-")
        print(line(IGBP_NAMES[int(code)], *cells))


def _print_class(found: Mapping[str, pd.DataFrame], name: str) -> None:
    """Print coverage and width of one class."""
    print(f"\n### {name} alone\n")
    print(line("flux", "towers", "coverage (95 %)", "width, all towers 1",
               "score of constant width, all towers 1", "gain over constant width (95 %)"))  # fmt: skip
    print(line(*("---",) * 6))
    for flux, scores in found.items():
        own = scores[scores["IGBP"] == IGBP_CLASSES[name]]
        over = own[["width", "constant"]].mean() / scores[["width", "constant"]].mean()
        print(line(flux, str(own["site_id"].nunique()), coverage_of(own)[1],
                   *(f"{value:.2f}" for value in over), gain_over(own["constant"], own)))  # fmt: skip


def coverage_of(found: pd.DataFrame) -> tuple[float, str]:
    """Return the coverage, alone and as text with its interval over resampled towers, if several."""
    value, low, high = bootstrap_means(found).loc["coverage"]
    return value, f"{value:.3f}" + ("" if np.isnan(low) else f" ({low:.3f} to {high:.3f})")


def gain_over(other: pd.Series, ours: pd.DataFrame) -> str:
    """Return by how much our score is below the other's, with its interval over resampled towers."""
    pairs = ours.assign(other=other.to_numpy()).groupby("site_id")[["interval_score", "other"]]
    sums = pairs.sum().to_numpy()
    n = len(sums)
    draws = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=2000)
    own, same = (draws @ sums).T
    low, high = np.quantile(1 - own / same, [0.025, 0.975])
    return f"{1 - sums[:, 0].sum() / sums[:, 1].sum():.1%} ({low:.1%} to {high:.1%})"
