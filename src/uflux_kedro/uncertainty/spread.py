"""The learnt spread: how large the error of a prediction is likely to be at a place and time.

Small trees learn it from the predictors, the prediction, the spread among members and the place in
the sampling space; every tower has the same weight, so that long records do not rule. What the trees
learn is the method:

- ``mean``: the geometric mean of the two following, of which each tree is grown from some of the towers
  and is bound to widen with doubt, :data:`DOUBT`. The unit of either does not matter to it.
- ``spread``: the square root of the absolute error, by boosting. The square root tames the tail of
  the errors, so that a few bad months do not rule the trees.
- ``crps``: the standard deviation of a normal distribution about the centre, by boosting of its
  continuous ranked probability score.
- ``quantile_forest``: the distribution of the absolute error, of which the quantile at the level of
  the intervals is the spread.
- ``constant``: nothing; the spread is the same everywhere.

Whatever was learnt is only a scale: intervals are centred, and calibration by tower multiplies the
spread until they cover. Skewness that a method could tell of is not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uflux_kedro.uncertainty.intervals import tower_weights
from uflux_kedro.uncertainty.learners import (
    boost_by_tower,
    boost_crps,
    boost_roots,
    grow_distribution,
    quantiles_of,
)
from uflux_kedro.uncertainty.parameters import IntervalParameters, Method

_FLOOR = 0.1
"""Least spread, as a share of the mean absolute error."""

DOUBT: Mapping[str, int] = MappingProxyType({"spread": 1, "dissimilarity": 1, "completeness": -1})
"""Measures of doubt -> whether errors are taken to grow (1) or to shrink (-1) with them."""


@dataclass(frozen=True)
class Spread:
    """A fitted spread.

    Attributes:
        models: Fitted trees; two for a mean, none for a constant.
        floor: Least spread, in the unit of the flux; the spread itself for a constant.
        method: What the trees have learnt.
        sizes: Of a forest: absolute errors of which its outputs are the probabilities.
        level: Of a forest: level of the quantile that is the spread.
    """

    models: tuple[Any, ...]
    floor: float
    method: Method = "constant"
    sizes: tuple[float, ...] = ()
    level: float = 0.9

    def packed(self) -> Spread:
        """Return the same spread with packed trees, which predict many rows fast."""
        from uflux_kedro.models.packing import pack

        return replace(self, models=tuple(pack(model) for model in self.models))

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict the spread of rows, (n, features) to (n,), in the unit of the flux."""
        if not self.models:
            return np.full(len(features), self.floor, dtype=np.float32)
        found = [model.predict(features) for model in self.models]
        if self.method == "mean":
            spreads = [
                self._floored(np.square(np.maximum(found[0], 0))),
                self._floored(np.exp(found[1])),
            ]
            return np.sqrt(spreads[0]) * np.sqrt(spreads[1])
        if self.method == "spread":
            return self._floored(np.square(np.maximum(found[0], 0)))
        if self.method == "crps":
            return self._floored(np.exp(found[0]))
        sizes = quantiles_of(found[0], np.array(self.sizes), self.level)
        return self._floored(sizes.astype(np.float32))

    def _floored(self, spread: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.maximum(spread, np.float32(self.floor))


def fit_spread(
    features: NDArray[np.float32],
    errors: NDArray[np.floating],
    sites: NDArray,
    parameters: IntervalParameters,
    seed: int,
    level: float,
    names: Sequence[str] = (),
) -> Spread:
    """Fit the spread of errors.

    Args:
        features: Shape (n, features); NaN is missing.
        errors: Truth minus centre, shape (n,).
        sites: Tower of each row, shape (n,).
        parameters: Method and size of the trees.
        seed: Seed of the trees.
        level: Level of the quantile that is the spread of a forest.
        names: Names of the features, by which a mean knows measures of doubt; none if empty.
    """
    size = np.abs(errors)
    weights = tower_weights(sites)
    mean = float(weights @ size)
    method = parameters.method
    if method == "constant" or mean == 0:
        # Predictions without any error still need a scale that divides.
        return Spread((), mean or float(np.finfo(np.float32).tiny))
    # Mean weight 1, so that limits on the weight of a leaf count rows.
    weights = weights * len(weights)
    if method == "quantile_forest":
        forest, sizes = grow_distribution(features, size, weights, parameters, seed)
        return Spread((forest,), _FLOOR * mean, method, tuple(sizes.tolist()), level)
    if method == "mean":
        signs = [DOUBT.get(name, 0) for name in names] or [0] * features.shape[1]
        pair = boost_by_tower(features, size, weights, sites, parameters, seed, signs)
        return Spread(pair, _FLOOR * mean, method)
    boost = boost_roots if method == "spread" else boost_crps
    return Spread((boost(features, size, weights, parameters, seed),), _FLOOR * mean, method)
