"""Models by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from uflux_kedro.models.baseline_inputs import find_inputs
from uflux_kedro.models.specs import DEEP_FOREST, SINGLE, Device, ModelSpec, make_from


def _deep_forest_package() -> type:
    from uflux_kedro.models.deep_forest.package import DeepForestPackageRegressor

    return DeepForestPackageRegressor


def _mean() -> type:
    from uflux_kedro.models.mean import MeanRegressor

    return MeanRegressor


def _hybrid() -> type:
    from uflux_kedro.models.hybrid import HybridRegressor

    return HybridRegressor


def _inputs_lacking(predictors: Sequence[str], flux: str) -> tuple[str, ...]:
    return find_inputs(predictors, flux).missing


MODELS: Mapping[str, ModelSpec] = {
    **SINGLE,
    "deep-forest": ModelSpec("deep-forest", _deep_forest_package, DEEP_FOREST),
    "MEAN": ModelSpec("MEAN", _mean, {}),
    "HYBRID": ModelSpec("HYBRID", _hybrid, {}, lacks=_inputs_lacking),
}
"""The models by name: those of :data:`~uflux_kedro.models.specs.SINGLE`, and

- ``deep-forest``: deep forest, computed by the package deep-forest 0.1.7 in its own interpreter.
- ``MEAN``: mean of several single models, by default XGB, RF and DF21.
- ``HYBRID``: calibrated process baseline, corrected by XGB, DF21 or RF.
"""


def make_model(
    name: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    random_state: int | None = None,
    n_jobs: int | None = None,
    device: Device = "cpu",
    predictors: Sequence[str] | None = None,
    flux: str | None = None,
) -> Any:
    """Make an unfitted estimator.

    Args:
        name: A name of :data:`MODELS`.
        parameters: Parameters that override the defaults.
        random_state: Seed.
        n_jobs: Threads; None is one, -1 all.
        device: ``cpu``; ``cuda``, only for XGBoost; or ``auto``, which is ``cuda`` for XGBoost
            if there are a GPU and XGBoost's CUDA build (extra ``cuda``), and ``cpu`` otherwise.
        predictors: Names of the columns, for models that compute with columns by name.
        flux: The target, for the same models.

    Raises:
        ConfigurationError: If the name, a parameter or the device is unknown, or if the device
            is not available.
    """
    return make_from(
        MODELS,
        name,
        parameters,
        random_state=random_state,
        n_jobs=n_jobs,
        device=device,
        predictors=predictors,
        flux=flux,
    )
