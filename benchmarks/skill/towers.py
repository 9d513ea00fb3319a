"""Skill on unseen towers: contribution of each group of predictors.

``python -m benchmarks skill [--towers FILE] [--scheme loso|kfold]`` prints three tables of NSE on
held-out towers: groups added one after another, with the parts of the skill; the member that chooses
its groups within the folds, by XGB and by BLEND, against the reference; and equal against stacked
weights of BLEND. The reference is XGB with the predictors of ``MODIS-NIRv-ERA``; all are scored on
the site-months that it can predict.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.table import line
from uflux_kedro.ensemble import EnsembleParameters, Member
from uflux_kedro.features.parameters import FeatureParameters
from uflux_kedro.features.training_table import build_training_table
from uflux_kedro.models.registry import make_model
from uflux_kedro.pipelines.model_training.choosing import choose_by_fold
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.tidy import read_tidy
from uflux_kedro.validation.bootstrap import compare_members
from uflux_kedro.validation.choice import Choice, ColumnsRegressor
from uflux_kedro.validation.cross_validation import held_out_predictions, usable_rows
from uflux_kedro.validation.folds import Fold, make_folds, site_k_fold
from uflux_kedro.validation.parameters import TrainingParameters
from uflux_kedro.validation.skill import skill_by_part
from uflux_kedro.variables import FLUXES

PROJECT = Path(__file__).resolve().parents[1]
TOWERS = Path("../shared/data/towers_monthly/fluxnet2015_monthly.csv.gz")
"""Default table, relative to the project's folder."""

REFERENCE, OURS, RECORD = "MODIS-NIRv-ERA", "CARRY-ERA", "RECORD-CARRY-ERA"
STACKING_SPLITS = 10
"""Folds of sites for stacked weights, which cost six fits per fold."""

PARTS = ("across-site", "seasonal cycle", "anomaly", "interannual", "trend")


@dataclass(frozen=True)
class Towers:
    """Training table and the parameters of the environment ``fluxnet2015``.

    Attributes:
        table: Training table.
        ensemble: Predictor sets and groups.
        training: Scheme, quality, seed and cores.
        cache: Folder of finished folds; None for no cache.
    """

    table: pd.DataFrame
    ensemble: EnsembleParameters
    training: TrainingParameters
    cache: Path | None

    def member(self, predictor_set: str, flux: str) -> Member:
        """Return a member of the configuration."""
        chosen = self.ensemble.model_copy(
            update={"select": f"{predictor_set}.{flux}.*", "model": "XGB"}
        )
        return chosen.members()[0]

    def rows(self, flux: str, predictors: Sequence[str]) -> pd.DataFrame:
        """Return the rows with the flux, sufficient quality and all predictors."""
        usable, _ = usable_rows(self.table, predictors, flux, self.training.min_qc)
        return self.table[usable].reset_index(drop=True)


def read_towers(path: Path, scheme: str, n_jobs: int, cache: Path | None) -> Towers:
    """Read a table of site-months as the environment ``fluxnet2015`` does."""
    from kedro.config import OmegaConfigLoader

    from uflux_kedro.configuration import CONFIG_LOADER_ARGS

    loader = OmegaConfigLoader(str(PROJECT / "conf"), env="fluxnet2015", **CONFIG_LOADER_ARGS)
    blocks = loader["parameters"]
    reading = TowerParameters.model_validate(blocks["towers"])
    towers, sites, _ = read_tidy([path], reading.columns, resolution=reading.resolution)
    carry_over = FeatureParameters.model_validate(blocks["features"]).carry_over
    training = {**blocks["training"], "scheme": scheme, "n_splits": 10, "n_jobs": n_jobs}
    return Towers(
        build_training_table(towers, sites, carry_over=carry_over),
        EnsembleParameters.model_validate(blocks["ensemble"]),
        TrainingParameters.model_validate(training),
        cache,
    )


def held_out(
    towers: Towers,
    flux: str,
    predictors: Sequence[str],
    model: str = "XGB",
    *,
    chosen: Sequence[Choice] | None = None,
    folds: Sequence[Fold] | None = None,
    **settings: Any,
) -> pd.DataFrame:
    """Predict every site with models that were not trained on it.

    Args:
        towers: The towers.
        flux: Target.
        predictors: Columns.
        model: Name in the registry.
        chosen: Columns that each fold uses; None for all.
        folds: Splits; None for those of the scheme.
        **settings: Settings of the model.
    """
    rows, training = towers.rows(flux, predictors), towers.training

    def make(fold: int) -> Any:
        made = make_model(model, settings, random_state=training.seed + fold, n_jobs=1)
        if chosen is None:
            return made
        return ColumnsRegressor(made, [predictors.index(c) for c in chosen[fold].columns])

    return held_out_predictions(
        make,
        rows[list(predictors)].to_numpy("float32"),
        rows[flux].to_numpy("float64"),
        rows["site_id"].to_numpy(),
        rows["time"].to_numpy(),
        make_folds(training.scheme, rows, training) if folds is None else folds,
        fit_with_sites=settings.get("weights") == "stacked",
        n_jobs=training.n_jobs,
        cache_folder=towers.cache,
        progress=f"{flux} {model} {len(predictors)} predictors",
    )


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
            times = Counter(group for choice in chosen[flux] for group in choice.groups)
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


def difference(first: pd.DataFrame, second: pd.DataFrame) -> tuple[str, str]:
    """Return the NSE of the second, and its difference from the first with an interval over sites."""
    found = compare_members(first, second).loc["NSE"]
    interval = f"{found['low']:+.3f} to {found['high']:+.3f}"
    return f"{found['second']:.3f}", f"{found['difference']:+.3f} ({interval})"


def common_rows(predictions: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Return the predictions for rows that the reference predicts too."""
    return predictions.merge(reference[["site_id", "time"]], on=["site_id", "time"])


TABLES = {"steps": print_steps, "members": print_members, "weights": print_weights}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks skill", description=main.__doc__)
    parser.add_argument("--towers", type=Path, default=PROJECT / TOWERS, help=f"default {TOWERS}")
    parser.add_argument("--scheme", choices=("loso", "kfold"), default="loso")
    parser.add_argument("--only", choices=TABLES, help="print only one table")
    parser.add_argument("--n-jobs", type=int, default=-1, help="CPU cores; -1 uses all")
    parser.add_argument("--cache", type=Path, help="folder of finished folds, to resume from")
    chosen = parser.parse_args(arguments)
    towers = read_towers(chosen.towers, chosen.scheme, chosen.n_jobs, chosen.cache)
    for name, print_table in TABLES.items():
        if chosen.only in (None, name):
            print_table(towers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
