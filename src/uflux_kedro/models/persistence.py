"""Fitted models as files, none of which runs code when read.

A folder holds ``model.json`` (kind, parameters, versions, checksum) and one payload: UBJSON for
XGBoost, npz for the cascade forest, skops for the random forest, a zip of these for the blend of
several. The same model gives the same bytes, and the number of threads is no part of it.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import logging
import platform
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uflux_kedro.errors import InputError
from uflux_kedro.files import replacing

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor
    from xgboost import XGBRegressor

    from uflux_kedro.models.binned_forest import BinnedForestRegressor
    from uflux_kedro.models.blend import BlendRegressor
    from uflux_kedro.models.cascade.forest import CascadeForestRegressor

logger = logging.getLogger(__name__)

_HOW_IT_RAN = ("n_jobs", "verbose", "verbosity", "device")
"""Parameters that do not change the model."""


def save_model(model: Any, folder: str | Path) -> str:
    """Write a fitted model; an older folder of that name is replaced whole.

    Args:
        model: CascadeForestRegressor, XGBRegressor or RandomForestRegressor.
        folder: Where to.

    Returns:
        SHA-256 of the payload.

    Raises:
        InputError: If the model is of another type.
    """
    name = type(model).__name__
    if name not in _KINDS:
        raise InputError(folder, None, expected=f"a model of type {', '.join(_KINDS)}", found=name)
    kind = _KINDS[name]
    payload, attributes = kind.write(model)
    checksum = hashlib.sha256(payload).hexdigest()
    description = {
        "kind": name,
        "parameters": _json_parameters(model),
        "attributes": attributes,
        "payload": kind.payload,
        "sha256": checksum,
        "versions": versions(*kind.libraries),
    }
    with replacing(folder) as temporary:
        temporary.mkdir()
        (temporary / kind.payload).write_bytes(payload)
        (temporary / "model.json").write_text(
            json.dumps(description, indent=2, sort_keys=True, allow_nan=False) + "\n"
        )
    return checksum


def load_model(folder: str | Path) -> Any:
    """Read a model that :func:`save_model` wrote.

    Raises:
        InputError: If the folder is not one, its kind is unknown, or the payload is not the one
            that was written.
    """
    folder = Path(folder)
    description = _read_json(folder / "model.json")
    name = description.get("kind")
    if name not in _KINDS:
        raise InputError(
            folder / "model.json", "kind", expected=f"one of {', '.join(_KINDS)}", found=repr(name)
        )
    kind = _KINDS[name]
    path = folder / kind.payload
    if not path.is_file():
        raise InputError(path, None, expected="the model's payload", found="no such file")
    payload = path.read_bytes()
    checksum = hashlib.sha256(payload).hexdigest()
    if checksum != description.get("sha256"):
        raise InputError(
            path,
            None,
            expected=f"SHA-256 {description.get('sha256')}",
            found=checksum,
            hint="The file was changed or cut short after it was written; do not trust it",
        )
    warn_of_versions(str(folder), description.get("versions", {}), kind.libraries)
    try:
        return kind.read(payload, description["parameters"], description["attributes"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(folder, None, expected=f"a {name}", found=str(error)) from error


def versions(*libraries: str) -> dict[str, str]:
    """Versions of Python, of this package and of ``libraries``."""
    return {"python": platform.python_version()} | {
        library: version(library) for library in ("uflux_kedro", "numpy", *libraries)
    }


def warn_of_versions(where: str, then: Mapping[str, str], libraries: tuple[str, ...]) -> None:
    """Log a warning if a library that reads the model is of another version than its writer."""
    now = versions(*libraries)
    other = [
        f"{library} {then[library]} (now {now[library]})"
        for library in ("uflux_kedro", *libraries)
        if library in then and then[library] != now[library]
    ]
    if other:
        logger.warning(
            "%s was written with %s: predictions may differ; train it again if they matter",
            where,
            ", ".join(other),
        )


def _read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        InputError: If the file is absent or holds something else.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise InputError(path, None, expected="a saved model", found="no such file") from error
    except ValueError as error:
        raise InputError(path, None, expected="JSON", found=str(error)) from error
    if not isinstance(content, dict):
        raise InputError(path, None, expected="a JSON object", found=type(content).__name__)
    return content


def _json_parameters(model: Any) -> dict[str, Any]:
    """Parameters that JSON can hold; a generator in place of a seed is left out."""
    kept = {}
    for name, value in model.get_params(deep=False).items():
        if name in _HOW_IT_RAN or (isinstance(value, float) and not np.isfinite(value)):
            continue
        try:
            kept[name] = json.loads(json.dumps(value, default=_plain_number))
        except TypeError:
            continue
    return kept


def _plain_number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError


# --- XGBoost ---------------------------------------------------------------------------------


def _write_xgboost(model: XGBRegressor) -> tuple[bytes, dict[str, Any]]:
    return bytes(model.get_booster().save_raw("ubj")), {}


def _read_xgboost(payload: bytes, parameters: dict[str, Any], _: dict[str, Any]) -> XGBRegressor:
    from xgboost import XGBRegressor
    from xgboost.core import XGBoostError

    model = XGBRegressor(**parameters)
    try:
        model.load_model(bytearray(payload))
    except XGBoostError as error:
        raise ValueError(f"XGBoost cannot read it: {str(error).splitlines()[0]}") from error
    # Reading fills in what was left to the library.
    for name, value in parameters.items():
        setattr(model, name, value)
    return model


# --- random forest ---------------------------------------------------------------------------

_TREE_TYPE = "sklearn.tree._tree.Tree"


def _write_random_forest(model: RandomForestRegressor) -> tuple[bytes, dict[str, Any]]:
    import skops.io

    plain = copy.copy(model)
    plain.n_jobs = None
    plain.verbose = 0
    return _without_addresses(skops.io.dumps(plain)), {}


def _without_addresses(archive: bytes) -> bytes:
    """A skops archive whose bytes depend on its content alone.

    skops names parts by their addresses in memory, dates its files and writes what stands between
    the fields of a node; here parts are numbered in the order in which the schema names them.
    """
    numbers: dict[str, str] = {}

    def number(address: str) -> str:
        return numbers.setdefault(address, str(len(numbers)))

    def renamed(node: Any) -> Any:
        if isinstance(node, list):
            return [renamed(part) for part in node]
        if not isinstance(node, dict):
            return node
        new: dict[str, Any] = {}
        for key, value in node.items():
            if key == "__id__" and node.get("is_json"):
                # Whether two equal numbers were one object is no part of the model.
                new[key] = int(number(f"{value}, written as part {len(numbers)}"))
            elif key == "__id__":
                new[key] = int(number(str(value)))
            elif key == "file":
                new[key] = renamed_file(value)
            else:
                new[key] = renamed(value)
        return new

    def renamed_file(name: str) -> str:
        address, dot, ending = name.partition(".")
        return number(address) + dot + ending

    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        schema = renamed(json.loads(source.read("schema.json")))
        parts = {
            renamed_file(name): _without_padding(source.read(name))
            for name in source.namelist()
            if name != "schema.json"
        }
    parts["schema.json"] = json.dumps(schema).encode()
    return _zipped(parts)


def _zipped(parts: Mapping[str, bytes]) -> bytes:
    """A zip archive whose bytes depend on the parts alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name in sorted(parts):
            # A ZipInfo made from a name alone is dated 1980.
            target.writestr(zipfile.ZipInfo(name), parts[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _without_padding(array: bytes) -> bytes:
    """An npy file of nodes without what happened to stand between their fields."""
    found = np.load(io.BytesIO(array), allow_pickle=False)
    if found.dtype.names is None:
        return array
    clean = np.zeros(found.shape, found.dtype)  # zeros_like would leave the gaps as they are
    for field in found.dtype.names:
        clean[field] = found[field]
    buffer = io.BytesIO()
    np.save(buffer, clean, allow_pickle=False)
    return buffer.getvalue()


def _read_random_forest(
    payload: bytes, parameters: dict[str, Any], _: dict[str, Any]
) -> RandomForestRegressor:
    return _read_forest(payload, "RandomForestRegressor")


def _read_forest(payload: bytes, kind: str) -> Any:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        # Its node numbers are used unchecked by scikit-learn, so they are checked here.
        model = skops.io.loads(payload, trusted=[_TREE_TYPE])
    except (UntrustedTypesFoundException, zipfile.BadZipFile) as error:
        raise ValueError(str(error)) from error
    if type(model).__name__ != kind:
        raise ValueError(f"a {type(model).__name__}")
    for estimator in model.estimators_:
        tree = estimator.tree_
        left, right = tree.children_left, tree.children_right
        place = np.arange(tree.node_count)
        inner = left >= 0
        if not (
            np.array_equal(inner, right >= 0)
            and np.all(np.maximum(left, right)[inner] < tree.node_count)
            and np.all(np.minimum(left, right)[inner] > place[inner])
            and np.all((tree.feature[inner] >= 0) & (tree.feature[inner] < model.n_features_in_))
        ):
            raise ValueError("a tree whose nodes lead nowhere")
    return model


# --- forests of this project -----------------------------------------------------------------


def _write_own(
    model: CascadeForestRegressor | BinnedForestRegressor,
) -> tuple[bytes, dict[str, Any]]:
    arrays, attributes = model.to_arrays()
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue(), attributes


def _read_cascade(
    payload: bytes, parameters: dict[str, Any], attributes: dict[str, Any]
) -> CascadeForestRegressor:
    from uflux_kedro.models.cascade.forest import CascadeForestRegressor

    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        return CascadeForestRegressor(**parameters).from_arrays(arrays, attributes)


def _read_binned(
    payload: bytes, parameters: dict[str, Any], attributes: dict[str, Any]
) -> BinnedForestRegressor:
    from uflux_kedro.models.binned_forest import BinnedForestRegressor

    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        return BinnedForestRegressor(**parameters).from_arrays(arrays, attributes)


# --- blend -----------------------------------------------------------------------------------

_KERNEL_ARRAYS = ("median", "mean", "scale", "landmarks", "coefficients")


def _write_blend(model: BlendRegressor) -> tuple[bytes, dict[str, Any]]:
    kernel = io.BytesIO()
    arrays = {name: getattr(model.kernel_, name) for name in _KERNEL_ARRAYS}
    np.savez(kernel, allow_pickle=False, **arrays)
    parts = {
        "boosted.ubj": _write_xgboost(model.boosted_)[0],
        "trees.skops": _write_random_forest(model.trees_)[0],
        "kernel.npz": kernel.getvalue(),
    }
    names = getattr(model, "feature_names_in_", None)
    return _zipped(parts), {
        "weights": model.weights_.tolist(),
        "intercept": model.kernel_.intercept,
        "n_features_in": model.n_features_in_,
        "feature_names_in": None if names is None else list(names),
    }


def _read_blend(
    payload: bytes, parameters: dict[str, Any], attributes: dict[str, Any]
) -> BlendRegressor:
    from uflux_kedro.models.blend import BlendRegressor, KernelMachine

    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from error
    with np.load(io.BytesIO(parts["kernel.npz"]), allow_pickle=False) as arrays:
        kernel = {name: arrays[name] for name in _KERNEL_ARRAYS}
    model = BlendRegressor(**parameters)
    model.boosted_ = _read_xgboost(parts["boosted.ubj"], {}, {})
    model.trees_ = _read_forest(parts["trees.skops"], "ExtraTreesRegressor")
    model.kernel_ = KernelMachine(**kernel, intercept=attributes["intercept"])
    model.weights_ = np.array(attributes["weights"], dtype=np.float64)
    model.n_features_in_ = attributes["n_features_in"]
    if attributes["feature_names_in"] is not None:
        model.feature_names_in_ = np.array(attributes["feature_names_in"], dtype=object)
    columns = {model.boosted_.n_features_in_, model.trees_.n_features_in_, len(kernel["median"])}
    if columns != {model.n_features_in_} or model.weights_.shape != (3,):
        raise ValueError("parts that do not belong together")
    return model


@dataclass(frozen=True)
class _Kind:
    """How one type of model is stored.

    Attributes:
        payload: Name of its file.
        libraries: Libraries whose version matters.
        write: Model to payload and attributes.
        read: Payload, parameters and attributes to model.
    """

    payload: str
    libraries: tuple[str, ...]
    write: Callable[[Any], tuple[bytes, dict[str, Any]]]
    read: Callable[[bytes, dict[str, Any], dict[str, Any]], Any]


_KINDS = {
    "CascadeForestRegressor": _Kind("model.npz", (), _write_own, _read_cascade),
    "BinnedForestRegressor": _Kind("model.npz", (), _write_own, _read_binned),
    "XGBRegressor": _Kind("model.ubj", ("xgboost",), _write_xgboost, _read_xgboost),
    "RandomForestRegressor": _Kind(
        "model.skops", ("scikit-learn", "skops"), _write_random_forest, _read_random_forest
    ),
    "BlendRegressor": _Kind(
        "model.zip", ("xgboost", "scikit-learn", "skops"), _write_blend, _read_blend
    ),
}
