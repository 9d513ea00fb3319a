"""Hooks that the project adds to a Kedro run."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl

from uflux_kedro.configuration import PARENT_RUN, set_parameters
from uflux_kedro.files import remove


def clear_outputs(pipeline: Any, catalog: Any) -> None:
    """Remove the local files and folders that a pipeline's nodes will write.

    Products are reopened instead: they check by themselves which of their regions are still valid.
    """
    for name in pipeline.all_outputs():
        dataset = catalog.get(name)
        if hasattr(dataset, "reopen"):
            dataset.reopen()
        path = getattr(dataset, "_filepath", None) or getattr(dataset, "_path", None)
        if path is not None and getattr(dataset, "_protocol", "file") == "file":
            remove(Path(path))


class ProjectHooks:
    """Pass the parameters to the pipelines and the parent run to the members."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Pass the parameters to the code that builds pipelines from them."""
        set_parameters(context.config_loader["parameters"])

    @hook_impl(trylast=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: Any) -> None:
        """Remove old outputs; record the parent run that kedro-mlflow has started.

        ``--only-missing-outputs`` checks only whether outputs exist. If a killed run left the
        aggregates of an earlier run in place, a resumed run would mistake them for its own.
        """
        import mlflow

        if not run_params.get("only_missing_outputs"):
            clear_outputs(pipeline, catalog)

        run = mlflow.active_run()
        os.environ[PARENT_RUN] = run.info.run_id if run else ""
        self._started = time.monotonic()

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Log how long the run took, and forget its parent run."""
        elapsed = time.monotonic() - self._started
        logging.getLogger(__name__).info("Run finished in %.0f s", elapsed)
        os.environ.pop(PARENT_RUN, None)
