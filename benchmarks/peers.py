"""Run the probe with this project or a peer, in the interpreter and with the packages it needs."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import Cost
from uflux_kedro.errors import UfluxError
from uflux_kedro.files import replacing
from uflux_kedro.models.deep_forest.environment import (
    check_interpreter,
    default_folder,
    find_interpreter,
    tail,
)

PROBE = Path(__file__).with_name("probe.py")

_PACKAGES_OF_SCIML = (
    "sciml==0.0.12",
    "pandas==1.5.3",
    "python-dateutil==2.9.0.post0",
    "pytz==2025.2",
    "six==1.17.0",
    "tqdm==4.67.1",
    "xgboost==1.7.6",
)


class PeerError(UfluxError, RuntimeError):
    """A peer failed in its interpreter."""


@dataclass(frozen=True)
class Task:
    """Fits and predictions on rows of one table.

    Attributes:
        X: (n, columns).
        y: (n,).
        train: Row numbers of each fit.
        new: (rows, columns), rows to predict after each fit.
        seeds: Seed of each fit.
        parameters: Parameters of the model.
    """

    X: np.ndarray
    y: np.ndarray
    train: Sequence[np.ndarray]
    new: Sequence[np.ndarray]
    seeds: Sequence[int]
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Done:
    """Costs of a fit and its prediction, and the prediction.

    Attributes:
        fit: Cost of the fit.
        predict: Cost of the prediction.
        memory: Peak memory of the fit above that of imports and data, MB.
        prediction: (rows,).
    """

    fit: Cost
    predict: Cost
    memory: float
    prediction: np.ndarray


def run_ours(task: Task) -> list[Done]:
    """Run our cascade forest in a fresh process."""
    return _run(sys.executable, "uflux_kedro.models", task)


def run_deep_forest(task: Task, *, keep: bool = False) -> list[Done]:
    """Run the package deep-forest in its interpreter.

    Args:
        task: Fits and predictions.
        keep: Whether to cache the result among the temporary files and reuse it next time, with
            the times of the first run.
    """
    python = find_interpreter()
    check_interpreter(python)
    return _run(python, "deepforest", task, keep=keep)


def run_reference_loop(task: Task) -> list[Done]:
    """Run ``sciml.pipelines.train_ml`` in deep-forest's interpreter."""
    python = find_interpreter()
    check_interpreter(python)
    return _run(python, "sciml", task, _packages(python))


def _packages(python: str) -> Path:
    """Return a folder with the packages that ``sciml`` imports; install them at first use."""
    folder = default_folder().parent / "sciml-0.0.12"
    if not folder.exists():
        print(f"Installing packages into {folder}, once: about a minute", file=sys.stderr)
        with replacing(folder) as temporary:
            pip = [python, "-I", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
            # numpy and scipy are installed already, in versions that deep-forest supports.
            options = ["--no-deps", "--only-binary=:all:", "--target", str(temporary)]
            _call([*pip, *options, *_PACKAGES_OF_SCIML])
    return folder


def _run(python: str, library: str, task: Task, *packages: Path, keep: bool = False) -> list[Done]:
    rows = {"X": task.X, "y": task.y}
    for k, (train, new) in enumerate(zip(task.train, task.new, strict=True)):
        rows |= {f"train_{k}": train, f"new_{k}": new}
    what = json.dumps(
        {"library": library, "seeds": list(task.seeds), "parameters": dict(task.parameters)}
    )
    if keep:
        digest = hashlib.sha256(f"{python} {what}".encode())
        for array in rows.values():
            digest.update(np.ascontiguousarray(array).data)
        kept = Path(tempfile.gettempdir()) / f"uflux_kedro-benchmarks/{digest.hexdigest()}"
        if not kept.exists():
            with replacing(kept) as temporary:
                temporary.mkdir()
                _probe(python, temporary, what, rows, packages)
        return _read(kept)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        _probe(python, Path(name), what, rows, packages)
        return _read(Path(name))


def _probe(
    python: str, folder: Path, what: str, rows: Mapping[str, np.ndarray], packages: Sequence[Path]
) -> None:
    (folder / "task.json").write_text(what)
    np.savez(folder / "rows.npz", allow_pickle=False, **rows)
    _call([python, "-I", str(PROBE), str(folder), *map(str, packages)])
    (folder / "rows.npz").unlink()


def _read(folder: Path) -> list[Done]:
    return [
        Done(
            Cost(*cost["fit"]),
            Cost(*cost["predict"]),
            cost["memory"],
            np.load(folder / f"prediction_{k}.npy"),
        )
        for k, cost in enumerate(json.loads((folder / "costs.json").read_text()))
    ]


def _call(command: Sequence[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise PeerError(f"{' '.join(command)} failed:\n{tail(done.stderr)}")
