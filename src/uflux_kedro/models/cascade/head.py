"""The head of a cascade: a last model on the columns and the predictions of the best layer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.models.trees.binning import Binner
from uflux_kedro.models.trees.byte_forest import ByteForest
from uflux_kedro.models.trees.foreign_trees import check_xgboost, checked_lightgbm
from uflux_kedro.models.trees.forest_store import forest_arrays, read_forest

HeadKind = Literal["forest", "xgboost", "lightgbm"]


@dataclass(frozen=True)
class Head:
    """A fitted head.

    Attributes:
        kind: See :data:`HeadKind`.
        binner: Binner of the last layer's predictions.
        model: ByteForest, XGBRegressor or LightGBM's Booster.
    """

    kind: HeadKind
    binner: Binner
    model: Any

    def predict(self, table: np.ndarray, targets: int) -> np.ndarray:
        """Predict (n, targets) float64 from (n, columns) bytes."""
        if isinstance(self.model, ByteForest):
            out = np.empty((len(table), targets))
            self.model.predict_into(table, out)
            return out
        return np.asarray(self.model.predict(table), dtype=np.float64).reshape(len(table), targets)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return arrays for storage; a model of a library is stored as bytes in its own format."""
        if isinstance(self.model, ByteForest):
            return forest_arrays(self.model)
        if self.kind == "xgboost":
            payload = bytes(self.model.get_booster().save_raw("ubj"))
        else:
            # The text contains the number of threads, which must not change the stored bytes.
            text = re.sub(
                r"\[num_threads: -?\d+\]", "[num_threads: 1]", self.model.model_to_string()
            )
            payload = text.encode()
        return {"payload": np.frombuffer(payload, np.uint8)}

    @classmethod
    def from_arrays(
        cls,
        kind: HeadKind,
        binner: Binner,
        arrays: Mapping[str, np.ndarray],
        columns: int,
        targets: int,
    ) -> Head:
        """Make a head from the arrays that :meth:`to_arrays` returned.

        Raises:
            ValueError: If they are not those of trees of ``columns`` columns.
        """
        if kind == "forest":
            return cls(kind, binner, read_forest(arrays, columns, targets))
        payload = arrays["payload"].tobytes()
        if kind == "xgboost":
            from xgboost import XGBRegressor

            check_xgboost(payload)
            model = XGBRegressor(n_jobs=1)
            model.load_model(bytearray(payload))
            return cls(kind, binner, model)
        text = checked_lightgbm(payload.decode(), columns)
        return cls(kind, binner, _lightgbm().Booster(model_str=text))


def boosted_head(
    kind: HeadKind, parameters: Mapping[str, Any], *, n_estimators: int, n_jobs: int, seed: int
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], Any]:
    """Return a function that fits XGBoost or LightGBM to bytes, targets and weights.

    Args:
        kind: ``xgboost`` or ``lightgbm``.
        parameters: Parameters that override the arguments below and the library's defaults.
        n_estimators: Boosting rounds.
        n_jobs: Threads.
        seed: Seed.

    Raises:
        ConfigurationError: If LightGBM is not installed, or if it is fitted to several targets.
    """
    defaults = {"n_estimators": n_estimators, "n_jobs": n_jobs, "random_state": seed}
    if kind == "xgboost":
        from xgboost import XGBRegressor

        settings = defaults | {"tree_method": "hist", "objective": "reg:squarederror"}

        def fit_xgboost(table: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Any:
            target = y[:, 0] if y.shape[1] == 1 else y
            return XGBRegressor(**(settings | dict(parameters))).fit(
                table, target, sample_weight=weight
            )

        return fit_xgboost

    lightgbm = _lightgbm()
    quiet = defaults | {"verbosity": -1, "deterministic": True, "force_row_wise": True}

    def fit_lightgbm(table: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Any:
        if y.shape[1] > 1:
            raise ConfigurationError(
                f"predictor='lightgbm' takes one target, found {y.shape[1]}; use forest or xgboost"
            )
        model = lightgbm.LGBMRegressor(**(quiet | dict(parameters)))
        return model.fit(table, y[:, 0], sample_weight=weight).booster_

    return fit_lightgbm


def _lightgbm() -> Any:
    try:
        import lightgbm
    except ImportError as error:
        raise ConfigurationError(
            "predictor='lightgbm' requires LightGBM, which is not installed: "
            "pip install 'uflux_kedro[lightgbm]'"
        ) from error
    return lightgbm
