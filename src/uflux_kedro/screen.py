"""What a run shows on the screen: one line a step, and no warnings that its user cannot act on."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from typing import Any

_NODE = "Completed node: %s"
_COUNT = "Completed %d out of %d tasks"
_UNSAID = (
    "Using synchronous mode",
    "Asynchronous mode",
    "Pipeline execution completed",
    "Registering new custom resolver",
    # It would read the inputs of the last run: --only-missing-outputs continues an unfinished one.
    "There are ",
    "No nodes ran",
    # Long lists of names; the project says how many outputs are kept.
    "Skipping ",
    "Running ",
)
_LOGGERS = (
    *(f"kedro.runner.{kind}_runner" for kind in ("sequential", "parallel", "thread")),
    "kedro_mlflow.framework.hooks.mlflow_hook",
)


class StepLines(logging.Filter):
    """Make one line of the two that Kedro logs for each node, and drop its advice."""

    _node = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is shown; it may get another text."""
        if record.msg == _NODE and isinstance(record.args, tuple):
            self._node = str(record.args[0])
            return False
        if record.msg == _COUNT and isinstance(record.args, tuple):
            record.msg, record.args = "%d of %d: %s", (*record.args, self._node)
            return True
        return not str(record.msg).startswith(_UNSAID)


_STEP_LINES = StepLines()


def quieten() -> None:
    """Drop what libraries say that no user can act on.

    Kedro calls it before it imports its plugins (entry point ``kedro.init``), and the settings do, as
    in worker processes. Kedro's logging configuration accepts no filters.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_STEP_LINES)
    # Errors of the database are raised, too.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    # MLflow tells of each table that it creates in its database.
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    if not isinstance(warnings.showwarning, _ShowWarning):
        warnings.showwarning = _ShowWarning(warnings.showwarning)


class _ShowWarning:
    """Shows warnings, but for MLflow's of a class of kedro-mlflow.

    MLflow raises it with a filter of its own in front of any other.
    """

    def __init__(self, show: Callable[..., None]) -> None:
        self._show = show

    def __call__(self, message: Warning | str, *args: Any, **options: Any) -> None:
        if "Add type hints to the `predict` method" not in str(message):
            self._show(message, *args, **options)
