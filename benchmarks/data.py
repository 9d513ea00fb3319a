"""Training table of the benchmarks, made with the project's configuration, reader and features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from uflux_kedro.ensemble import EnsembleParameters
from uflux_kedro.errors import InputError
from uflux_kedro.features.training_table import build_training_table
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.tidy import read_tidy
from uflux_kedro.validation.cross_validation import usable_rows
from uflux_kedro.validation.parameters import TrainingParameters

PROJECT = Path(__file__).resolve().parents[1]

DEFAULT_TOWERS = PROJECT / "../shared/data/towers_monthly/fluxnet2015_monthly.csv.gz"

PREDICTOR_SET = "EVI-ERA"
"""Predictor set with the longest record: every tower has usable rows of GPP."""


@dataclass(frozen=True)
class Rows:
    """Usable rows of one flux.

    Attributes:
        X: (n, predictors), as read.
        y: (n,), the flux.
        sites: (n,), site of each row.
        time: (n,), start of each month.
    """

    X: pd.DataFrame
    y: pd.Series
    sites: np.ndarray
    time: np.ndarray

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Return X as float32 and y as float64, the types that the project's members use."""
        return self.X.to_numpy("float32"), self.y.to_numpy("float64")


def tower_rows(towers: Path, flux: str) -> Rows:
    """Return the rows of a flux with all predictors and the quality that training requires."""
    table, predictors, min_qc = _training_table(towers)
    usable, _ = usable_rows(table, predictors, flux, min_qc)
    rows = table[usable].reset_index(drop=True)
    return Rows(
        rows[list(predictors)], rows[flux], rows["site_id"].to_numpy(), rows["time"].to_numpy()
    )


def many_rows(X: np.ndarray, n: int, *, alike: bool = False) -> np.ndarray:
    """Return as many rows as a grid has: towers' rows drawn with replacement, plus noise.

    Args:
        X: (rows, predictors) float32.
        n: Number of rows to return.
        alike: Whether successive rows are draws of the same or the next row of a tower, as
            neighbours on a map are alike, rather than of any.

    Returns:
        (n, predictors) float32; the noise is a twentieth of each column's standard deviation, and
        none in a column of classes.
    """
    random = np.random.default_rng(0)
    places = random.integers(len(X), size=n)
    drawn = X[np.sort(places) if alike else places]
    classes = (np.round(X) == X).all(axis=0)
    noise = random.normal(size=drawn.shape) * np.where(classes, 0, X.std(axis=0) / 20)
    return (drawn + noise).astype(np.float32)


@cache
def _training_table(towers: Path) -> tuple[pd.DataFrame, tuple[str, ...], float]:
    """Return the training table, the predictors of :data:`PREDICTOR_SET` and the lowest quality."""
    from kedro.config import OmegaConfigLoader

    from uflux_kedro.configuration import CONFIG_LOADER_ARGS

    if not towers.is_file():
        raise InputError(
            towers,
            None,
            expected="a table of site-months as conf/fluxnet2015/parameters.yml maps it",
            found="no such file",
            hint="Name it with --towers FILE.",
        )
    loader = OmegaConfigLoader(str(PROJECT / "conf"), env="fluxnet2015", **CONFIG_LOADER_ARGS)
    parameters = loader["parameters"]
    reading = TowerParameters.model_validate(parameters["towers"])
    ensemble = EnsembleParameters.model_validate(parameters["ensemble"])
    training = TrainingParameters.model_validate(parameters["training"])
    table, sites, _ = read_tidy([towers], reading.columns, resolution=reading.resolution)
    (chosen,) = (s for s in ensemble.predictor_sets if s.name == PREDICTOR_SET)
    return build_training_table(table, sites), ensemble.predictors(chosen), training.min_qc
