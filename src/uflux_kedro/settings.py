"""Kedro settings of the project."""

from __future__ import annotations

import os

from uflux_kedro.configuration import CONFIG_LOADER_ARGS
from uflux_kedro.hooks import LockHooks, ProjectHooks, RequestHooks
from uflux_kedro.tracking.hooks import TrackingHooks

__all__ = ["CONFIG_LOADER_ARGS", "HOOKS"]

# Usage statistics are off unless the user switches them on.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("KEDRO_DISABLE_TELEMETRY", "true")

HOOKS = (LockHooks(), RequestHooks(), ProjectHooks(), TrackingHooks())
