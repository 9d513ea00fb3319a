"""A blend of three models that err in different ways: boosted trees, extra-trees and a kernel.

On unseen towers their mean is better than the best of them: boosting fits the rows closely,
averaged random trees fit them less, and a smooth kernel continues where trees end in steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GroupKFold
from sklearn.utils.validation import (
    check_is_fitted,
    check_random_state,
    column_or_1d,
    validate_data,
)
from threadpoolctl import threadpool_limits

from uflux_kedro.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from xgboost import XGBRegressor

    from uflux_kedro.models.trees.packed_trees import PackedForest

Weights = Literal["equal", "stacked"]

_BLOCK = 8192
"""Rows of a kernel matrix; independent of the number of threads, so that rounding is too."""


@dataclass(frozen=True)
class KernelMachine:
    """Ridge regression on a radial kernel with landmarks (Nystroem), as a sum over the landmarks.

    Columns are standardised and clipped at three standard deviations, so that predictions are
    constant beyond the values at the towers. A missing value counts as the column's median.

    Attributes:
        median: Medians of the known values, shape (columns,).
        mean: Means, shape (columns,).
        scale: Standard deviations, shape (columns,).
        landmarks: Standardised rows, shape (landmarks, columns).
        coefficients: Weight of each landmark's kernel, shape (landmarks,).
        intercept: Constant.
    """

    median: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercept: float

    gamma = 0.005
    ridge = 0.3
    cut = 3.0

    @classmethod
    def fit(cls, X: NDArray, y: NDArray, n_landmarks: int, seed: int) -> KernelMachine:
        """Fit on (n, columns), NaN where missing, with ``n_landmarks`` of the rows."""
        known = np.isfinite(X)
        median = np.array(
            [np.median(c[k]) if k.any() else 0.0 for c, k in zip(X.T, known.T, strict=True)]
        )
        filled = np.where(known, X, median).astype(np.float64)
        mean, scale = filled.mean(axis=0), filled.std(axis=0)
        scale[scale == 0] = 1.0
        rows = np.clip((filled - mean) / scale, -cls.cut, cls.cut)
        # The rounding of linear algebra depends on the number of threads.
        with threadpool_limits(limits=1, user_api="blas"):
            features = Nystroem(
                gamma=cls.gamma, n_components=min(n_landmarks, len(rows)), random_state=seed
            ).fit(rows)
            line = Ridge(alpha=cls.ridge).fit(features.transform(rows), y)
        # A linear function of the features is a weighted sum of the landmarks' kernels.
        coefficients = features.normalization_.T @ line.coef_
        return cls(median, mean, scale, features.components_, coefficients, float(line.intercept_))

    def predict(self, X: NDArray, n_jobs: int | None = None) -> NDArray[np.float64]:
        """Predict (n,) from (n, columns) on ``n_jobs`` threads; None is one, -1 all."""
        result = np.empty(len(X))

        def predict_block(block: slice) -> None:
            rows = X[block].astype(np.float64)
            rows = np.where(np.isnan(rows), self.median, rows)
            rows = np.clip((rows - self.mean) / self.scale, -self.cut, self.cut)
            kernel = rbf_kernel(rows, self.landmarks, gamma=self.gamma)
            result[block] = kernel @ self.coefficients + self.intercept

        Parallel(n_jobs=n_jobs or 1, backend="threading")(
            delayed(predict_block)(slice(first, first + _BLOCK))
            for first in range(0, len(X), _BLOCK)
        )
        return result


@dataclass(frozen=True)
class PackedBlend:
    """Exact predictor of a fitted blend, with packed trees.

    Attributes:
        boosted: Packed boosted trees.
        trees: Packed extra-trees.
        kernel: The kernel machine.
        weights: Weight of each, shape (3,).
    """

    boosted: PackedForest
    trees: PackedForest
    kernel: KernelMachine
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, model: BlendRegressor) -> PackedBlend:
        """Pack a fitted blend."""
        from uflux_kedro.models.trees.library_trees import pack_random_forest, pack_xgboost

        return cls(
            pack_xgboost(model.boosted_),
            pack_random_forest(model.trees_),
            model.kernel_,
            model.weights_,
        )

    def predict(self, X: NDArray, n_jobs: int | None = None) -> NDArray[np.float64]:
        """Predict (n,) from (n, columns) on ``n_jobs`` threads; None is one, -1 all."""
        X = np.asarray(X)
        parts = [part.predict(X, n_jobs) for part in (self.boosted, self.trees, self.kernel)]
        return self.weights @ np.stack(parts)


class BlendRegressor(RegressorMixin, BaseEstimator):
    """Mean of boosted trees (XGBoost), extra-trees and a kernel machine.

    Args:
        weights: ``equal``; or ``stacked``: non-negative weights of sum 1, fitted to the
            predictions of each model for groups that it did not see. Stacking costs ``n_splits``
            more fits.
        boosting_rounds: Boosted trees.
        n_trees: Extra-trees.
        n_landmarks: Landmarks of the kernel.
        n_splits: Folds of whole groups on which the weights are fitted.
        n_jobs: Threads; None is one, -1 all. They change no result.
        random_state: Seed.

    Attributes:
        boosted_: Fitted XGBRegressor.
        trees_: Fitted ExtraTreesRegressor.
        kernel_: Fitted :class:`KernelMachine`.
        weights_: Weight of each in this order, shape (3,).
        n_features_in_: Number of columns of X.
    """

    boosted_: XGBRegressor
    trees_: ExtraTreesRegressor
    kernel_: KernelMachine
    weights_: NDArray[np.float64]

    def __init__(
        self,
        weights: Weights = "equal",
        *,
        boosting_rounds: int = 200,
        n_trees: int = 100,
        n_landmarks: int = 400,
        n_splits: int = 5,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.weights = weights
        self.boosting_rounds = boosting_rounds
        self.n_trees = n_trees
        self.n_landmarks = n_landmarks
        self.n_splits = n_splits
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> BlendRegressor:
        """Fit all three models, and the weights if they are stacked.

        Args:
            X: Shape (n, columns); NaN is missing.
            y: Shape (n,).
            groups: Group of each row, such as its site, shape (n,); used by stacked weights only.

        Returns:
            This estimator.

        Raises:
            ConfigurationError: If ``weights`` is unknown.
            InputError: If weights are stacked with fewer than two groups.
        """
        if self.weights not in get_args(Weights):
            raise ConfigurationError(
                f"Unknown weights {self.weights!r}: expected one of {', '.join(get_args(Weights))}"
            )
        rows, y = validate_data(
            self, X, y, y_numeric=True, ensure_all_finite="allow-nan", ensure_min_samples=2
        )
        flux = column_or_1d(y, warn=True).astype(np.float64)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.weights_ = (
            np.full(3, 1 / 3) if self.weights == "equal" else self._stack(rows, flux, groups, seed)
        )
        self.boosted_, self.trees_, self.kernel_ = self._fit_parts(rows, flux, seed)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict (n,) from (n, columns)."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, ensure_all_finite="allow-nan")
        return self.weights_ @ _predict_parts((self.boosted_, self.trees_, self.kernel_), rows)

    def _fit_parts(
        self, X: NDArray, y: NDArray, seed: int
    ) -> tuple[XGBRegressor, ExtraTreesRegressor, KernelMachine]:
        from xgboost import XGBRegressor

        boosted = XGBRegressor(
            tree_method="hist",
            n_estimators=self.boosting_rounds,
            max_depth=4,
            min_child_weight=20,
            learning_rate=0.05,
            subsample=0.8,
            colsample_bynode=0.3,
            n_jobs=self.n_jobs or 1,
            random_state=seed,
        )
        trees = ExtraTreesRegressor(
            self.n_trees,
            min_samples_leaf=5,
            max_features=0.35,
            n_jobs=self.n_jobs,
            random_state=seed,
        )
        boosted.fit(X, y)
        trees.fit(X, y)
        # On several threads scikit-learn sums trees in the order in which threads finish.
        trees.set_params(n_jobs=1)
        return boosted, trees, KernelMachine.fit(X, y, self.n_landmarks, seed)

    def _stack(
        self, X: NDArray, y: NDArray, groups: ArrayLike | None, seed: int
    ) -> NDArray[np.float64]:
        found = 0 if groups is None else len(np.unique(np.asarray(groups)))
        if found < 2:
            raise InputError(
                "BLEND",
                "groups",
                expected="a group for each row, at least two groups, for stacked weights",
                found="none" if groups is None else f"{found}",
                hint="Pass the sites to fit, or set weights: equal",
            )
        folds = GroupKFold(min(self.n_splits, found), shuffle=True, random_state=seed)
        unseen = np.empty((3, len(y)))
        for train, test in folds.split(X, y, groups):
            unseen[:, test] = _predict_parts(self._fit_parts(X[train], y[train], seed), X[test])
        weights, _ = nnls(unseen.T, y)
        total = weights.sum()
        return weights / total if total > 0 else np.full(3, 1 / 3)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _predict_parts(parts: tuple[Any, ...], X: NDArray) -> NDArray[np.float64]:
    """Return the predictions of each part, shape (parts, n)."""
    return np.stack([np.asarray(part.predict(X), dtype=np.float64) for part in parts])
