"""Models that are made of no others, by name, with the settings of the published UFLUX ensemble as defaults."""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args

from uflux_kedro.errors import ConfigurationError

Device = Literal["cpu", "cuda", "auto"]
"""Where a model runs; ``auto`` is ``cuda`` for models that can use a GPU if they find one."""


@dataclass(frozen=True)
class ModelSpec:
    """A model that a member can have.

    Attributes:
        name: Name in the configuration.
        estimator: Function that imports and returns the estimator's class.
        defaults: Default parameters.
        on_gpu: Whether the model can run on a GPU.
        lacks: For a model that computes with columns by name, function of the predictors' names
            and the flux that returns what it needs and they lack; None for other models.
    """

    name: str
    estimator: Callable[[], type]
    defaults: Mapping[str, Any]
    on_gpu: bool = False
    lacks: Callable[[Sequence[str], str], Sequence[str]] | None = None

    @property
    def takes_predictors(self) -> bool:
        """Whether the model is told the names of its columns and its flux, and each row's site."""
        return self.lacks is not None

    @property
    def takes_sites(self) -> bool:
        """Whether the model's ``fit`` can use the site of each row."""
        from sklearn.utils.validation import has_fit_parameter

        return has_fit_parameter(self.estimator(), "groups")

    def parameters(self) -> tuple[str, ...]:
        """Return the names of the parameters that a configuration may set."""
        cls = self.estimator()
        # XGBoost's signature ends in **kwargs, so its parameters are read from an instance.
        known = cls().get_params() if self.on_gpu else inspect.signature(cls).parameters
        return tuple(sorted(set(known) - _FROM_CALLER))


_FROM_CALLER = {"random_state", "n_jobs", "device", "missing", "predictor_names", "flux"}
"""Parameters that no configuration sets: :func:`make_from` does, and only NaN is ``missing``."""


def _cascade_forest() -> type:
    from uflux_kedro.models.cascade.forest import CascadeForestRegressor

    return CascadeForestRegressor


def _xgboost() -> type:
    from xgboost import XGBRegressor

    return XGBRegressor


def _random_forest() -> type:
    from uflux_kedro.models.binned_forest import BinnedForestRegressor

    return BinnedForestRegressor


def _sklearn_forest() -> type:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor


DEEP_FOREST = {"n_estimators": 2, "n_trees": 100}
"""Settings of the published deep forest."""

_RANDOM_FOREST = {
    "n_estimators": 100,
    "max_depth": 20,
    "min_samples_leaf": 3,
    "min_samples_split": 12,
}


def _blend() -> type:
    from uflux_kedro.models.blend import BlendRegressor

    return BlendRegressor


SINGLE: Mapping[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec("DF21", _cascade_forest, DEEP_FOREST),
        ModelSpec(
            "XGB",
            _xgboost,
            {
                "tree_method": "hist",
                "n_estimators": 100,
                "max_depth": 6,
                "min_child_weight": 4,
                "subsample": 0.8,
                "colsample_bytree": 0.8,
                "learning_rate": 0.05,
                "gamma": 0,
                "reg_alpha": 0,
                "reg_lambda": 1,
                # Not set by the published UFLUX scripts. A fit takes 0.6 of the time that it takes
                # with XGBoost's default of 256 bins, and the skill on held-out towers is the same
                # within its bootstrap interval.
                "max_bin": 64,
            },
            on_gpu=True,
        ),
        ModelSpec("RF", _random_forest, _RANDOM_FOREST),
        ModelSpec("RF-sklearn", _sklearn_forest, _RANDOM_FOREST),
        ModelSpec("BLEND", _blend, {}),
    )
}
"""The models that are made of no others and stored as they are, by name.

- ``DF21``: deep forest, computed by this project.
- ``XGB``: gradient-boosted trees of XGBoost.
- ``RF``: random forest, computed by this project on binned columns.
- ``RF-sklearn``: random forest of scikit-learn.
- ``BLEND``: mean of boosted trees, extra-trees and a kernel machine.
"""


def make_from(
    models: Mapping[str, ModelSpec],
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
        models: The models by name.
        name: Name of the model.
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
    if name not in models:
        raise ConfigurationError(f"Unknown model {name!r}: expected one of {', '.join(models)}")
    if device not in get_args(Device):
        raise ConfigurationError(
            f"Unknown device {device!r}: expected one of {', '.join(get_args(Device))}"
        )
    spec = models[name]
    settings = dict(parameters or {})
    allowed = spec.parameters()
    for parameter in settings:
        if parameter in _FROM_CALLER:
            raise ConfigurationError(
                f"{name}: {parameter} is set for all models together, not for one model"
            )
        if parameter not in allowed:
            near = get_close_matches(parameter, allowed, n=3)
            raise ConfigurationError(
                f"{name} has no parameter {parameter!r}"
                + (f"; nearest: {', '.join(near)}" if near else "")
                + f". Expected some of {', '.join(allowed)}"
            )
    settings = {**spec.defaults, **settings, "random_state": random_state, "n_jobs": n_jobs or 1}
    if spec.takes_predictors:
        settings |= {"predictor_names": predictors and tuple(predictors), "flux": flux}
    if spec.on_gpu:
        settings["device"] = _device(name, device)
    elif device == "cuda":
        raise ConfigurationError(
            f"{name} runs only on the CPU: expected device cpu, or auto, found cuda"
        )
    return spec.estimator()(**settings)


def _device(name: str, device: Device) -> str:
    if device == "cpu":
        return "cpu"
    found, built = has_cuda(), is_built_for_cuda()
    if device == "cuda" and not found:
        raise ConfigurationError(f"{name} on device cuda: no NVIDIA GPU was found; use auto or cpu")
    if device == "cuda" and not built:
        raise ConfigurationError(
            f"{name} on device cuda: this is XGBoost's CPU build: pip install 'uflux_kedro[cuda]'"
        )
    return "cuda" if found and built else "cpu"


def is_built_for_cuda() -> bool:
    """Return whether the installed XGBoost is its CUDA build."""
    import xgboost

    return bool(xgboost.build_info()["USE_CUDA"])


def has_cuda() -> bool:
    """Return whether the CUDA driver finds an NVIDIA GPU."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return (
        driver.cuInit(0) == 0
        and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
        and count.value > 0
    )
