"""Fitted models as packed trees, whichever library grew them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.models.trees.packed_trees import PackedForest

if TYPE_CHECKING:
    from uflux_kedro.models.binned_forest import BinnedForestRegressor
    from uflux_kedro.models.blend import PackedBlend
    from uflux_kedro.models.cascade.forest import CascadeForestRegressor


@dataclass(frozen=True)
class PackedBytes:
    """A fitted forest of this project, whose trees are packed already, on threads of a call's own.

    Attributes:
        model: The cascade forest or binned forest.
    """

    model: CascadeForestRegressor | BinnedForestRegressor

    def predict(self, X: np.ndarray, n_jobs: int | None = None) -> np.ndarray:
        """Predict (n,) or (n, targets) from (n, columns), finite, on ``n_jobs`` threads."""
        return self.model.predict_on(np.asarray(X, dtype=np.float64), n_jobs)


def pack(model: Any) -> PackedForest | PackedBytes | PackedBlend:
    """The fastest exact predictor of a fitted model.

    Raises:
        ConfigurationError: If there is none for the model's type.
    """
    name = type(model).__name__
    if name in {"CascadeForestRegressor", "BinnedForestRegressor"}:
        return PackedBytes(model)
    from uflux_kedro.models.trees.library_trees import pack_random_forest, pack_xgboost

    if name == "RandomForestRegressor":
        return pack_random_forest(model)
    if name == "XGBRegressor":
        return pack_xgboost(model)
    if name == "BlendRegressor":
        from uflux_kedro.models.blend import PackedBlend

        return PackedBlend.of(model)
    raise ConfigurationError(
        f"No packed form of {name}: expected CascadeForestRegressor, BinnedForestRegressor, "
        "RandomForestRegressor, XGBRegressor or BlendRegressor"
    )
