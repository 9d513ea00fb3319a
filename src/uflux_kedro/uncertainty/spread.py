"""The learnt spread: how large the error of a prediction is likely to be at a place and time.

Small boosted trees learn the square root of the absolute error from the predictors, the prediction,
the spread among members and the place in the sampling space. The square root tames the tail of the
errors, so that a few bad months do not rule the trees. Every tower has the same weight, so that
long records do not rule either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uflux_kedro.uncertainty.intervals import tower_weights
from uflux_kedro.uncertainty.parameters import IntervalParameters

_FLOOR = 0.1
"""Least spread, as a share of the mean absolute error."""


@dataclass(frozen=True)
class Spread:
    """A fitted spread.

    Attributes:
        model: Fitted trees of the square root of the absolute error; None for a constant.
        floor: Least spread, in the unit of the flux; the spread itself for a constant.
    """

    model: Any
    floor: float

    def packed(self) -> Spread:
        """Return the same spread with packed trees, which predict many rows fast."""
        from uflux_kedro.models.packing import pack

        return self if self.model is None else replace(self, model=pack(self.model))

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict the spread of rows, (n, features) to (n,), in the unit of the flux."""
        if self.model is None:
            return np.full(len(features), self.floor, dtype=np.float32)
        root = np.maximum(self.model.predict(features), 0)
        return np.maximum(np.square(root), np.float32(self.floor))


def fit_spread(
    features: NDArray[np.float32],
    errors: NDArray[np.floating],
    sites: NDArray,
    parameters: IntervalParameters,
    seed: int,
) -> Spread:
    """Fit the spread of errors.

    Args:
        features: Shape (n, features); NaN is missing.
        errors: Truth minus centre, shape (n,).
        sites: Tower of each row, shape (n,).
        parameters: Method and size of the trees.
        seed: Seed of the trees.
    """
    size = np.abs(errors)
    weights = tower_weights(sites)
    mean = float(weights @ size)
    if parameters.method == "constant" or mean == 0:
        # Predictions without any error still need a scale that divides.
        return Spread(None, mean or float(np.finfo(np.float32).tiny))
    from xgboost import XGBRegressor

    model = XGBRegressor(
        n_estimators=parameters.trees,
        max_depth=parameters.depth,
        learning_rate=parameters.learning_rate,
        subsample=0.7,
        colsample_bytree=0.7,
        min_child_weight=20,
        max_bin=64,
        tree_method="hist",
        random_state=seed,
        n_jobs=1,
    )
    # Mean weight 1, so that min_child_weight counts rows.
    model.fit(features, np.sqrt(size), sample_weight=weights * len(weights))
    return Spread(model, _FLOOR * mean)
