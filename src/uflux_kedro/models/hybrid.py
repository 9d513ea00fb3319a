"""Hybrid of a process baseline and trees.

The baseline is calibrated on the rows of each fit, so in a validation on the train sites alone. It
continues beyond the towers' climate, where trees stay at their last leaf; the trees correct what the
few parameters cannot. Residual form as in Reichstein et al. (2019), doi 10.1038/s41586-019-0912-1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.models.calibration import CalibratedBaseline
from uflux_kedro.models.specs import SINGLE, make_from

Form = Literal["residual", "predictor"]
TREES = ("XGB", "DF21", "RF")
"""Models of trees that a hybrid can hold."""


class HybridRegressor(RegressorMixin, BaseEstimator):
    """Process baseline and a tree model.

    Args:
        base: The tree model: XGB, DF21 or RF.
        form: ``residual``: the trees predict what the baseline leaves, and both are added.
            ``predictor``: the baseline is one more column of the trees.
        base_parameters: Settings of the tree model, in place of the defaults of the registry.
        predictor_names: Names of the columns of X, from which the baseline finds its inputs.
        flux: GPP, RECO, NEE, LE or H.
        n_jobs: Threads; None is one, -1 all. They change no result.
        random_state: Seed.

    Attributes:
        baseline_: The calibrated baseline.
        base_: The fitted tree model.
        n_features_in_: Number of columns of X.
    """

    uses: ClassVar[tuple[str, ...]] = ("uflux_kedro.biophysics", "pyrealm", "scipy")
    """What predictions depend on besides the package of this class and the libraries of trees."""

    def __init__(
        self,
        base: str = "XGB",
        form: Form = "residual",
        base_parameters: Mapping[str, Any] | None = None,
        *,
        predictor_names: Sequence[str] | None = None,
        flux: str | None = None,
        n_jobs: int | None = None,
        random_state: int | None = None,
    ) -> None:
        self.base = base
        self.form = form
        self.base_parameters = base_parameters
        self.predictor_names = predictor_names
        self.flux = flux
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Calibrate the baseline, then fit the trees.

        Args:
            X: Shape (n, predictors).
            y: The flux, shape (n,).
            groups: Site of each row, shape (n,): each site then counts once in the calibration.

        Raises:
            ConfigurationError: If a parameter is unknown, or the predictors lack an input of the
                baseline.
        """
        names, flux = self.check_settings()
        rows, y = validate_data(self, X, y, y_numeric=True, dtype=np.float32)
        if len(names) != rows.shape[1]:
            raise ConfigurationError(
                f"HYBRID: expected a name for each of {rows.shape[1]} columns, found {len(names)}"
            )
        target = column_or_1d(y).astype(np.float64)
        self.baseline_ = CalibratedBaseline.fit(flux, names, rows, target, groups)
        found = self.baseline_.predict(rows)
        trees = make_from(
            SINGLE,
            self.base,
            self.base_parameters,
            random_state=self.random_state,
            n_jobs=self.n_jobs,
        )
        if self.form == "residual":
            self.base_ = trees.fit(rows, target - found)
        else:
            self.base_ = trees.fit(_with_column(rows, found), target)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict (n,) from (n, predictors)."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=np.float32)
        return combined(self.form, self.baseline_, self.base_.predict, rows)

    def check_settings(self) -> tuple[tuple[str, ...], str]:
        """Return the names of the columns and the flux.

        Raises:
            ConfigurationError: If the base or the form is unknown, or if names or flux are missing.
        """
        if self.base not in TREES:
            raise ConfigurationError(
                f"HYBRID: unknown base {self.base!r}, expected one of {', '.join(TREES)}"
            )
        if self.form not in get_args(Form):
            raise ConfigurationError(
                f"HYBRID: unknown form {self.form!r}, expected one of {', '.join(get_args(Form))}"
            )
        if self.predictor_names is None or self.flux is None:
            raise ConfigurationError("HYBRID: expected predictor_names and flux, found none")
        return tuple(self.predictor_names), self.flux


def combined(
    form: str, baseline: CalibratedBaseline, trees: Any, rows: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return baseline and trees together.

    Args:
        form: ``residual`` or ``predictor``.
        baseline: The calibrated baseline.
        trees: Function of the trees' columns.
        rows: Shape (n, predictors).
    """
    found = baseline.predict(rows)
    if form == "residual":
        return found + np.asarray(trees(rows), dtype=np.float64).ravel()
    return np.asarray(trees(_with_column(rows, found)), dtype=np.float64).ravel()


def _with_column(rows: NDArray[np.float32], column: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.column_stack([rows, column.astype(np.float32)])
