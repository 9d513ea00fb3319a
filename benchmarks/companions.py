"""Reanalysis downscaled to towers against a grid at the same towers, and what a model inherits of it.

``python -m benchmarks companions [--towers FILE] [--without SITES]`` prints two tables, of site-months
that have both weathers:

- bias, RMSE and slope by variable: the grid against the companion, and both against what the tower
  measured itself;
- NSE and bias of fluxes on unseen towers, by XGB: learnt on the weather of one and predicted from that
  of the other, and from the grid's after lines by variable, fitted on the training towers.

Towers are resampled for the intervals of 95 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from kedro.config import OmegaConfigLoader
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from benchmarks.data import DEFAULT_TOWERS
from benchmarks.table import line
from uflux_kedro.configuration import CONFIG_LOADER_ARGS, PROJECT_PATH
from uflux_kedro.errors import InputError, require_columns
from uflux_kedro.features.training_table import build_training_table
from uflux_kedro.models.registry import make_model
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.tidy import read_tidy
from uflux_kedro.validation.bootstrap import compare_members, confidence_intervals
from uflux_kedro.validation.cross_validation import held_out_predictions, usable_rows
from uflux_kedro.validation.folds import site_k_fold
from uflux_kedro.validation.metrics import score_by_site
from uflux_kedro.validation.parameters import TrainingParameters
from uflux_kedro.variables import FLUXES, VARIABLES

WEATHER = ("TA", "SW_IN", "VPD", "P")
"""Variables that both the companion and the grid of the table have."""
COMPANION, GRID = "ERA", "GRID"
"""Prefixes of the two weathers in the environment ``fluxnet2015``."""
BESIDE = ("IGBP", "DoY_sin", "DoY_cos", "Latitude", "EVI")
"""Predictors beside the weather."""
MEASURED = 0.9
"""Least fraction of a month that the tower measured: gaps of towers are filled from their companion."""
N_FOLDS = 10

PAIRS = ((GRID, COMPANION), (COMPANION, ""), (GRID, ""))
"""What is compared with what; "" is the tower."""
_CALLED = {GRID: "grid", COMPANION: "companion", "": "tower"}
HEADER = (
    *("variable", "compared", "towers", "site-months", "bias", "RMSE", "slope"),
    "bias of single towers, 5 % to 95 %",
)
INHERITED = (
    *("flux", "learnt on", "predicted from", "towers", "NSE", "less the first row's"),
    *("bias", "less the first row's"),
)


class Weather(NamedTuple):
    """What a model is fitted on and predicts from, by source.

    Attributes:
        learnt: Source of the weather on which it is fitted.
        from_: Source of the weather from which it predicts.
        moved: Whether lines move the latter to the former.
    """

    learnt: str
    from_: str
    moved: bool = False

    @property
    def words(self) -> tuple[str, str]:
        """Cells of the table."""
        return _CALLED[self.learnt], _CALLED[self.from_] + (
            ", moved by lines" if self.moved else ""
        )


WEATHERS = (
    Weather(COMPANION, COMPANION),
    Weather(COMPANION, GRID),
    Weather(COMPANION, GRID, moved=True),
    Weather(GRID, GRID),
)


class ElsewhereRegressor(RegressorMixin, BaseEstimator):
    """A model that is fitted on some columns and predicts from others that stand for them.

    Args:
        estimator: Unfitted model.
        shared: Positions of columns that serve both.
        learnt: Positions of the columns on which it is fitted.
        from_: Positions of those from which it predicts, in the same order.
        moved: Whether each of the latter is moved by a line to the former. The lines are fitted on
            the rows of the fit.

    Attributes:
        estimator_: The fitted model.
        lines_: Slope and intercept of each column, shape (columns, 2).
    """

    def __init__(
        self,
        estimator: Any,
        shared: Sequence[int],
        learnt: Sequence[int],
        from_: Sequence[int],
        moved: bool = False,
    ) -> None:
        self.estimator = estimator
        self.shared = shared
        self.learnt = learnt
        self.from_ = from_
        self.moved = moved

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit on X, shape (n, columns)."""
        X = np.asarray(X)
        pairs = zip(self.from_, self.learnt, strict=True)
        lines = [np.polyfit(X[:, b], X[:, a], 1) if self.moved else (1.0, 0.0) for b, a in pairs]
        self.lines_ = np.array(lines)
        self.estimator_ = clone(self.estimator).fit(self._columns(X, X[:, list(self.learnt)]), y)
        return self

    def predict(self, X: ArrayLike) -> NDArray:
        """Predict (n,) from (n, columns)."""
        check_is_fitted(self)
        X = np.asarray(X)
        weather = X[:, list(self.from_)] * self.lines_[:, 0] + self.lines_[:, 1]
        return self.estimator_.predict(self._columns(X, weather))

    def _columns(self, X: NDArray, weather: NDArray) -> NDArray:
        return np.column_stack([X[:, list(self.shared)], weather]).astype(X.dtype)


