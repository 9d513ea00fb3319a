"""The project's parameters, for code that builds pipelines from them.

``kedro run`` hands its parameters over through a hook (runtime parameters included);
``kedro registry list`` and kedro-viz run no hooks, so there they are read from ``conf``.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

PROJECT_PATH = Path(__file__).resolve().parents[2]

_from_hook: dict[str, Any] | None = None


def set_parameters(parameters: dict[str, Any]) -> None:
    """Take over the parameters of the run that begins."""
    global _from_hook  # noqa: PLW0603 - Kedro's registry takes no arguments
    _from_hook = parameters


def project_parameters() -> dict[str, Any]:
    """Parameters of this run, or else of the environment ``KEDRO_ENV``."""
    return _from_hook if _from_hook is not None else _read(os.environ.get("KEDRO_ENV"))


@cache
def _read(env: str | None) -> dict[str, Any]:
    from kedro.config import OmegaConfigLoader

    from uflux_kedro.settings import CONFIG_LOADER_ARGS

    loader = OmegaConfigLoader(str(PROJECT_PATH / "conf"), env=env, **CONFIG_LOADER_ARGS)
    return loader["parameters"]
