"""Script that runs the package deep-forest, in an interpreter of Python 3.7 to 3.9.

It imports nothing of this project, and other packages than the standard library only in the
commands that use them. ``uflux_kedro.models.deep_forest.package`` calls it::

    python -I worker.py versions
    python -I worker.py fit FOLDER
    python -I worker.py predict FOLDER X.npy PREDICTION.npy
    python -I worker.py export FOLDER TREES.npz

FOLDER contains ``parameters.json``, ``X.npy``, ``y.npy`` and optionally ``sample_weight.npy``;
``fit`` adds ``model``, ``fit.json`` and ``out_of_bag.npy``.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGES = ("deep-forest", "numpy", "scikit-learn", "xgboost", "lightgbm")


def versions() -> None:
    """Print the versions of Python and of the packages, null for absent ones, as JSON."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        found[name] = _version(name)
    sys.stdout.write(json.dumps(found))


def _version(name: str) -> str | None:
    try:
        from importlib import metadata
    except ImportError:  # Python 3.7
        import pkg_resources

        try:
            return pkg_resources.get_distribution(name).version
        except pkg_resources.DistributionNotFound:
            return None
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def fit(folder: Path) -> None:
    """Fit a model; save it, its scores and its out-of-bag predictions."""
    import numpy as np
    from deepforest import CascadeForestRegressor

    model = CascadeForestRegressor(**json.loads((folder / "parameters.json").read_text()))
    X, y = np.load(folder / "X.npy"), np.load(folder / "y.npy")
    weight = folder / "sample_weight.npy"
    weights = np.load(weight) if weight.exists() else None
    begin = time.perf_counter()
    model.fit(X, y, sample_weight=weights)
    seconds = time.perf_counter() - begin
    layers = [model.layers_[f"layer_{number}"] for number in range(model.n_layers_)]
    np.save(folder / "out_of_bag.npy", layers[-1].oob_decision_function_)
    about = {
        "scores": [float(layer.val_performance_) for layer in layers],
        "seconds": seconds,
    }
    (folder / "fit.json").write_text(json.dumps(about))
    model.save(str(folder / "model"))


def predict(folder: Path, rows: Path, prediction: Path) -> None:
    """Predict the rows of one file and write the predictions to another."""
    import numpy as np

    np.save(prediction, _load(folder).predict(np.load(rows)))


def export(folder: Path, trees: Path) -> None:
    """Write thresholds and trees, without the head, as plain arrays.

    ``binner<l>.<c>`` holds the thresholds of column c of the input of layer l.
    ``forest<l>.<f>.<array>`` holds the concatenated trees of forest f of layer l: ``features`` and
    ``thresholds`` of the inner nodes, their ``children`` (an inner node of the tree if above 0,
    else minus the number of a leaf), ``values`` of the leaves, and ``inner``, the number of inner
    nodes of each tree.
    """
    import numpy as np

    model = _load(folder)
    arrays = {}
    for number in range(model.n_layers_):
        binner = model.binners_[f"binner_{number}"]
        for column, thresholds in enumerate(binner.bin_thresholds_):
            arrays[f"binner{number}.{column}"] = thresholds
        # Random forests, then extra-trees, in the order of the next layer's columns.
        estimators = model.layers_[f"layer_{number}"].estimators_.values()
        for place, stored in enumerate(estimators):
            estimator = model.buffer_.load_estimator(stored) if model.partial_mode else stored
            forest = estimator.estimator_
            name = f"forest{number}.{place}."
            arrays[name + "features"] = np.concatenate(forest.features)
            arrays[name + "thresholds"] = np.concatenate(forest.thresholds)
            arrays[name + "children"] = np.concatenate(forest.childrens)
            arrays[name + "values"] = np.concatenate(forest.values)
            arrays[name + "inner"] = np.array([len(tree) for tree in forest.features])
    np.savez(trees, **arrays)


def _load(folder: Path) -> Any:
    from deepforest import CascadeForestRegressor

    model = CascadeForestRegressor()
    model.load(str(folder / "model"))
    return model


COMMANDS: dict[str, Callable[..., None]] = {
    "versions": versions,
    "fit": fit,
    "predict": predict,
    "export": export,
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*map(Path, sys.argv[2:]))