def read_both(path: Path, without: Sequence[str] = ()) -> tuple[pd.DataFrame, TrainingParameters]:
    """Read the site-months that have both weathers.

    Args:
        path: Table as ``conf/fluxnet2015/parameters.yml`` maps it, with the towers' own ``TA_F`` and
            so on.
        without: Towers to leave out.

    Returns:
        Training table with ``ERA_TA``, ``GRID_TA`` and so on, and the towers' own ``TA`` (degC),
        ``SW_IN`` (W m-2), ``VPD`` (hPa), ``P`` (mm d-1) with their ``_QC`` (0-1); and the parameters
        of training.

    Raises:
        InputError: If a tower to leave out is not there, or none has both weathers.
    """
    loader = OmegaConfigLoader(str(PROJECT_PATH / "conf"), env="fluxnet2015", **CONFIG_LOADER_ARGS)
    parameters = loader["parameters"]
    measured = {name: f"{name}_F" for name in WEATHER}
    measured |= {f"{name}_QC": f"{name}_F_QC" for name in WEATHER}
    given = parameters["towers"]
    reading = TowerParameters.model_validate(given | {"columns": given["columns"] | measured})
    towers, sites, _ = read_tidy([path], reading.columns, resolution=reading.resolution)
    if unknown := sorted(set(without) - set(sites["site_id"])):
        raise InputError(
            path, "site_id", expected="the towers to leave out", found=f"no {', '.join(unknown)}"
        )
    of_both = [f"{COMPANION}_{name}" for name in WEATHER]
    of_both += [f"{GRID}_{name}" for name in ("TA_MIN", "TA_MAX", *WEATHER[1:])]
    require_columns(towers, (*of_both, *WEATHER), str(path))
    table = build_training_table(towers, sites)
    own = towers[["site_id", "time", *measured]]
    table = table.drop(columns=[c for c in measured if c in table]).merge(
        own, on=["site_id", "time"]
    )
    # The grid of the table has the day's extremes alone.
    table[f"{GRID}_TA"] = (table[f"{GRID}_TA_MIN"] + table[f"{GRID}_TA_MAX"]) / 2
    table = table[~table["site_id"].isin(list(without))]
    table = table[table[of_both].notna().all(axis=1)].reset_index(drop=True)
    if table.empty:
        raise InputError(path, None, expected="site-months with the weather of both", found="none")
    return table, TrainingParameters.model_validate(parameters["training"])


def differences(table: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    """Compare the weathers by variable; yield the table's cells."""
    for name in WEATHER:
        measured = table[f"{name}_QC"] >= MEASURED
        for one, other in PAIRS:
            rows = table if other else table[measured]
            columns = [f"{source}_{name}" if source else name for source in (other, one)]
            pairs = rows[["site_id", *columns]].set_axis(["site_id", "truth", "prediction"], axis=1)
            found = confidence_intervals(pairs.dropna())
            of_sites = score_by_site(pairs.dropna())["MBE"]
            low, high = of_sites.quantile([0.05, 0.95])
            yield (
                f"{name}, {VARIABLES[name].unit}",
                f"{_CALLED[one]} less {_CALLED[other]}",
                f"{len(of_sites)}",
                f"{pairs.notna().all(axis=1).sum():,}",
                *(_with_interval(found.loc[metric]) for metric in ("MBE", "RMSE", "slope")),
                f"{low:z.2f} to {high:z.2f}",
            )


def inherited(
    table: pd.DataFrame, training: TrainingParameters, n_jobs: int
) -> Iterator[tuple[str, ...]]:
    """Predict the fluxes of unseen towers from either weather; yield the table's cells."""
    weathers = [f"{source}_{name}" for source in (COMPANION, GRID) for name in WEATHER]
    predictors = [*BESIDE, *weathers]
    for flux in (flux for flux in FLUXES if flux in table):
        usable, _ = usable_rows(table, predictors, flux, training.min_qc)
        rows = table[usable].reset_index(drop=True)
        sites = rows["site_id"].to_numpy()
        folds = site_k_fold(sites, N_FOLDS, training.seed)
        first = None
        for weather in WEATHERS:
            predicted = held_out_predictions(
                lambda fold, weather=weather: ElsewhereRegressor(
                    make_model("XGB", None, random_state=training.seed + fold, n_jobs=1),
                    range(len(BESIDE)),
                    *([predictors.index(f"{s}_{n}") for n in WEATHER] for s in weather[:2]),
                    moved=weather.moved,
                ),
                rows[predictors].to_numpy("float32"),
                rows[flux].to_numpy("float64"),
                *(sites, rows["time"].to_numpy(), folds),
                n_jobs=n_jobs,
            )
            first = predicted if first is None else first
            compared = compare_members(first, predicted)
            less = ("-", "-")
            if predicted is not first:
                less = tuple(_with_interval(compared.loc[m], "difference") for m in ("NSE", "MBE"))
            yield (
                f"{flux}, {VARIABLES[flux].unit}",
                *weather.words,
                f"{rows['site_id'].nunique()}",
                f"{compared.loc['NSE', 'second']:.3f}",
                less[0],
                f"{compared.loc['MBE', 'second']:z.2f}",
                less[1],
            )


def _with_interval(found: pd.Series, of: str = "value") -> str:
    form = "z.2f" if of == "value" else "+.3f"
    return f"{found[of]:{form}} ({found['low']:{form}} to {found['high']:{form}})"


def main(arguments: Sequence[str]) -> None:
    """Print how two weathers at towers differ, and what a model inherits of it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks companions", description=main.__doc__
    )
    parser.add_argument("--towers", type=Path, default=DEFAULT_TOWERS, help="table of site-months")
    parser.add_argument(
        "--without", nargs="+", default=[], metavar="SITE", help="towers to leave out"
    )
    parser.add_argument("--n-jobs", type=int, default=-1, help="CPU cores; -1 uses all")
    chosen = parser.parse_args(arguments)
    table, training = read_both(chosen.towers.resolve(), chosen.without)
    for header, rows in (
        (HEADER, differences(table)),
        (INHERITED, inherited(table, training, chosen.n_jobs)),
    ):
        print(f"\n{line(*header)}\n{line(*('---' for _ in header))}", flush=True)
        for cells in rows:
            print(line(*cells), flush=True)
