"""Kedro settings of the project."""

from __future__ import annotations

import os

from uflux_kedro.configuration import CONFIG_LOADER_ARGS
from uflux_kedro.hooks import LockHooks, OutputHooks, ProjectHooks, RequestHooks
from uflux_kedro.run_status import RunStatusHooks

__all__ = ["CONFIG_LOADER_ARGS", "DISABLE_HOOKS_FOR_PLUGINS", "HOOKS"]

# Usage statistics are off unless the user switches them on.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("KEDRO_DISABLE_TELEMETRY", "true")

# Of hooks that come first, pluggy calls the last one first: a request is checked, then the folder is
# locked, then outputs get their places.
HOOKS = (OutputHooks(), LockHooks(), RequestHooks(), ProjectHooks(), RunStatusHooks())

DISABLE_HOOKS_FOR_PLUGINS = ("kedro-viz",)
"""Plugins whose own hooks are off: the project records its runs for kedro-viz itself."""
