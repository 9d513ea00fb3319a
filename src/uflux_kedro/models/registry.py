"""Models by name, with the settings of the published ensemble as defaults."""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from uflux_kedro.errors import ConfigurationError

DEVICES = ("cpu", "cuda", "auto")


@dataclass(frozen=True)
class ModelSpec:
    """A model that a member can have.

    Attributes:
        name: Name in the configuration.
        long_name: Name for people.
        estimator: Imports and returns the estimator's class.
        defaults: Parameters unless told otherwise.
        on_gpu: Whether it can run on a GPU.
    """

    name: str
    long_name: str
    estimator: Callable[[], type]
    defaults: Mapping[str, Any]
    on_gpu: bool = False

    @property
    def takes_sites(self) -> bool:
        """Whether its ``fit`` can use the site of each row."""
        from sklearn.utils.validation import has_fit_parameter

        return has_fit_parameter(self.estimator(), "groups")

    def parameters(self) -> tuple[str, ...]:
        """Parameters that a configuration may set."""
        cls = self.estimator()
        # XGBoost's signature ends in **kwargs; an instance lists all.
        known = cls().get_params() if self.on_gpu else inspect.signature(cls).parameters
        return tuple(sorted(set(known) - _FROM_CALLER))


_FROM_CALLER = {"random_state", "n_jobs", "device", "missing"}
"""Set by arguments of :func:`make_model`, the same for every model; and NaN alone is missing."""


def _cascade_forest() -> type:
    from uflux_kedro.models.cascade.forest import CascadeForestRegressor

    return CascadeForestRegressor


def _deep_forest_package() -> type:
    from uflux_kedro.models.deep_forest.package import DeepForestPackageRegressor

    return DeepForestPackageRegressor


def _xgboost() -> type:
    from xgboost import XGBRegressor

    return XGBRegressor


def _random_forest() -> type:
    from uflux_kedro.models.binned_forest import BinnedForestRegressor

    return BinnedForestRegressor


def _library_forest() -> type:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor


_RANDOM_FOREST = {
    "n_estimators": 100,
    "max_depth": 20,
    "min_samples_leaf": 3,
    "min_samples_split": 12,
}


def _blend() -> type:
    from uflux_kedro.models.blend import BlendRegressor

    return BlendRegressor


MODELS: Mapping[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec("DF21", "deep forest", _cascade_forest, {"n_estimators": 2, "n_trees": 100}),
        ModelSpec(
            "deep-forest",
            "deep forest, by the package deep-forest 0.1.7 in an interpreter of its own",
            _deep_forest_package,
            {"n_estimators": 2, "n_trees": 100},
        ),
        ModelSpec(
            "XGB",
            "gradient-boosted trees",
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
                # Not stated by the reference. A fit takes 0.6 of the time of the library's 256
                # bins, and the skill on held-out towers is the same within its bootstrap interval.
                "max_bin": 64,
            },
            on_gpu=True,
        ),
        ModelSpec("RF", "random forest", _random_forest, _RANDOM_FOREST),
        ModelSpec("RF-sklearn", "random forest, by scikit-learn", _library_forest, _RANDOM_FOREST),
        ModelSpec("BLEND", "mean of boosted trees, extra-trees and a kernel", _blend, {}),
    )
}
"""The models, by name."""


def make_model(
    name: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    random_state: int | None = None,
    n_jobs: int | None = None,
    device: str = "cpu",
) -> Any:
    """An estimator that is not fitted yet.

    Args:
        name: A name of :data:`MODELS`.
        parameters: Override the defaults.
        random_state: Seed.
        n_jobs: Threads; None is one, -1 all.
        device: ``cpu``; ``cuda``, which XGBoost alone can use; or ``auto``, which is ``cuda`` for
            XGBoost where there is a GPU and else ``cpu``.

    Raises:
        ConfigurationError: If the name, a parameter or the device is unknown or cannot be had.
    """
    if name not in MODELS:
        raise ConfigurationError(f"Unknown model {name!r}: expected one of {', '.join(MODELS)}")
    if device not in DEVICES:
        raise ConfigurationError(f"Unknown device {device!r}: expected one of {', '.join(DEVICES)}")
    spec = MODELS[name]
    settings = dict(parameters or {})
    allowed = spec.parameters()
    for parameter in settings:
        if parameter in _FROM_CALLER:
            raise ConfigurationError(
                f"{name}: {parameter} is set for all models at once, not among one's parameters"
            )
        if parameter not in allowed:
            near = get_close_matches(parameter, allowed, n=3)
            raise ConfigurationError(
                f"{name} has no parameter {parameter!r}"
                + (f"; nearest: {', '.join(near)}" if near else "")
                + f". Expected some of {', '.join(allowed)}"
            )
    settings = {**spec.defaults, **settings, "random_state": random_state, "n_jobs": n_jobs or 1}
    if spec.on_gpu:
        settings["device"] = _device(name, device)
    elif device == "cuda":
        raise ConfigurationError(
            f"{name} runs on the CPU alone: expected device cpu, or auto for models of both kinds"
        )
    return spec.estimator()(**settings)


def _device(name: str, device: str) -> str:
    if device == "cpu":
        return "cpu"
    found = has_cuda()
    if device == "cuda" and not found:
        raise ConfigurationError(f"{name} on device cuda: no NVIDIA GPU was found; use auto or cpu")
    return "cuda" if found else "cpu"


def has_cuda() -> bool:
    """Whether a GPU of NVIDIA's answers."""
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
