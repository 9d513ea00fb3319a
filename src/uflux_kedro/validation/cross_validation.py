"""Held-out predictions: fit on each fold's train sites, predict its test sites.

Folds run on threads and each model on one thread. XGBoost, scikit-learn's trees and numba kernels
release the interpreter's lock, so threads are as fast as processes, which would take seconds to
start and need copies of the table.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import ThreadpoolController
from tqdm import tqdm

from uflux_kedro.errors import InputError, require_columns
from uflux_kedro.files import replacing, sha256
from uflux_kedro.installed import version_of
from uflux_kedro.validation.folds import Fold

logger = logging.getLogger(__name__)

_CHECKSUM = hashlib.sha256().digest_size
_LIBRARIES = ("uflux_kedro", "numpy", "numba", "scikit-learn", "xgboost", "lightgbm", "optuna")


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

    The result depends only on the seed of each model, not on ``n_jobs`` or the order of folds.
    With a cache, each fold's predictions are stored under a key of data, rows, model parameters
    and versions of code: a killed run continues where it stopped, and a changed input starts over.

    Args:
        make_model: Function of a fold's number that returns an unfitted estimator with
            scikit-learn's ``fit``, ``predict`` and ``get_params``, seeded by that number and
            limited to one thread.
        X: Predictors, shape (n, predictors), no missing values.
        y: Flux, shape (n,).
        sites: Site of each row, shape (n,).
        time: Start of each row's period, shape (n,).
        folds: Splits of the rows.
        fit_with_sites: Whether to pass the sites of the train rows to ``fit`` as ``groups``, for
            models that search or draw bags by site. This is not read from the signature of
            ``fit``, since a model that accepts groups may be meant to work without them.
        n_jobs: Folds fitted in parallel; -1 uses all cores.
        cache_folder: Folder of finished folds; None stores nothing.
        progress: Label of a progress bar; there is none if None, or if standard error is not a
            terminal.

    Returns:
        ``site_id``, ``time``, ``fold``, ``truth``, ``prediction``, in the order of the rows.

    Raises:
        InputError: If predictors or flux have missing or infinite values.
    """
    _require_finite(X, "predictors")
    _require_finite(y, "flux")
    X = np.ascontiguousarray(X)
    groups = np.asarray(sites).astype(str) if fit_with_sites else None
    for fold in folds[:1]:
        # The controller below finds only loaded libraries, and making a model loads them.
        make_model(fold.number)
    libraries = ThreadpoolController()
    data_digest = _digest(X, y) if groups is None else _digest(X, y, groups)

    def predict(fold: Fold) -> tuple[Fold, NDArray[np.float64]]:
        model = make_model(fold.number)
        cached = cache_folder and cache_folder / f"{_fold_key(data_digest, fold, model)}.npy"
        if cached:
            prediction = _read(cached, len(fold.test))
            if prediction is not None:
                return fold, prediction
        # OpenMP has a number of threads for each thread, so it is set in each.
        with libraries.limit(limits=1, user_api="openmp"):
            try:
                extra = {} if groups is None else {"groups": groups[fold.train]}
                model.fit(X[fold.train], y[fold.train], **extra)
                prediction = np.asarray(model.predict(X[fold.test]), dtype=float).ravel()
            except Exception as error:
                error.add_note(f"In fold {fold.number} ({fold.name})")
                raise
        if cached:
            _write(cached, prediction)
        return fold, prediction

    predicted = np.full(len(y), np.nan)
    number = np.full(len(y), -1)
    # scikit-learn changes the filters of warnings in each thread, which is not thread-safe, so
    # they are restored after the folds.
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
            hint="Select rows with usable_rows.",
        )


def _digest(*arrays: NDArray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _fold_key(data_digest: str, fold: Fold, model: Any) -> str:
    parameters = model.get_params()
    # For a model inside another, such as in a search, the code of both counts. The parameters of
    # the inner one are among those of the outer one.
    kinds = [type(part) for part in (model, *parameters.values()) if hasattr(part, "fit")]
    parts = {
        "data": data_digest,
        "rows": _digest(fold.train, fold.test),
        "models": [f"{kind.__module__}.{kind.__qualname__}" for kind in kinds],
        "parameters": {name: repr(value) for name, value in parameters.items()},
        "versions": {kind.__module__: _versions(kind.__module__) for kind in kinds},
    }
    # Packages of this project and libraries besides those of every model.
    used = {name for kind in kinds for name in getattr(kind, "uses", ())}
    if used:
        parts["uses"] = {name: _sources(name) or version_of(name) for name in used}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@cache
def _versions(module: str) -> dict[str, str | None]:
    """Return versions of libraries and, for a model of this project, checksums of its sources."""
    versions: dict[str, str | None] = {"python": sys.version.split()[0]}
    for name in _LIBRARIES:
        try:
            versions[name] = version_of(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return versions | _sources(module)


@cache
def _sources(module: str) -> dict[str, str | None]:
    """Return checksums of the package of this project in which a module is; none for a library."""
    project, _, rest = module.partition(".")
    if project != "uflux_kedro":
        return {}
    # A version number does not change with every edit; a model may use all of its package.
    package = import_module(f"{project}.{rest.partition('.')[0]}")
    folder = Path(str(package.__file__)).parent
    return {p.relative_to(folder).as_posix(): sha256(p) for p in sorted(folder.rglob("*.py"))}


def _write(path: Path, prediction: NDArray[np.float64]) -> None:
    """Write the predictions of a finished fold as npy, followed by their checksum."""
    content = io.BytesIO()
    np.save(content, prediction)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getvalue() + _checksum(path, content.getvalue()))


def _read(path: Path, rows: int) -> NDArray[np.float64] | None:
    """Read the predictions of a finished fold; None if the file is absent or damaged."""
    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        return None
    content = stored[:-_CHECKSUM]
    if stored[-_CHECKSUM:] == _checksum(path, content):
        prediction = np.load(io.BytesIO(content), allow_pickle=False)
        if prediction.shape == (rows,):
            return prediction
    logger.warning(
        "%s: expected the predictions of a fold with their checksum; found a damaged file, or one of "
        "an earlier version. The fold is fitted again",
        path,
    )
    return None


def _checksum(path: Path, content: bytes) -> bytes:
    """Return the SHA-256 of a file's name, which is the key of its fold, and its content."""
    return hashlib.sha256(path.name.encode() + content).digest()
