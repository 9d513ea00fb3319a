"""Contribution of groups of predictors, their choice within the folds, and weights of BLEND."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from benchmarks.skill.towers import Towers, common_rows, difference, held_out
from benchmarks.table import line
from uflux_kedro.pipelines.model_training.choosing import choose_by_fold
from uflux_kedro.validation.choice import Choice
from uflux_kedro.validation.folds import Fold, make_folds, site_k_fold
from uflux_kedro.validation.skill import skill_by_part
from uflux_kedro.variables import FLUXES

REFERENCE, OURS, RECORD = "MODIS-NIRv-ERA", "CARRY-ERA", "RECORD-CARRY-ERA"
STACKING_SPLITS = 10
"""Folds of sites for stacked weights, which cost six fits per fold."""

PARTS = ("across-site", "seasonal cycle", "anomaly", "interannual", "trend")


def steps(towers: Towers, flux: str) -> dict[str, tuple[str, ...]]:
    """Return step -> predictors, adding the groups of our sets one after another."""
    ensemble = towers.ensemble
    ours, record = (s for s in ensemble.predictor_sets if s.name in (OURS, RECORD))
    reference = towers.member(REFERENCE, flux).predictors
    added = [
        group
        for group in (*ours.groups, *ours.optional, *record.optional)
        if not set(ensemble.groups[group]) <= set(reference)
    ]
    predictors = tuple(p for p in reference if not p.startswith("MODIS"))
    found = {"reference": reference}
    for group in added:
        predictors = tuple(dict.fromkeys((*predictors, *ensemble.groups[group])))
        found[f"{'' if len(found) > 1 else 'instead of NIRv '}+ {group}"] = predictors
    return found


def choose(towers: Towers, flux: str, folds: Sequence[Fold]) -> list[Choice]:
    """Choose among the optional groups of our set, for each fold."""
    member = towers.member(OURS, flux)
    rows = towers.rows(flux, member.predictors)
    return choose_by_fold(
        member,
        rows[list(member.predictors)].to_numpy("float32"),
        rows[flux].to_numpy("float64"),
        rows["site_id"].to_numpy(),
        folds,
        towers.training,
    )


def print_steps(towers: Towers) -> None:
    """Print the table of groups added one after another, with the parts of the skill."""
    print("\n### Contribution of each group (XGB)\n")
    print(line("flux", "predictors", "NSE", "difference (95 %)", *PARTS))
    print(line(*("---",) * (4 + len(PARTS))))
    for flux in FLUXES:
        reference = reference_of(towers, flux)
        for name, predictors in steps(towers, flux).items():
            found = common_rows(held_out(towers, flux, predictors), reference)
            parts = skill_by_part(found)["NSE"]
            cells = (flux, name, *difference(reference, found))
            print(line(*cells, *(f"{parts[part]:.2f}" for part in PARTS)), flush=True)


def print_members(towers: Towers) -> None:
    """Print the table of the member that chooses groups within the folds, by XGB and by BLEND."""
    print("\n### Groups chosen within the folds\n")
    print(
        line(
            "model",
            "flux",
            "reference",
            "NSE",
            "difference (95 %)",
            "groups chosen, percentage of folds",
        )
    )
    print(line(*("---",) * 6))
    chosen: dict[str, list[Choice]] = {}
    for model in ("XGB", "BLEND"):
        for flux in FLUXES:
            reference = reference_of(towers, flux)
            predictors = towers.member(OURS, flux).predictors
            if flux not in chosen:
                rows = towers.rows(flux, predictors)
                folds = make_folds(towers.training.scheme, rows, towers.training)
                chosen[flux] = choose(towers, flux, folds)
            found = held_out(towers, flux, predictors, model, chosen=chosen[flux])
            times = Counter(group for choice in chosen[flux] for group in choice.chosen)
            shares = [f"{g} {n / len(chosen[flux]):.0%}" for g, n in times.most_common()]
            cells = (difference(reference, reference)[0], *difference(reference, found))
            print(line(model, flux, *cells, ", ".join(shares) or "none"), flush=True)


def print_weights(towers: Towers) -> None:
    """Print the table of equal weights of BLEND against weights stacked within the folds."""
    print(f"\n### Weights of BLEND, {STACKING_SPLITS} folds of sites\n")
    print(line("flux", "equal", "stacked", "difference (95 %)"))
    print(line(*("---",) * 4))
    for flux in FLUXES:
        predictors = towers.member(OURS, flux).predictors
        sites = towers.rows(flux, predictors)["site_id"]
        folds = site_k_fold(sites, STACKING_SPLITS, towers.training.seed)
        chosen = choose(towers, flux, folds)
        equal, stacked = (
            held_out(towers, flux, predictors, "BLEND", chosen=chosen, folds=folds, weights=w)
            for w in ("equal", "stacked")
        )
        print(line(flux, difference(equal, equal)[0], *difference(equal, stacked)), flush=True)


def reference_of(towers: Towers, flux: str) -> pd.DataFrame:
    """Predict with the predictors and settings of the reference."""
    return held_out(towers, flux, towers.member(REFERENCE, flux).predictors)
