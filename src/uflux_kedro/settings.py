"""Kedro's settings of the project."""

from __future__ import annotations

import os
from typing import Any

from omegaconf.resolvers import oc

from uflux_kedro.configuration import PROJECT_PATH
from uflux_kedro.hooks import ProjectHooks

# Usage statistics are the user's to switch on.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("KEDRO_DISABLE_TELEMETRY", "true")

HOOKS = (ProjectHooks(),)

CONFIG_LOADER_ARGS: dict[str, Any] = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment states what differs from base, key by key.
    "merge_strategy": {"parameters": "soft"},
    "custom_resolvers": {
        "oc.env": oc.env,
        # MLflow needs absolute paths: a relative one would make a second database when a
        # notebook starts the run from its own folder.
        "project_path": lambda path: (PROJECT_PATH / path).as_posix(),
    },
}
