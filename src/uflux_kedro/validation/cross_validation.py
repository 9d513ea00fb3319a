"""Held-out predictions: fit on each fold's train sites, predict its test sites.

Folds run on threads, or on workers of dask.distributed, and each model on one thread. XGBoost,
scikit-learn's trees and numba kernels release the interpreter's lock, so that threads are as fast as
processes of the same machine, which would take seconds to start and need copies of the table.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import ThreadpoolController
from tqdm import tqdm

from uflux_kedro.errors import InputError, require_columns
from uflux_kedro.execution.engine import Execution, process_and_memory
from uflux_kedro.validation.fold_cache import digest_of, fold_key, read_fold, write_fold
from uflux_kedro.validation.fold_progress import FoldProgress
from uflux_kedro.validation.folds import Fold


def usable_rows(
    table: pd.DataFrame, predictors: Sequence[str], flux: str, min_qc: float
) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Select the rows to train and test on: flux of sufficient quality, no predictor missing.

    Rows are selected by the presence and the quality of the flux, never by its value.

    Args:
        table: Training table with ``flux``, the predictors and optionally ``<flux>_QC`` (0-1).
        predictors: Predictor columns.
        flux: Target column.
        min_qc: Lowest quality that is used; at 0 also rows without a quality are used.

    Returns:
        Mask of the usable rows, shape (n,), and the number of rows dropped for each reason; a row
        counts once, under the first reason: the flux, its quality, the predictors in order.

    Raises:
        InputError: If the flux or a predictor is not a column of the table.
    """
    require_columns(table, (flux, *predictors), "training table")
    reasons = {f"{flux} missing": table[flux].isna()}
    quality = f"{flux}_QC"
    if min_qc > 0 and quality in table:
        reasons[f"{quality} below {min_qc:g} or missing"] = ~(table[quality] >= min_qc)
    for predictor in predictors:
        reasons[f"{predictor} missing"] = ~np.isfinite(table[predictor].astype(float))

    usable = np.ones(len(table), dtype=bool)
    dropped = {}
    for reason, faulty in reasons.items():
        lost = usable & faulty.to_numpy()
        if lost.any():
            dropped[reason] = int(lost.sum())
        usable &= ~lost
    return usable, dropped


@dataclass(frozen=True)
class _Data:
    """What every fold needs: predictors, flux, and the site of each row if models are told it."""

    X: NDArray[np.float32]
    y: NDArray[np.floating]
    groups: NDArray[np.str_] | None

    def __reduce__(self) -> tuple:
        # Another process has libraries of its own.
        return _Data, (self.X, self.y, self.groups)

    @cached_property
    def digest(self) -> str:
        return digest_of(*(a for a in (self.X, self.y, self.groups) if a is not None))

    @cached_property
    def libraries(self) -> ThreadpoolController:
        """The libraries that this process has loaded and whose threads can be limited."""
        return ThreadpoolController()


@dataclass(frozen=True)
class _Task:
    """A fold to fit: its model, and the file that keeps its predictions, if any."""

    fold: Fold
    model: Any
    cached: Path | None


def _fit_and_predict(
    data: _Data, task: _Task, _threads: int
) -> tuple[Fold, NDArray[np.float64], float, tuple[str, float]]:
    """Fit one fold; return its predictions, the seconds it took, and its process and memory."""
    fold, model, begun = task.fold, task.model, perf_counter()
    # OpenMP has a number of threads for each thread, so it is set in each.
    with data.libraries.limit(limits=1, user_api="openmp"):
        try:
            extra = {} if data.groups is None else {"groups": data.groups[fold.train]}
            model.fit(data.X[fold.train], data.y[fold.train], **extra)
            prediction = np.asarray(model.predict(data.X[fold.test]), dtype=float).ravel()
        except Exception as error:
            error.add_note(f"In fold {fold.number} ({fold.name})")
            raise
    if task.cached:
        write_fold(task.cached, prediction)
    return fold, prediction, perf_counter() - begun, process_and_memory()


