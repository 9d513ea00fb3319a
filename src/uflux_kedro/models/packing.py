"""Packed form of a fitted model, whichever library grew its trees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from uflux_kedro.errors import ConfigurationError

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor
    from xgboost import XGBRegressor

    from uflux_kedro.models.binned_forest import BinnedForestRegressor
    from uflux_kedro.models.blend import BlendRegressor, PackedBlend
    from uflux_kedro.models.calibration import CalibratedBaseline
    from uflux_kedro.models.cascade.forest import CascadeForestRegressor
    from uflux_kedro.models.hybrid import HybridRegressor
    from uflux_kedro.models.mean import MeanRegressor
    from uflux_kedro.models.trees.packed_trees import PackedForest


@dataclass(frozen=True)
class PackedBytes:
    """A fitted cascade or binned forest, whose trees are packed from the start.

    Attributes:
        model: The forest.
    """

    model: CascadeForestRegressor | BinnedForestRegressor

    def predict(self, X: np.ndarray, n_jobs: int | None = None) -> np.ndarray:
        """Predict (n,) or (n, targets) from (n, columns), finite, on ``n_jobs`` threads."""
        return self.model.predict_on(np.asarray(X, dtype=np.float64), n_jobs)


class PackedModel(Protocol):
    """Exact and fast predictor of a fitted model."""

    def predict(self, X: np.ndarray, n_jobs: int | None = None) -> np.ndarray:
        """Predict (n,) or (n, targets) from (n, columns) on ``n_jobs`` threads."""


@dataclass(frozen=True)
class PackedMean:
    """Exact predictor of a mean of models.

    Attributes:
        parts: Packed form of every model.
    """

    parts: tuple[PackedModel, ...]

    def predict(self, X: np.ndarray, n_jobs: int | None = None) -> np.ndarray:
        """Predict (n,) from (n, columns), finite, on ``n_jobs`` threads."""
        from uflux_kedro.models.mean import mean_of

        return mean_of([part.predict(X, n_jobs) for part in self.parts])


@dataclass(frozen=True)
class PackedHybrid:
    """Exact predictor of a fitted hybrid for complete rows, with packed trees.

    Attributes:
        form: ``residual`` or ``predictor``.
        baseline: The calibrated baseline.
        trees: The packed trees.
    """

    form: str
    baseline: CalibratedBaseline
    trees: PackedModel

    def predict(self, X: np.ndarray, n_jobs: int | None = None) -> np.ndarray:
        """Predict (n,) from (n, predictors), finite, on ``n_jobs`` threads; None is one, -1 all."""
        from uflux_kedro.models.hybrid import combined
        from uflux_kedro.models.trees.packed_trees import in_blocks

        rows = np.asarray(X, dtype=np.float32)
        result = np.empty(len(rows))

        def predict_block(block: slice) -> None:
            result[block] = combined(self.form, self.baseline, self.trees.predict, rows[block])

        in_blocks(predict_block, len(rows), n_jobs)
        return result


def pack(model: Any) -> PackedModel:
    """Return the fastest exact predictor of a fitted model.

    Raises:
        ConfigurationError: If there is none for the model's type.
    """
    name = type(model).__name__
    if name not in PACKERS:
        raise ConfigurationError(f"No packed form of {name}: expected one of {', '.join(PACKERS)}")
    return PACKERS[name](model)


def _pack_random_forest(model: RandomForestRegressor) -> PackedForest:
    from uflux_kedro.models.trees.library_trees import pack_random_forest

    return pack_random_forest(model)


def _pack_xgboost(model: XGBRegressor) -> PackedForest:
    from uflux_kedro.models.trees.library_trees import pack_xgboost

    return pack_xgboost(model)


def _pack_blend(model: BlendRegressor) -> PackedBlend:
    from uflux_kedro.models.blend import PackedBlend

    return PackedBlend.of(model)


def _pack_mean(model: MeanRegressor) -> PackedMean:
    return PackedMean(tuple(pack(part) for part in model.parts_))


def _pack_hybrid(model: HybridRegressor) -> PackedHybrid:
    return PackedHybrid(model.form, model.baseline_, pack(model.base_))


PACKERS: Mapping[str, Callable[[Any], PackedModel]] = {
    "CascadeForestRegressor": PackedBytes,
    "BinnedForestRegressor": PackedBytes,
    "XGBRegressor": _pack_xgboost,
    "RandomForestRegressor": _pack_random_forest,
    "BlendRegressor": _pack_blend,
    "MeanRegressor": _pack_mean,
    "HybridRegressor": _pack_hybrid,
}
