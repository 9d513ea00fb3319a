"""Every predictor set against the best single set, and means over models and over sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.skill.towers import Towers, common_rows, difference, held_out
from benchmarks.table import line
from uflux_kedro.ensemble import Member
from uflux_kedro.models.registry import make_model
from uflux_kedro.pipelines.model_training.choosing import choose_by_fold, limit_to_complete
from uflux_kedro.validation.choice import Choice, ColumnsRegressor
from uflux_kedro.validation.cross_validation import held_out_predictions, usable_rows
from uflux_kedro.validation.folds import Fold, make_folds
from uflux_kedro.validation.metrics import PairSums, evaluate, pooled
from uflux_kedro.variables import FLUXES

CHOSEN = "single set chosen within the folds"
PARTS = ("XGB", "RF", "DF21")
"""Models of which MEAN is the mean."""
RESAMPLES = 2000

Predictions = Mapping[str, pd.DataFrame]


class Best(NamedTuple):
    """The single set that is best on some rows.

    Attributes:
        name: Name of the set.
        share: Part of the resamples of sites in which it is the best.
        optimism: By how much its NSE is too high because it was selected by it: in resamples, the
            mean advantage of the best of each over the set named here.
    """

    name: str
    share: float
    optimism: float


@dataclass(frozen=True)
class Chosen:
    """Rows and folds of a member that chooses its predictors.

    Attributes:
        member: The member.
        rows: Its usable rows.
        X: Its predictors, shape (n, predictors), finite.
        folds: Splits of the rows.
        choices: Predictors of each fold.
    """

    member: Member
    rows: pd.DataFrame
    X: np.ndarray
    folds: Sequence[Fold]
    choices: Sequence[Choice]

    @classmethod
    def of(cls, towers: Towers, member: Member) -> Chosen:
        """Choose the predictors of each fold without its test sites."""
        serving = [names for _, names in member.alternatives] or [member.predictors]
        usable = [
            usable_rows(towers.table, p, member.flux, towers.training.min_qc)[0] for p in serving
        ]
        rows = towers.table[np.any(usable, axis=0)].reset_index(drop=True)
        X = rows[list(member.predictors)].to_numpy("float32")
        folds = make_folds(towers.training.scheme, rows, towers.training)
        choices = choose_by_fold(
            member,
            X,
            rows[member.flux].to_numpy("float64"),
            rows["site_id"].to_numpy(),
            folds,
            towers.training,
        )
        return cls(member, rows, *limit_to_complete(member, X, folds, choices), choices)

    def held_out(self, towers: Towers, model: str = "XGB") -> pd.DataFrame:
        """Predict every site with models that were not trained on it."""
        predictors, seed = self.member.predictors, towers.training.seed

        def make(fold: int) -> Any:
            columns = [predictors.index(name) for name in self.choices[fold].columns]
            return ColumnsRegressor(
                make_model(model, None, random_state=seed + fold, n_jobs=1), columns
            )

        return held_out_predictions(
            make,
            self.X,
            self.rows[self.member.flux].to_numpy("float64"),
            self.rows["site_id"].to_numpy(),
            self.rows["time"].to_numpy(),
            self.folds,
            n_jobs=towers.training.n_jobs,
            cache_folder=towers.cache,
            progress=f"{self.member.predictor_set}.{self.member.flux}.{model}",
        )

    def names(self) -> str:
        """Return what was chosen, with the percentage of folds."""
        times = Counter(" ".join(choice.chosen) for choice in self.choices)
        return ", ".join(
            f"{name or 'none'} {n / len(self.choices):.0%}" for name, n in times.most_common()
        )


def print_sets(towers: Towers) -> None:
    """Print every set against the best single set of each flux, and against the chosen one."""
    print("\n### Predictor sets against the best single set (XGB)\n")
    print(
        line(
            "flux", "set", "NSE", "from the best single set", "from the chosen single set", "chosen"
        )
    )
    print(line(*("---",) * 6))
    found_best = {}
    for flux in FLUXES:
        singles = single_sets(towers, flux)
        choosing = choosing_members(towers, flux)
        made = {name: Chosen.of(towers, member) for name, member in choosing.items()}
        tables = on_common_rows(singles | {n: c.held_out(towers) for n, c in made.items()})
        best = best_of({name: tables[name] for name in singles})
        found_best[flux] = best
        ranked = sorted(singles, key=lambda name: -pooled(tables[name])["NSE"])
        for name in (*ranked, *made):
            nse, from_best = difference(tables[best.name], tables[name])
            from_chosen = difference(tables[CHOSEN], tables[name])[1]
            what = made[name].names() if name in made else ""
            print(line(flux, name, nse, from_best, from_chosen, what), flush=True)
    print("\n" + line("flux", "best single set", "best in resamples", "optimism of its NSE"))
    print(line(*("---",) * 4))
    for flux, best in found_best.items():
        print(line(flux, best.name, f"{best.share:.0%}", f"{best.optimism:.3f}"))


def print_models(towers: Towers) -> None:
    """Print the models and their mean with the chosen set, and the mean over all single sets.

    The mean is that of the models' own predictions, which MEAN repeats with other seeds.
    """
    print("\n### Means over models and over sets\n")
    print(line("flux", "what", "NSE", "from the best model", "from XGB"))
    print(line(*("---",) * 5))
    for flux in FLUXES:
        chosen = Chosen.of(towers, choosing_members(towers, flux)[CHOSEN])
        of_sets = "XGB, mean over all single sets"
        tables = on_common_rows(
            {model: chosen.held_out(towers, model) for model in (*PARTS, "BLEND")}
            | {of_sets: mean_of(list(on_common_rows(single_sets(towers, flux)).values()))}
        )
        tables["MEAN"] = mean_of([tables[model] for model in PARTS])
        best = max(PARTS, key=lambda model: pooled(tables[model])["NSE"])
        for name in (*PARTS, "MEAN", "BLEND", of_sets):
            nse, from_best = difference(tables[best], tables[name])
            from_xgb = difference(tables["XGB"], tables[name])[1]
            print(line(flux, name, nse, from_best, from_xgb), flush=True)


def single_sets(towers: Towers, flux: str) -> dict[str, pd.DataFrame]:
    """Predict with every set that chooses nothing; name -> held-out predictions."""
    return {
        s.name: held_out(towers, flux, towers.ensemble.predictors(s))
        for s in towers.ensemble.predictor_sets
        if not s.optional and not s.alternatives
    }


def choosing_members(towers: Towers, flux: str) -> dict[str, Member]:
    """Return the members that choose: the configured ones, and one among all single sets."""
    sets = towers.ensemble.predictor_sets
    found = {s.name: towers.member(s.name, flux) for s in sets if s.optional or s.alternatives}
    single = {
        s.name: towers.ensemble.predictors(s) for s in sets if not s.optional and not s.alternatives
    }
    union = tuple(dict.fromkeys(name for names in single.values() for name in names))
    return {CHOSEN: Member("SINGLE", flux, "XGB", union, (), tuple(single.items()))} | found


def on_common_rows(tables: Predictions) -> dict[str, pd.DataFrame]:
    """Return the predictions for the rows that all have."""
    common = reduce(common_rows, tables.values())
    return {name: common_rows(table, common) for name, table in tables.items()}


def mean_of(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the mean of predictions for the same rows."""
    return tables[0].assign(prediction=np.mean([t["prediction"] for t in tables], axis=0))


def best_of(tables: Predictions) -> Best:
    """Find the best set on common rows, and how much chance helped it."""
    first = next(iter(tables.values()))
    sites, names = pd.factorize(first["site_id"], sort=True)
    draws = np.random.default_rng(0).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES
    )
    weights = np.vstack([np.ones(len(names)), draws])
    nse = np.array(
        [
            evaluate(PairSums.of(t["truth"], t["prediction"], sites).weighted(weights))["NSE"]
            for t in tables.values()
        ]
    )
    best = int(nse[:, 0].argmax())
    resampled = nse[:, 1:]
    winner = resampled.argmax(axis=0)
    # What each winner gains in its resample over all sites, less what the best set gains there.
    gain = resampled - nse[:, :1]
    return Best(
        list(tables)[best],
        float(np.mean(winner == best)),
        float(np.mean(np.take_along_axis(gain, winner[None], axis=0)[0] - gain[best])),
    )
