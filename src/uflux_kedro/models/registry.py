"""Models by name, at the settings of the published UFLUX ensemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from uflux_kedro.errors import ConfigurationError

XGB_SETTINGS: Mapping[str, Any] = {
    "n_estimators": 100,
    "max_depth": 6,
    "min_child_weight": 4,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "learning_rate": 0.05,
    "gamma": 0,
    "reg_alpha": 0,
    "reg_lambda": 1,
    # Not stated by the reference. A fit takes 0.6 of the time of the library's 256 bins, and
    # the skill on held-out towers is the same within its bootstrap interval.
    "max_bin": 64,
}

RF_SETTINGS: Mapping[str, Any] = {
    "n_estimators": 100,
    "max_depth": 20,
    "min_samples_leaf": 3,
    "min_samples_split": 12,
}


def _df21(settings: Mapping[str, Any], random_state: int, n_jobs: int, device: str) -> Any:
    from uflux_kedro.models.cascade_forest import CascadeForestRegressor

    return CascadeForestRegressor(**settings, random_state=random_state, n_jobs=n_jobs)


def _xgb(settings: Mapping[str, Any], random_state: int, n_jobs: int, device: str) -> Any:
    from xgboost import XGBRegressor

    return XGBRegressor(
        **settings,
        tree_method="hist",
        random_state=random_state,
        n_jobs=n_jobs,
        device=_device(device),
    )


def _rf(settings: Mapping[str, Any], random_state: int, n_jobs: int, device: str) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(**settings, random_state=random_state, n_jobs=n_jobs)


MODELS: Mapping[str, tuple[Mapping[str, Any], Callable[..., Any]]] = {
    "DF21": ({}, _df21),
    "XGB": (XGB_SETTINGS, _xgb),
    "RF": (RF_SETTINGS, _rf),
}
"""Name -> the reference's settings, and what makes the estimator."""


def make_model(
    name: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    random_state: int,
    n_jobs: int = 1,
    device: str = "cpu",
) -> Any:
    """Make an unfitted estimator.

    Args:
        name: ``DF21``, ``XGB`` or ``RF``.
        parameters: Settings that differ from the reference's.
        random_state: Seed.
        n_jobs: Threads; -1 takes all cores.
        device: ``cpu``, ``cuda``, or ``auto`` for a GPU where there is one; XGB alone uses it.

    Returns:
        A scikit-learn estimator.

    Raises:
        ConfigurationError: If the model or one of its settings is unknown.
    """
    if name not in MODELS:
        raise ConfigurationError(f"Unknown model {name!r}: expected one of {', '.join(MODELS)}")
    settings, make = MODELS[name]
    model = make(settings, random_state, n_jobs, device)
    known = model.get_params()
    for key in parameters or {}:
        if key not in known:
            raise ConfigurationError(
                f"Unknown setting {key!r} of {name}: expected one of {', '.join(sorted(known))}"
            )
    return model.set_params(**parameters or {})


def _device(device: str) -> str:
    if device != "auto":
        return device
    import xgboost

    if not xgboost.build_info().get("USE_CUDA"):
        return "cpu"
    # The library has no question for "is there a GPU"; the driver's device file answers it.
    from pathlib import Path

    return "cuda" if Path("/dev/nvidiactl").exists() else "cpu"
