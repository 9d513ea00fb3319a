"""Models on disk without pickle: to load a stranger's model must not run a stranger's code.

A folder holds ``model.json`` (kind, versions, checksum) and one payload: UBJSON for XGBoost,
npz for the cascade forest, skops for scikit-learn.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from uflux_kedro.errors import InputError
from uflux_kedro.files import replacing, sha256

_CARD = "model.json"


class _Format(NamedTuple):
    library: str
    payload: str
    save: Callable[[Any, Path], None]
    load: Callable[[Path], Any]


def _save_xgb(model: Any, path: Path) -> None:
    model.save_model(path)


def _load_xgb(path: Path) -> Any:
    from xgboost import XGBRegressor

    model = XGBRegressor()
    model.load_model(path)
    return model


def _save_sklearn(model: Any, path: Path) -> None:
    import skops.io

    skops.io.dump(model, path)


def _load_sklearn(path: Path) -> Any:
    import skops.io

    # Only scikit-learn's own types are trusted; anything else is refused by skops.
    return skops.io.load(path, trusted=[])


def _save_cascade(model: Any, path: Path) -> None:
    model.save(path)


def _load_cascade(path: Path) -> Any:
    from uflux_kedro.models.cascade_forest import CascadeForestRegressor

    return CascadeForestRegressor.load(path)


_FORMATS = {
    "XGBRegressor": _Format("xgboost", "model.ubj", _save_xgb, _load_xgb),
    "RandomForestRegressor": _Format("scikit-learn", "model.skops", _save_sklearn, _load_sklearn),
    "CascadeForestRegressor": _Format("uflux_kedro", "model.npz", _save_cascade, _load_cascade),
}


def save_model(model: Any, folder: Path) -> None:
    """Write a fitted model, whole or not at all; the same model gives the same bytes.

    Raises:
        TypeError: If there is no format for this kind of model.
    """
    kind = type(model).__name__
    if kind not in _FORMATS:
        raise TypeError(f"No format for a {kind}: expected one of {', '.join(_FORMATS)}")
    form = _FORMATS[kind]
    with replacing(folder) as temporary:
        temporary.mkdir()
        form.save(model, temporary / form.payload)
        card = {
            "kind": kind,
            "library": form.library,
            "version": version(form.library),
            "sha256": sha256(temporary / form.payload),
        }
        (temporary / _CARD).write_text(json.dumps(card, indent=2, sort_keys=True) + "\n")


def load_model(folder: Path) -> Any:
    """Read a model that :func:`save_model` wrote.

    Raises:
        InputError: If it is incomplete, of an unknown kind, or not what was written.
    """
    folder = Path(folder)
    try:
        card = json.loads((folder / _CARD).read_text())
        form = _FORMATS[card["kind"]]
        found = sha256(folder / form.payload)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            folder,
            None,
            expected=f"a model of kind {', '.join(_FORMATS)} with its {_CARD}",
            found=f"{type(error).__name__}: {error}",
        ) from error
    if found != card["sha256"]:
        raise InputError(
            folder / form.payload,
            "sha256",
            expected=card["sha256"],
            found=found,
            hint="The file was changed or damaged after it was written; fit the model anew",
        )
    return form.load(folder / form.payload)
