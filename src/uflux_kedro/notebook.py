"""The project's catalog in a notebook or a script."""

from __future__ import annotations

import logging
import os
import re
import warnings
from typing import TYPE_CHECKING, Any

from uflux_kedro.configuration import PROJECT_PATH

if TYPE_CHECKING:
    from kedro.io import CatalogProtocol


def load_catalog(env: str | None = None) -> CatalogProtocol[Any, Any]:
    """Return the catalog, and point MLflow at the project's runs.

    As ``%load_ext kedro.ipython``, from any folder and without its log lines, colours and progress bars::

        catalog = load_catalog()
        leaderboard = catalog.load("leaderboard")

    Args:
        env: Environment; None for the one that ``KEDRO_ENV`` names, or else the demo world.
    """
    # Before Kedro's first import, which reads it.
    os.environ.setdefault("KEDRO_LOGGING_CONFIG", str(PROJECT_PATH / "conf" / "logging.yml"))
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Of tqdm without ipywidgets, and of Kedro about the members' names.
    for message in ("IProgress not found", "One or more dataset names contain '.'"):
        warnings.filterwarnings("ignore", re.escape(message))
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(PROJECT_PATH)
    logging.getLogger("kedro").setLevel(logging.WARNING)
    return KedroSession.create(PROJECT_PATH, env=env).load_context().catalog
