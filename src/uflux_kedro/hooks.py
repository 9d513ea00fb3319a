"""What the project does at the turns of a Kedro run."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

from kedro.framework.hooks import hook_impl

from uflux_kedro.configuration import set_parameters

PARENT_RUN = "UFLUX_MLFLOW_PARENT_RUN"
"""Environment variable with the MLflow run of this ``kedro run``; worker processes inherit it."""


class ProjectHooks:
    """Hand the parameters to the pipelines and the parent run to the members."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Give the parameters to the code that builds pipelines from them."""
        set_parameters(context.config_loader["parameters"])

    @hook_impl(trylast=True)
    def before_pipeline_run(self) -> None:
        """Note the parent run, once kedro-mlflow has opened it."""
        import mlflow

        run = mlflow.active_run()
        os.environ[PARENT_RUN] = run.info.run_id if run else ""
        self._started = time.monotonic()

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Say how long the run took."""
        elapsed = time.monotonic() - self._started
        logging.getLogger(__name__).info("Run finished in %.0f s", elapsed)
        os.environ.pop(PARENT_RUN, None)
