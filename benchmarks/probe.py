"""Fit and predict in a process of its own, and record the time and memory.

A script for Python 3.7 and later, so that this project and peers with their own interpreter are
measured by the same code::

    python probe.py FOLDER [PACKAGES]

FOLDER holds ``task.json`` (``library``, ``parameters``, ``seeds``) and ``rows.npz`` (``X``, ``y``
and, for each seed k, row numbers ``train_k`` and the rows to predict ``new_k``); the script adds
``prediction_k.npy`` and ``costs.json``. PACKAGES is a folder with more packages.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Callable  # noqa: UP035 - Python 3.7


def cascade(module: str) -> Callable[..., Any]:
    """Return a function that fits ``CascadeForestRegressor`` of a module."""
    cls = import_module(module).CascadeForestRegressor

    def fit(X: Any, y: Any, seed: int, **parameters: Any) -> Any:
        model = cls(random_state=seed, verbose=0, **parameters)
        model.fit(X, y)
        return model

    return fit


def reference_loop(_: str) -> Callable[..., Any]:
    """Return a function that fits with ``sciml.pipelines.train_ml``, with its own seed and threads."""
    pandas = import_module("pandas")
    train_ml = import_module("sciml.pipelines").train_ml

    def fit(X: Any, y: Any, seed: int, **parameters: Any) -> Any:
        return train_ml(pandas.DataFrame(X), pandas.Series(y), **parameters)

    return fit


LIBRARIES = {
    "uflux_kedro.models": cascade,
    "deepforest": cascade,
    "sciml": reference_loop,
}


def memory(field: str) -> float:
    """Return the memory of this process, MB: ``VmRSS`` now, ``VmHWM`` the peak since the last mark."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no " + field)


def mark_memory() -> float:
    """Reset the peak memory; return the current memory, MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def main(folder: Path) -> None:
    """Run the task in a folder."""
    import numpy as np

    task = json.loads((folder / "task.json").read_text())
    fit = LIBRARIES[task["library"]](task["library"])
    costs = []
    with np.load(folder / "rows.npz") as rows:
        X, y = rows["X"], rows["y"]
        # Loading and compiling at first use do not count as part of a fit.
        fit(X[:200], y[:200], 0, **task["parameters"]).predict(X[:200])
        for k, seed in enumerate(task["seeds"]):
            train, new = rows[f"train_{k}"], rows[f"new_{k}"]
            X_train, y_train = X[train], y[train]
            before = mark_memory()
            wall, cpu = time.perf_counter(), time.process_time()
            model = fit(X_train, y_train, seed, **task["parameters"])
            fitted, fitted_cpu = time.perf_counter(), time.process_time()
            increase = memory("VmHWM") - before
            prediction = np.asarray(model.predict(new)).ravel()
            done, done_cpu = time.perf_counter(), time.process_time()
            np.save(str(folder / f"prediction_{k}.npy"), prediction)
            costs.append(
                {
                    "fit": [fitted - wall, fitted_cpu - cpu],
                    "predict": [done - fitted, done_cpu - fitted_cpu],
                    "memory": increase,
                }
            )
            del model
    (folder / "costs.json").write_text(json.dumps(costs))


if __name__ == "__main__":
    sys.path.extend(sys.argv[2:])
    main(Path(sys.argv[1]))
