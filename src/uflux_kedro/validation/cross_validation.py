"""Held-out predictions: fit on each fold's train sites, predict its test sites.

Folds run on threads, one thread a model: XGBoost, scikit-learn's trees and numba kernels let
go of the interpreter's lock, so threads are as fast as processes and need neither their start
(seconds) nor copies of the table.
"""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import ThreadpoolController
from tqdm import tqdm

from uflux_kedro.errors import InputError
from uflux_kedro.files import replacing, sha256
from uflux_kedro.validation.folds import Fold

_LIBRARIES = ("uflux_kedro", "numpy", "numba", "scikit-learn", "xgboost", "lightgbm", "optuna")


def usable_rows(
    table: pd.DataFrame, predictors: Sequence[str], flux: str, min_qc: float
) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Rows to train and test on: flux measured well enough, no predictor missing.

    The value of the flux is never looked at, only whether it is there and how good it is.

    Args:
        table: Training table, with ``flux``, the predictors and, if there is one,
            ``<flux>_QC`` (0-1).
        predictors: Predictor columns.
        flux: Target column.
        min_qc: Lowest quality that is used; at 0 quality is not asked for.

    Returns:
        Mask of the usable rows, shape (n,), and how many rows were dropped for each reason; a
        row counts once, under the first reason: the flux, its quality, the predictors in order.

    Raises:
        InputError: If the flux or a predictor is no column of the table.
    """
    absent = [name for name in (flux, *predictors) if name not in table]
    if absent:
        raise InputError(
            "training table",
            ", ".join(absent),
            expected="a column of that name",
            found=f"the columns {', '.join(map(str, table.columns))}",
        )
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
    cache_folder: Path | None = None,
    progress: str | None = None,
) -> pd.DataFrame:
    """Predict every fold's test rows by a model fitted on its train rows.

    The result depends on the seed of each model alone, not on ``n_jobs`` nor on which fold ran
    first. With a cache, each fold's predictions are kept under a key made of data, rows, model
    parameters and versions of code: a killed run goes on where it stopped, and a changed input
    starts anew.

    Args:
        make_model: Number of a fold -> unfitted estimator with scikit-learn's ``fit``,
            ``predict`` and ``get_params``, seeded by that number and set to one thread.
        X: Predictors, shape (n, predictors), no missing values.
        y: Flux, shape (n,).
        sites: Site of each row, shape (n,).
        time: Start of each row's period, shape (n,).
        folds: Splits of the rows.
        fit_with_sites: Hand the sites of the train rows to ``fit`` as ``groups``, for models
            that search or draw bags by site. Not found out from ``fit``'s signature, since a
            model that can take groups may be meant to do without.
        n_jobs: Folds fitted at a time; -1 takes all cores.
        cache_folder: Folder of finished folds; nothing is kept if None.
        progress: Label of a progress bar; none is drawn if None, or where the standard error
            is no terminal.

    Returns:
        ``site_id``, ``time``, ``fold``, ``truth``, ``prediction``, in the order of the rows.

    Raises:
        InputError: If predictors or flux hold missing or infinite values.
    """
    _require_finite(X, "predictors")
    _require_finite(y, "flux")
    X = np.ascontiguousarray(X)
    groups = np.asarray(sites).astype(str) if fit_with_sites else None
    for fold in folds[:1]:
        # The controller knows only libraries that are loaded, and models load theirs when made.
        make_model(fold.number)
    libraries = ThreadpoolController()
    data_digest = _digest(X, y) if groups is None else _digest(X, y, groups)

    def predict(fold: Fold) -> tuple[Fold, NDArray[np.float64]]:
        model = make_model(fold.number)
        kept = cache_folder and cache_folder / f"{_fold_key(data_digest, fold, model)}.npy"
        if kept:
            prediction = _read(kept, len(fold.test))
            if prediction is not None:
                return fold, prediction
        # OpenMP keeps its number of threads by thread, so it is set in each.
        with libraries.limit(limits=1, user_api="openmp"):
            try:
                extra = {} if groups is None else {"groups": groups[fold.train]}
                model.fit(X[fold.train], y[fold.train], **extra)
                prediction = np.asarray(model.predict(X[fold.test]), dtype=float).ravel()
            except Exception as error:
                error.add_note(f"In fold {fold.number} ({fold.name})")
                raise
        if kept:
            with replacing(kept) as temporary:
                np.save(temporary, prediction)
        return fold, prediction

    predicted = np.full(len(y), np.nan)
    number = np.full(len(y), -1)
    # scikit-learn swaps the filters of warnings in each thread, which is not safe among threads:
    # what it leaves behind must not outlive the folds.
    with libraries.limit(limits=1, user_api="blas"), warnings.catch_warnings():
        runs = Parallel(n_jobs=n_jobs, backend="threading", return_as="generator_unordered")(
            delayed(predict)(fold) for fold in folds
        )
        bar = tqdm(
            runs, desc=progress, total=len(folds), unit="fold", disable=None if progress else True
        )
        for fold, prediction in bar:
            predicted[fold.test] = prediction
            number[fold.test] = fold.number

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
            hint="Take the rows that usable_rows keeps.",
        )


def _digest(*arrays: NDArray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _fold_key(data_digest: str, fold: Fold, model: Any) -> str:
    parameters = model.get_params()
    # A model inside another counts with its own code; its parameters are among the other's.
    kinds = [type(part) for part in (model, *parameters.values()) if hasattr(part, "fit")]
    parts = {
        "data": data_digest,
        "rows": _digest(fold.train, fold.test),
        "models": [f"{kind.__module__}.{kind.__qualname__}" for kind in kinds],
        "parameters": {name: repr(value) for name, value in parameters.items()},
        "versions": {kind.__module__: _versions(kind.__module__) for kind in kinds},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@cache
def _versions(module: str) -> dict[str, str | None]:
    """Versions of what a prediction depends on, and the code of the package of a model of ours."""
    versions: dict[str, str | None] = {"python": sys.version.split()[0]}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    project, _, rest = module.partition(".")
    if project == "uflux_kedro":
        # A version number does not change with every edit, and a model draws on its whole package.
        package = sys.modules[f"{project}.{rest.partition('.')[0]}"]
        folder = Path(str(package.__file__)).parent
        for source in sorted(folder.rglob("*.py")):
            versions[source.relative_to(folder).as_posix()] = sha256(source)
    return versions


def _read(path: Path, rows: int) -> NDArray[np.float64] | None:
    """Predictions of a finished fold; None if there are none that can be read."""
    try:
        prediction = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return prediction if prediction.shape == (rows,) else None
