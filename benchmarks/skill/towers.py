"""Real towers, held-out predictions of their fluxes, and differences of their skill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from uflux_kedro.ensemble import EnsembleParameters, Member
from uflux_kedro.features.parameters import FeatureParameters
from uflux_kedro.features.training_table import build_training_table
from uflux_kedro.models.registry import make_model
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.tidy import read_tidy
from uflux_kedro.validation.bootstrap import compare_members
from uflux_kedro.validation.choice import Choice, ColumnsRegressor
from uflux_kedro.validation.cross_validation import held_out_predictions, usable_rows
from uflux_kedro.validation.folds import Fold, make_folds
from uflux_kedro.validation.parameters import TrainingParameters

PROJECT = Path(__file__).resolve().parents[2]
TOWERS = Path("../shared/data/towers_monthly/fluxnet2015_monthly.csv.gz")
"""Default table, relative to the project's folder."""


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
    training = towers.training

    def make(fold: int) -> Any:
        made = make_model(model, settings, random_state=training.seed + fold, n_jobs=1)
        if chosen is None:
            return made
        return ColumnsRegressor(made, [predictors.index(c) for c in chosen[fold].columns])

    return held_out_by(
        make,
        towers,
        flux,
        predictors,
        folds=folds,
        with_sites=settings.get("weights") == "stacked",
        progress=f"{flux} {model} {len(predictors)} predictors",
    )


def held_out_by(
    make: Callable[[int], Any],
    towers: Towers,
    flux: str,
    predictors: Sequence[str],
    *,
    folds: Sequence[Fold] | None,
    with_sites: bool,
    progress: str,
) -> pd.DataFrame:
    """Predict every site as :func:`held_out` does, with the estimators that a function makes.

    Args:
        make: Function of a fold that returns an unfitted estimator.
        towers: The towers.
        flux: Target.
        predictors: Columns.
        folds: Splits; None for those of the scheme.
        with_sites: Whether fits are told the site of each row.
        progress: Label of the progress.
    """
    rows, training = towers.rows(flux, predictors), towers.training
    return held_out_predictions(
        make,
        rows[list(predictors)].to_numpy("float32"),
        rows[flux].to_numpy("float64"),
        rows["site_id"].to_numpy(),
        rows["time"].to_numpy(),
        make_folds(training.scheme, rows, training) if folds is None else folds,
        fit_with_sites=with_sites,
        n_jobs=training.n_jobs,
        cache_folder=towers.cache,
        progress=progress,
    )


def difference(first: pd.DataFrame, second: pd.DataFrame) -> tuple[str, str]:
    """Return the NSE of the second, and its difference from the first with an interval over sites."""
    found = compare_members(first, second).loc["NSE"]
    interval = f"{found['low']:+.3f} to {found['high']:+.3f}"
    return f"{found['second']:.3f}", f"{found['difference']:+.3f} ({interval})"


def common_rows(predictions: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Return the predictions for rows that the reference predicts too."""
    return predictions.merge(reference[["site_id", "time"]], on=["site_id", "time"])
