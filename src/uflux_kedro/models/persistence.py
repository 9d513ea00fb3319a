"""Storage of fitted models in files that run no code when read.

A folder holds ``model.json`` (kind, parameters, versions, checksum) and one payload: UBJSON for
XGBoost, npz for the forests of this project, skops for scikit-learn's random forest, a zip of its
parts for a blend or a mean, and the trees of a hybrid, with its baseline in ``model.json``. The same
model gives the same bytes, whatever the number of threads.
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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uflux_kedro import __version__
from uflux_kedro.errors import InputError, UfluxError
from uflux_kedro.files import replacing
from uflux_kedro.installed import version_of
from uflux_kedro.models.trees.foreign_trees import check_scikit_learn, check_xgboost

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor
    from xgboost import XGBRegressor

    from uflux_kedro.models.binned_forest import BinnedForestRegressor
    from uflux_kedro.models.blend import BlendRegressor
    from uflux_kedro.models.cascade.forest import CascadeForestRegressor
    from uflux_kedro.models.hybrid import HybridRegressor
    from uflux_kedro.models.mean import MeanRegressor

logger = logging.getLogger(__name__)

RUN_SETTINGS = ("n_jobs", "verbose", "verbosity", "device")
"""Parameters that do not change the model, so they are not stored."""


def save_model(model: Any, folder: str | Path) -> str:
    """Write a fitted model, in place of an existing folder of that name.

    Args:
        model: Fitted model of a type in :data:`MODEL_TYPES`.
        folder: Folder to write.

    Returns:
        SHA-256 of the payload.

    Raises:
        InputError: If the model is of another type.
    """
    name = type(model).__name__
    if name not in MODEL_TYPES:
        expected = f"a model of type {', '.join(MODEL_TYPES)}"
        raise InputError(folder, None, expected=expected, found=name)
    kind = MODEL_TYPES[name]
    payload, attributes = kind.write(model)
    checksum = hashlib.sha256(payload).hexdigest()
    description = {
        "kind": name,
        "parameters": _json_parameters(model),
        "attributes": attributes,
        "payload": kind.payload,
        "sha256": checksum,
        "versions": _versions(*kind.libraries),
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
        InputError: If the folder holds no model, the model's kind is unknown, or the payload was
            changed after it was written.
    """
    folder = Path(folder)
    description = _read_json(folder / "model.json")
    name = description.get("kind", "")
    if name not in MODEL_TYPES:
        expected = f"one of {', '.join(MODEL_TYPES)}"
        raise InputError(folder / "model.json", "kind", expected=expected, found=repr(name))
    kind = MODEL_TYPES[name]
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
            hint="The file was changed or truncated after it was written; fit the model again",
        )
    _warn_of_versions(str(folder), description.get("versions", {}), kind.libraries)
    try:
        return kind.read(payload, description["parameters"], description["attributes"])
    except UfluxError:
        raise
    except Exception as error:  # a crafted file makes libraries fail in any way
        found = f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else error
        raise InputError(folder, None, expected=f"a {name}", found=str(found)) from error


def _versions(*libraries: str) -> dict[str, str]:
    """Return the versions of Python, of this package, of NumPy and of ``libraries``."""
    # The package's own version is no matter of installation: a model may carry a copy of the code.
    return {"python": platform.python_version(), "uflux_kedro": __version__} | {
        library: version_of(library) for library in ("numpy", *libraries)
    }


def _warn_of_versions(where: str, then: Mapping[str, str], libraries: tuple[str, ...]) -> None:
    """Log a warning if a library's version differs from the one that wrote the model."""
    now = _versions(*libraries)
    changed = [
        f"{library} {then[library]} (now {now[library]})"
        for library in ("uflux_kedro", *libraries)
        if library in then and then[library] != now[library]
    ]
    if changed:
        logger.warning(
            "%s was written with %s: predictions may differ; fit the model again if they matter",
            where,
            ", ".join(changed),
        )


def _read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        InputError: If the file is absent or holds no JSON object.
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
    """Return the parameters that JSON can hold; a generator in place of a seed is left out."""
    kept = {}
    for name, value in model.get_params(deep=False).items():
        if name in RUN_SETTINGS or (isinstance(value, float) and not np.isfinite(value)):
            continue
        try:
            kept[name] = json.loads(json.dumps(value, default=plain_number))
        except TypeError:
            continue
    return kept


