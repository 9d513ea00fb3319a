"""The project's parameters, for code that builds pipelines from them.

``kedro run`` passes its parameters, runtime parameters included, through a hook.
``kedro registry list`` and kedro-viz run no hooks, so for them ``conf`` is read here.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf.resolvers import oc

_CHECKOUT = Path(__file__).resolve().parents[2]

PROJECT_PATH = _CHECKOUT if (_CHECKOUT / "conf" / "base").is_dir() else Path.cwd()
"""Folder of ``conf`` and of results: the checkout, or the working folder if a wheel is installed."""

CONFIG_LOADER_ARGS: dict[str, Any] = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment overrides base key by key.
    "merge_strategy": {"parameters": "soft"},
    "custom_resolvers": {
        "oc.env": oc.env,
        # MLflow needs absolute paths: a relative one would make a second database when a
        # notebook starts the run from its own folder.
        "project_path": lambda path: (PROJECT_PATH / path).as_posix(),
    },
}


PARENT_RUN = "UFLUX_MLFLOW_PARENT_RUN"
"""Environment variable with the MLflow run of this ``kedro run``; worker processes inherit it."""

RUN_FACTS = "UFLUX_RUN_FACTS"
"""Environment variable with what differs from run to run, as JSON; worker processes inherit it."""

ENVIRONMENT_TAG = "uflux.environment"
"""Tag of an MLflow run with the environment of its ``kedro run``."""


def in_project(path: str) -> str:
    """Return a path of the configuration: a relative one starts in the project's folder."""
    return str(PROJECT_PATH / path)


_from_hook: dict[str, Any] | None = None


def environment_name(env: str | None) -> str:
    """Return what Kedro's environment is called: with no other one, a run is of ``base``."""
    return "base" if env in (None, CONFIG_LOADER_ARGS["default_run_env"]) else env


def set_parameters(parameters: dict[str, Any]) -> None:
    """Set the parameters of the run that begins."""
    global _from_hook  # noqa: PLW0603 - Kedro's registry takes no arguments
    _from_hook = parameters


def project_parameters() -> dict[str, Any]:
    """Return the parameters of this run, or else those of the environment ``KEDRO_ENV``.

    Sources that an environment has set to null, since it cannot remove a key of ``conf/base``, are
    left out of ``grids``.
    """
    found = _from_hook if _from_hook is not None else _read(os.environ.get("KEDRO_ENV"))
    if not found.get("grids"):
        return found
    used = {name: value for name, value in found["grids"].items() if value is not None}
    return found | {"grids": used or None}


@cache
def _read(env: str | None) -> dict[str, Any]:
    from kedro.config import OmegaConfigLoader

    loader = OmegaConfigLoader(str(PROJECT_PATH / "conf"), env=env, **CONFIG_LOADER_ARGS)
    return loader["parameters"]


def in_order(parameters: Any) -> Any:
    """Return parameters with the keys of all mappings in alphabetical order.

    Kedro merges its files in an order that changes from process to process.
    """
    if isinstance(parameters, dict):
        return {name: in_order(parameters[name]) for name in sorted(parameters, key=str)}
    if isinstance(parameters, list | tuple):
        return [in_order(value) for value in parameters]
    return parameters
