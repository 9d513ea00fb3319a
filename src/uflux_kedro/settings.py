"""Kedro settings of the project."""

from __future__ import annotations

import os

from uflux_kedro.config_loader import OnceLoader
from uflux_kedro.configuration import CONFIG_LOADER_ARGS
from uflux_kedro.hooks import EndingHooks, LockHooks, OutputHooks, ProjectHooks, RequestHooks
from uflux_kedro.run_status import RunStatusHooks
from uflux_kedro.screen import quieten
from uflux_kedro.tracking.hooks import TrackingHooks

__all__ = ["CONFIG_LOADER_ARGS", "CONFIG_LOADER_CLASS", "DISABLE_HOOKS_FOR_PLUGINS", "HOOKS"]

# Usage statistics are off unless the user switches them on.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("KEDRO_DISABLE_TELEMETRY", "true")
# OpenMP's threads otherwise wait for each other by spinning, which takes many times the work itself
# where another process runs on one of their cores.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
quieten()

CONFIG_LOADER_CLASS = OnceLoader

# Of hooks that come first or last, pluggy calls the last one here first or last: a request is checked,
# the folder is locked, outputs get their places; at the end outputs are put into place, whatever MLflow
# does after that, the last lines are logged, then the folder is unlocked.
HOOKS = (
    EndingHooks(),
    TrackingHooks(),
    OutputHooks(),
    LockHooks(),
    RequestHooks(),
    ProjectHooks(),
    RunStatusHooks(),
)

DISABLE_HOOKS_FOR_PLUGINS = ("kedro-viz",)
"""Plugins whose own hooks are off: the project records its runs for kedro-viz itself."""
