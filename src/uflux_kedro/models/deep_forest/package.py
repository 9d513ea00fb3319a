"""The package deep-forest 0.1.7 as an estimator, run in a Python interpreter of its own.

The published DF21 members were fitted with it, so it serves to compare with them and to repeat
them. :class:`~uflux_kedro.models.cascade.forest.CascadeForestRegressor` runs the same algorithm
in a fraction of the time.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from uflux_kedro.errors import ConfigurationError, UfluxError
from uflux_kedro.models.cascade.forest import CascadeForestRegressor
from uflux_kedro.models.cascade.parameters import CascadeParameters
from uflux_kedro.models.deep_forest.environment import (
    WORKER,
    check_interpreter,
    find_interpreter,
    tail,
)
from uflux_kedro.models.deep_forest.trees import cascade_arrays
from uflux_kedro.models.persistence import plain_number

_OURS = ("python",)
"""Parameters of this class that the package does not have."""

_NAN = "Input contains NaN"
_HINT = "\nThe package fails if every tree's bag contains a row: raise n_trees or pass more rows"


class DeepForestError(UfluxError, RuntimeError):
    """The package failed in its interpreter."""


@dataclass(eq=False, repr=False)
class DeepForestPackageRegressor(CascadeParameters):
    """``CascadeForestRegressor`` of the package deep-forest 0.1.7.

    Every call of ``fit`` and ``predict`` starts the interpreter (about 1.5 s) and passes arrays
    through files. The fitted model is a temporary folder of pickles that only that interpreter
    reads, and is removed with the estimator. A fitted estimator therefore cannot be pickled,
    copied or stored; :meth:`to_cascade` returns a model that can.

    With more than one thread the package sums predictions in the order in which threads finish,
    so results may differ in the last digits from run to run.

    Args:
        python: Interpreter that has deep-forest; None for that of the environment variable
            ``UFLUX_DEEPFOREST_PYTHON``, or else for one that is made on demand. Other parameters
            are those of :class:`~uflux_kedro.models.cascade.parameters.CascadeParameters`.

    Attributes:
        python_: Interpreter in which the model was fitted.
        versions_: Versions of Python and of the packages in it.
        n_layers_: Number of layers kept.
        scores_: Out-of-bag mean squared error of each layer kept.
        oob_prediction_: (rows,) or (rows, targets), out-of-bag prediction of the last layer.
        fit_seconds_: Duration of the fit, without the start of the interpreter.
        n_features_in_: Number of columns.
    """

    python: str | None = None

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit in the other interpreter.

        Args:
            X: (rows, columns), finite.
            y: (rows,) or (rows, targets), finite.
            sample_weight: (rows,), not negative.

        Raises:
            ConfigurationError: If there is no interpreter that can run the package.
            DeepForestError: If the package fails; quotes the end of its error output.
            ValueError: If X or y holds NaN or infinity, or their shapes do not match.
        """
        checked = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        X, y = np.asarray(checked[0]), np.asarray(checked[1], dtype=np.float64)
        parameters = self._parameters()
        self.python_ = find_interpreter(self.python)
        self.versions_ = check_interpreter(
            self.python_, self.predictor if self.use_predictor else None
        )
        temporary = TemporaryDirectory(prefix="deep-forest-")
        folder = Path(temporary.name)
        (folder / "parameters.json").write_text(parameters)
        arrays = {"X": X, "y": y}
        if sample_weight is not None:
            arrays["sample_weight"] = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
        self._run("fit", temporary)
        self._folder = temporary
        for name in arrays:
            (folder / f"{name}.npy").unlink()

        about = json.loads((folder / "fit.json").read_text())
        self.scores_: list[float] = about["scores"]
        self.n_layers_ = len(self.scores_)
        self.fit_seconds_: float = about["seconds"]
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        self.oob_prediction_ = self._shaped(np.load(folder / "out_of_bag.npy"))
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict in the other interpreter.

        Args:
            X: (n, columns), finite.

        Returns:
            (n,), or (n, targets) for several targets, float64.

        Raises:
            DeepForestError: If the package fails.
        """
        check_is_fitted(self, "n_layers_")
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        with TemporaryDirectory(prefix="deep-forest-rows-") as name:
            given, prediction = Path(name) / "X.npy", Path(name) / "prediction.npy"
            np.save(given, rows)
            self._run("predict", self._folder, given, prediction)
            return self._shaped(np.load(prediction))

    def to_cascade(self) -> CascadeForestRegressor:
        """Convert thresholds and trees to a model of this project, which can be stored.

        It predicts the same, with leaves rounded to float32. Its importances are 0, since the
        package does not store the error reduction of each split.

        Raises:
            ConfigurationError: If the model has a head.
        """
        check_is_fitted(self, "n_layers_")
        if self.use_predictor:
            raise ConfigurationError(
                "A model of deep-forest with a head (use_predictor) cannot be converted; fit "
                "CascadeForestRegressor with use_predictor instead"
            )
        with TemporaryDirectory(prefix="deep-forest-trees-") as name:
            path = Path(name) / "trees.npz"
            self._run("export", self._folder, path)
            with np.load(path) as exported:
                arrays = cascade_arrays(
                    exported,
                    layers=self.n_layers_,
                    forests=2 * self.n_estimators,
                    columns=self.n_features_in_,
                    targets=self.n_outputs_,
                )
        parameters = self.get_params(deep=False)
        for ours in _OURS:
            del parameters[ours]
        attributes = {
            "n_features_in_": self.n_features_in_,
            "n_outputs_": self.n_outputs_,
            "n_layers_": self.n_layers_,
            "scores_": self.scores_,
        }
        if hasattr(self, "feature_names_in_"):
            attributes["feature_names_in_"] = self.feature_names_in_
        return CascadeForestRegressor(**parameters).from_arrays(
            {**arrays, "oob_prediction": self.oob_prediction_}, attributes
        )

    def __getstate__(self) -> dict[str, Any]:
        if hasattr(self, "_folder"):
            raise TypeError(
                "A fitted DeepForestPackageRegressor cannot be pickled, copied or stored: its "
                "model is a folder of pickles for another interpreter. Store to_cascade() instead"
            )
        return super().__getstate__()

    def _parameters(self) -> str:
        """Return the package's parameters as JSON.

        Raises:
            ConfigurationError: If JSON cannot hold a parameter.
        """
        parameters = self.get_params(deep=False)
        for ours in _OURS:
            del parameters[ours]
        # The package changes the default, a dict, in place.
        parameters["predictor_kwargs"] = dict(self.predictor_kwargs or {})
        if isinstance(self.random_state, np.random.RandomState):
            random = check_random_state(self.random_state)
            parameters["random_state"] = random.randint(np.iinfo(np.int32).max)
        try:
            return json.dumps(parameters, default=plain_number)
        except TypeError as error:
            raise ConfigurationError(
                "DeepForestPackageRegressor: expected parameters of numbers, text and lists, which "
                f"can be sent to another interpreter; {error}"
            ) from error

    def _run(self, command: str, temporary: TemporaryDirectory, *files: Path) -> None:
        """Run a command of the worker on the model in a folder.

        Raises:
            DeepForestError: If the command fails.
        """
        folder = temporary.name
        done = subprocess.run(
            [self.python_, "-I", str(WORKER), command, folder, *map(str, files)],
            check=False,
            # With partial_mode the package writes forests to the folder in which it runs.
            cwd=folder,
            stdout=None if self.verbose else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        if done.returncode:
            ended = (
                f"was killed by signal {-done.returncode} (9: out of memory?)"
                if done.returncode < 0
                else "failed"
            )
            raise DeepForestError(
                f"deep-forest {self.versions_['deep-forest']} {ended} in {command}, run by "
                f"{self.python_}:\n{tail(done.stderr)}{_HINT if _NAN in done.stderr else ''}"
            )

    def _shaped(self, y: np.ndarray) -> np.ndarray:
        return y.reshape(-1) if self.n_outputs_ == 1 else y