def held_out_predictions(
    make_model: Callable[[int], Any],
    X: NDArray[np.float32],
    y: NDArray[np.floating],
    sites: ArrayLike,
    time: ArrayLike,
    folds: Sequence[Fold],
    *,
    fit_with_sites: bool = False,
    n_jobs: int = 1,
    execution: Execution | None = None,
    cache_folder: Path | None = None,
    progress: str | None = None,
) -> pd.DataFrame:
    """Predict every fold's test rows by a model fitted on its train rows.

    The result depends only on the seed of each model, not on where or in which order folds run.
    With a cache, each fold's predictions are stored under a key of data, rows, model parameters
    and versions of code: a killed run continues where it stopped, and a changed input starts over.

    Args:
        make_model: Function of a fold's number that returns an unfitted estimator with
            scikit-learn's ``fit``, ``predict`` and ``get_params``, seeded by that number and
            limited to one thread. On workers the estimator is pickled, the function is not.
        X: Predictors, shape (n, predictors), no missing values.
        y: Flux, shape (n,).
        sites: Site of each row, shape (n,).
        time: Start of each row's period, shape (n,).
        folds: Splits of the rows.
        fit_with_sites: Whether to pass the sites of the train rows to ``fit`` as ``groups``, for
            models that search or draw bags by site. This is not read from the signature of
            ``fit``, since a model that accepts groups may be meant to work without them.
        n_jobs: Folds fitted in parallel; -1 uses all cores.
        execution: Where folds are fitted, in place of ``n_jobs`` threads. Its workers must see
            ``cache_folder`` under the same path; each reads X, y and sites from there once.
        cache_folder: Folder of finished folds; None stores nothing.
        progress: Label of a progress bar on a terminal, and of lines of the log on time and memory
            if the folds take more than half a minute; None for neither.

    Returns:
        ``site_id``, ``time``, ``fold``, ``truth``, ``prediction``, in the order of the rows.

    Raises:
        InputError: If predictors or flux have missing or infinite values.
    """
    _require_finite(X, "predictors")
    _require_finite(y, "flux")
    groups = np.asarray(sites).astype(str) if fit_with_sites else None
    data = _Data(np.ascontiguousarray(X), y, groups)
    execution = execution or Execution(n_jobs)
    predicted = np.full(len(y), np.nan)
    number = np.full(len(y), -1)
    missing = []
    for fold in folds:
        model = make_model(fold.number)
        path = cache_folder and cache_folder / f"{fold_key(data.digest, fold, model)}.npy"
        kept = path and read_fold(path, len(fold.test))
        if kept is None:
            missing.append(_Task(fold, model, path))
        else:
            predicted[fold.test] = kept
        number[fold.test] = fold.number

    # scikit-learn changes the filters of warnings in each thread, which is not thread-safe, so
    # they are restored after the folds. Making the models has loaded the libraries.
    with data.libraries.limit(limits=1, user_api="blas"), warnings.catch_warnings():
        runs = execution.run(_fit_and_predict, data, missing, cache_folder)
        told = FoldProgress(progress, len(missing), len(folds) - len(missing), execution)
        bar = tqdm(
            *(runs, progress, len(folds)),
            initial=len(folds) - len(missing),
            unit="fold",
            disable=None if progress else True,
        )
        for fold, prediction, seconds, used in bar:
            predicted[fold.test] = prediction
            told.finished(seconds, used)

    table = pd.DataFrame(
        {
            "site_id": np.asarray(sites),
            "time": np.asarray(time),
            "fold": number,
            "truth": np.asarray(y, dtype=float),
            "prediction": predicted,
        }
    )
    return table[table["fold"] >= 0].reset_index(drop=True)


def _require_finite(values: NDArray, what: str) -> None:
    faulty = ~np.isfinite(values)
    if faulty.any():
        raise InputError(
            "training rows",
            what,
            expected="finite numbers",
            found=f"{int(faulty.sum())} missing or infinite",
            hint="Select rows with usable_rows.",
        )
