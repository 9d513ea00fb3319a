"""Hybrid models against trees alone, on unseen towers and beyond the climate of the trained ones.

Four models of one predictor set: trees (XGB), the calibrated process baseline, and both forms of
``HYBRID``. Differences from the trees have 95 % intervals over towers.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from benchmarks.skill.towers import Towers, difference, held_out_by, read_towers
from benchmarks.table import line
from benchmarks.timing import cost_of
from uflux_kedro.biophysics.evapotranspiration import evapotranspiration_from_le, priestley_taylor
from uflux_kedro.biophysics.radiation import estimated_net_radiation
from uflux_kedro.models.calibration import CalibratedBaseline
from uflux_kedro.models.hybrid import HybridRegressor
from uflux_kedro.models.packing import pack
from uflux_kedro.models.registry import make_model
from uflux_kedro.validation.folds import Fold, site_k_fold
from uflux_kedro.validation.metrics import pooled
from uflux_kedro.validation.skill import skill_by_part
from uflux_kedro.variables import FLUXES, IGBP_NAMES

PREDICTOR_SET = "EVI-ERA"
LEAST_TOWERS = 9
"""Fewest towers of a class that is held out."""
EXTREME = 0.2
"""Share of the towers that are held out as the warmest or driest."""
PARTS = ("across-site", "seasonal cycle", "anomaly", "interannual", "trend")
FORMS = ("residual", "predictor")
_REPEATS = 5
UNSEEN = "unseen towers, 10 folds"


class BaselineRegressor(RegressorMixin, BaseEstimator):
    """The calibrated process baseline alone."""

    uses = ("uflux_kedro.models", *HybridRegressor.uses)

    def __init__(self, predictor_names: tuple[str, ...], flux: str) -> None:
        self.predictor_names = predictor_names
        self.flux = flux

    def fit(self, X: NDArray, y: NDArray, groups: ArrayLike | None = None) -> Self:
        """Calibrate on (n, predictors), (n,) and the site of each row."""
        self.baseline_ = CalibratedBaseline.fit(self.flux, self.predictor_names, X, y, groups)
        return self

    def predict(self, X: NDArray) -> NDArray:
        """Predict (n,) from (n, predictors)."""
        return self.baseline_.predict(X)


def print_table(options: argparse.Namespace) -> None:
    """Print skill on unseen towers by part, skill on towers of another kind, and time."""
    towers = read_towers(options.towers, "kfold", options.n_jobs, options.cache)
    found = {flux: _predictions(towers, flux) for flux in FLUXES}
    _print_parts({flux: models[UNSEEN] for flux, models in found.items()})
    _print_differences(found)
    _print_times(towers)


def _predictions(towers: Towers, flux: str) -> dict[str, dict[str, pd.DataFrame]]:
    """Return test -> model -> held-out predictions."""
    predictors = towers.member(PREDICTOR_SET, flux).predictors
    rows = towers.rows(flux, predictors)
    tests = _tests(rows, towers.training.seed)
    return {
        test: {
            model: _held_out(towers, flux, predictors, folds, model)
            for model in ("trees", "baseline", *FORMS)
        }
        for test, folds in tests.items()
    }


def _held_out(
    towers: Towers,
    flux: str,
    predictors: tuple[str, ...],
    folds: list[Fold],
    model: str,
) -> pd.DataFrame:
    seed = towers.training.seed

    def make(fold: int) -> Any:
        if model == "baseline":
            return BaselineRegressor(predictors, flux)
        if model == "trees":
            return make_model("XGB", random_state=seed + fold, n_jobs=1)
        return make_model(
            "HYBRID", {"form": model}, random_state=seed + fold, predictors=predictors, flux=flux
        )

    return held_out_by(
        make,
        towers,
        flux,
        predictors,
        folds=folds,
        with_sites=model != "trees",
        progress=f"{flux} {model}",
    )


def _tests(rows: pd.DataFrame, seed: int) -> dict[str, list[Fold]]:
    """Return the name of a test -> its folds."""
    sites = rows["site_id"]
    mean = rows.assign(PET=_potential(rows)).groupby("site_id")
    place = mean[["latitude", "ERA_TA", "ERA_P", "PET"]].mean()
    climate = {
        "warmest fifth": place["ERA_TA"].rank(pct=True) > 1 - EXTREME,
        "driest fifth, P / PET": (place["ERA_P"] / place["PET"]).rank(pct=True) <= EXTREME,
        "south of the middle latitude": place["latitude"] < place["latitude"].median(),
        "north of the middle latitude": place["latitude"] >= place["latitude"].median(),
    }
    tests = {UNSEEN: site_k_fold(sites, 10, seed)}
    tests |= {name: [_fold(name, held_out[sites])] for name, held_out in climate.items()}
    towers = rows.groupby("IGBP")["site_id"].nunique()
    for code in towers.index[towers >= LEAST_TOWERS]:
        name = f"class {IGBP_NAMES[int(code)]}"
        tests[name] = [_fold(name, rows["IGBP"] == code)]
    return tests


def _fold(name: str, held_out: pd.Series) -> Fold:
    test = held_out.to_numpy()
    return Fold(0, name, train=np.flatnonzero(~test), test=np.flatnonzero(test))


def _potential(rows: pd.DataFrame) -> pd.Series:
    """Return potential evapotranspiration, mm d-1."""
    net = estimated_net_radiation(rows["ERA_SW_IN"], rows["ERA_LW_IN"], rows["ERA_TA"])
    energy = priestley_taylor(rows["ERA_TA"], rows["ERA_PA"], net.clip(lower=0))
    return evapotranspiration_from_le(energy, rows["ERA_TA"])


def _print_parts(found: Mapping[str, Mapping[str, pd.DataFrame]]) -> None:
    print(f"\n### NSE on unseen towers by part (XGB, {PREDICTOR_SET}, ten folds of towers)\n")
    print(line("flux", "model", "NSE", *PARTS))
    print(line(*("---",) * (3 + len(PARTS))))
    for flux, models in found.items():
        for model, predictions in models.items():
            parts = skill_by_part(predictions)["NSE"]
            cells = (f"{value:.2f}" for value in parts[list(PARTS)])
            print(line(flux, model, f"{pooled(predictions)['NSE']:.3f}", *cells), flush=True)


def _print_differences(found: Mapping[str, Mapping[str, Mapping[str, pd.DataFrame]]]) -> None:
    print("\n### NSE on towers of another kind, and difference from the trees (95 %)\n")
    columns = ("held out", "flux", "towers", "trees", "baseline")
    print(line(*columns, *FORMS))
    print(line(*("---",) * (len(columns) + len(FORMS))))
    for test in dict.fromkeys(name for tests in found.values() for name in tests):
        for flux, tests in found.items():
            if test in tests:
                models = tests[test]
                scores = [f"{pooled(models[m])['NSE']:.3f}" for m in ("trees", "baseline")]
                forms = [" ".join(difference(models["trees"], models[form])) for form in FORMS]
                number = models["trees"]["site_id"].nunique()
                print(line(test, flux, str(number), *scores, *forms), flush=True)


def _print_times(towers: Towers) -> None:
    print("\n### Processor time of a prediction on one thread, us a row\n")
    print(line("flux", "baseline", "trees (XGB)"))
    print(line(*("---",) * 3))
    for flux in FLUXES:
        predictors = towers.member(PREDICTOR_SET, flux).predictors
        rows = towers.rows(flux, predictors)
        X, y = rows[list(predictors)].to_numpy("float32"), rows[flux].to_numpy("float64")
        baseline = CalibratedBaseline.fit(flux, predictors, X, y, rows["site_id"])
        trees = pack(make_model("XGB", random_state=towers.training.seed).fit(X, y))
        print(line(flux, *(f"{_time(p.predict, X):.2f}" for p in (baseline, trees))), flush=True)


def _time(predict: Callable[[NDArray], NDArray], X: NDArray) -> float:
    """Return the least time of several predictions, us a row."""
    predict(X)
    return 1e6 / len(X) * min(cost_of(lambda: predict(X))[0].cpu for _ in range(_REPEATS))
