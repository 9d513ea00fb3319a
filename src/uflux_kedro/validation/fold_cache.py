"""Predictions of finished folds on disk, under a key of all that they depend on."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import sys
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uflux_kedro.files import replacing, sha256
from uflux_kedro.installed import version_of
from uflux_kedro.validation.folds import Fold

logger = logging.getLogger(__name__)

_CHECKSUM = hashlib.sha256().digest_size
_LIBRARIES = ("uflux_kedro", "numpy", "numba", "scikit-learn", "xgboost", "lightgbm", "optuna")


def digest_of(*arrays: NDArray) -> str:
    """Return the SHA-256 of the types, shapes and bytes of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def fold_key(data_digest: str, fold: Fold, model: Any) -> str:
    """Return the key of a fold: a checksum of data, rows, model and the code that fits it.

    Args:
        data_digest: Checksum of predictors and flux.
        fold: The fold.
        model: Unfitted estimator.
    """
    parameters = model.get_params()
    # For a model inside another, such as in a search, the code of both counts. The parameters of
    # the inner one are among those of the outer one.
    kinds = [type(part) for part in (model, *parameters.values()) if hasattr(part, "fit")]
    parts = {
        "data": data_digest,
        "rows": digest_of(fold.train, fold.test),
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


def write_fold(path: Path, prediction: NDArray[np.float64]) -> None:
    """Write the predictions of a finished fold as npy, followed by their checksum."""
    content = io.BytesIO()
    np.save(content, prediction)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getvalue() + _checksum(path, content.getvalue()))


def read_fold(path: Path, rows: int) -> NDArray[np.float64] | None:
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