def plain_number(value: Any) -> Any:
    """Turn a NumPy scalar into a Python number, as ``default`` of :func:`json.dumps`.

    Raises:
        TypeError: If ``value`` is anything else.
    """
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"found {type(value).__name__}")


# --- XGBoost ---------------------------------------------------------------------------------


def _write_xgboost(model: XGBRegressor) -> tuple[bytes, dict[str, Any]]:
    return bytes(model.get_booster().save_raw("ubj")), {}


def _read_xgboost(payload: bytes, parameters: dict[str, Any], _: dict[str, Any]) -> XGBRegressor:
    from xgboost import XGBRegressor
    from xgboost.core import XGBoostError

    check_xgboost(payload)
    model = XGBRegressor(**parameters)
    try:
        model.load_model(bytearray(payload))
    except XGBoostError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"a file that XGBoost cannot read: {reason}") from error
    # load_model sets parameters that were left to XGBoost's defaults.
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
    """Rewrite a skops archive so that its bytes depend only on its content.

    skops names parts by their memory addresses, dates its files, and writes the uninitialised
    bytes between the fields of a node. Here parts are numbered in the order of the schema.
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
                # Two equal numbers are two parts, even if they were one object in memory.
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
    """Return a zip archive whose bytes depend only on the parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name in sorted(parts):
            # Without a date a ZipInfo is dated 1980.
            target.writestr(zipfile.ZipInfo(name), parts[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _unzipped(archive: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as source:
            return {name: source.read(name) for name in source.namelist()}
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from error


def _without_padding(array: bytes) -> bytes:
    """Set the padding between the fields of an npy file of nodes to zero."""
    found = np.load(io.BytesIO(array), allow_pickle=False)
    if found.dtype.names is None:
        return array
    clean = np.zeros(found.shape, found.dtype)  # zeros_like would keep the padding
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
        # scikit-learn does not check the node numbers of a tree, so they are checked below.
        model = skops.io.loads(payload, trusted=[_TREE_TYPE])
    except (UntrustedTypesFoundException, zipfile.BadZipFile) as error:
        raise ValueError(str(error)) from error
    if type(model).__name__ != kind:
        raise ValueError(f"a {type(model).__name__}")
    for estimator in model.estimators_:
        check_scikit_learn(estimator.tree_, model.n_features_in_)
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
    return _zipped(parts), {
        "weights": model.weights_.tolist(),
        "intercept": model.kernel_.intercept,
        **_columns_of(model),
    }


def _read_blend(
    payload: bytes, parameters: dict[str, Any], attributes: dict[str, Any]
) -> BlendRegressor:
    from uflux_kedro.models.blend import BlendRegressor, KernelMachine

    parts = _unzipped(payload)
    with np.load(io.BytesIO(parts["kernel.npz"]), allow_pickle=False) as arrays:
        kernel = {name: arrays[name] for name in _KERNEL_ARRAYS}
    model = BlendRegressor(**parameters)
    model.boosted_ = _read_xgboost(parts["boosted.ubj"], {}, {})
    model.trees_ = _read_forest(parts["trees.skops"], "ExtraTreesRegressor")
    model.kernel_ = KernelMachine(**kernel, intercept=attributes["intercept"])
    model.weights_ = np.array(attributes["weights"], dtype=np.float64)
    _set_columns(model, attributes)
    columns = {model.boosted_.n_features_in_, model.trees_.n_features_in_, len(kernel["median"])}
    if columns != {model.n_features_in_} or model.weights_.shape != (3,):
        raise ValueError("parts of different numbers of columns, or without three weights")
    return model


# --- models made of others ---------------------------------------------------------------------


def _write_part(part: Any) -> tuple[bytes, dict[str, Any]]:
    """Return the payload of a model within another, and what is needed to read it."""
    name = type(part).__name__
    payload, attributes = MODEL_TYPES[name].write(part)
    return payload, {
        "kind": name,
        "parameters": _json_parameters(part),
        "attributes": attributes,
    }


def _read_part(payload: bytes, part: Mapping[str, Any]) -> Any:
    return MODEL_TYPES[part["kind"]].read(payload, part["parameters"], part["attributes"])


def _columns_of(model: Any) -> dict[str, Any]:
    """Return number and names of the columns that a model was fitted on."""
    names = getattr(model, "feature_names_in_", None)
    return {
        "n_features_in": model.n_features_in_,
        "feature_names_in": None if names is None else list(names),
    }


def _set_columns(model: Any, attributes: Mapping[str, Any]) -> None:
    model.n_features_in_ = attributes["n_features_in"]
    if attributes["feature_names_in"] is not None:
        model.feature_names_in_ = np.array(attributes["feature_names_in"], dtype=object)


# --- mean ------------------------------------------------------------------------------------


def _write_mean(model: MeanRegressor) -> tuple[bytes, dict[str, Any]]:
    written = [_write_part(part) for part in model.parts_]
    payloads = {str(number): payload for number, (payload, _) in enumerate(written)}
    return _zipped(payloads), {"parts": [part for _, part in written], **_columns_of(model)}


def _read_mean(
    payload: bytes, parameters: dict[str, Any], attributes: dict[str, Any]
) -> MeanRegressor:
    from uflux_kedro.models.mean import MeanRegressor

    payloads, parts = _unzipped(payload), attributes["parts"]
    model = MeanRegressor(**parameters)
    model.parts_ = [_read_part(payloads[str(i)], part) for i, part in enumerate(parts)]
    _set_columns(model, attributes)
    columns = {part.n_features_in_ for part in model.parts_}
    if columns != {model.n_features_in_} or len(parts) != len(model.models):
        raise ValueError("parts of different numbers of columns, or not as many as models")
    return model


# --- hybrid ----------------------------------------------------------------------------------


def _write_hybrid(model: HybridRegressor) -> tuple[bytes, dict[str, Any]]:
    from uflux_kedro.models.calibration import to_json

    payload, trees = _write_part(model.base_)
    return payload, {"baseline": to_json(model.baseline_), "trees": trees, **_columns_of(model)}


def _read_hybrid(
    payload: bytes, parameters: dict[str, Any], attributes: dict[str, Any]
) -> HybridRegressor:
    from uflux_kedro.models.calibration import from_json
    from uflux_kedro.models.hybrid import HybridRegressor

    model = HybridRegressor(**parameters)
    model.baseline_ = from_json(attributes["baseline"])
    model.base_ = _read_part(payload, attributes["trees"])
    _set_columns(model, attributes)
    names, flux = model.check_settings()
    if (model.baseline_.predictors, model.baseline_.flux) != (names, flux):
        raise ValueError("the baseline of another flux or of other columns")
    of_trees = len(names) + (model.form == "predictor")
    if (model.n_features_in_, model.base_.n_features_in_) != (len(names), of_trees):
        raise ValueError("a baseline and trees of different numbers of columns")
    return model


@dataclass(frozen=True)
class _Format:
    """File format of one type of model.

    Attributes:
        payload: Name of the file.
        libraries: Libraries of which another version may read another model.
        write: Turns a model into payload and attributes.
        read: Turns payload, parameters and attributes into a model.
    """

    payload: str
    libraries: tuple[str, ...]
    write: Callable[[Any], tuple[bytes, dict[str, Any]]]
    read: Callable[[bytes, dict[str, Any], dict[str, Any]], Any]


MODEL_TYPES: Mapping[str, _Format] = {
    "CascadeForestRegressor": _Format("model.npz", (), _write_own, _read_cascade),
    "BinnedForestRegressor": _Format("model.npz", (), _write_own, _read_binned),
    "XGBRegressor": _Format("model.ubj", ("xgboost",), _write_xgboost, _read_xgboost),
    "RandomForestRegressor": _Format(
        "model.skops", ("scikit-learn", "skops"), _write_random_forest, _read_random_forest
    ),
    "BlendRegressor": _Format(
        "model.zip", ("xgboost", "scikit-learn", "skops"), _write_blend, _read_blend
    ),
    "MeanRegressor": _Format(
        "model.zip", ("xgboost", "scikit-learn", "skops"), _write_mean, _read_mean
    ),
    "HybridRegressor": _Format(
        "model.trees", ("xgboost", "pyrealm", "xarray"), _write_hybrid, _read_hybrid
    ),
}
