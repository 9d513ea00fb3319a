"""The final fit of a member on a worker."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from uflux_kedro.execution.engine import Execution

if TYPE_CHECKING:
    from uflux_kedro.models.fitted import FittedMember

Fit = Callable[[int], "FittedMember"]
"""Function of a number of threads that fits a member."""


def fit_on_worker(fit: Fit, execution: Execution, folder: Path) -> FittedMember:
    """Fit a member on a worker.

    Args:
        fit: The fit; it is pickled with its data, into a file of ``folder``.
        execution: The workers.
        folder: Folder that they see under the same path.

    Returns:
        The member, whose model is a file there until the member is stored elsewhere and gone.
    """
    from uflux_kedro.models.fitted import FittedMember

    model = folder / "final"
    list(execution.run(_fit_into, fit, [model], folder))
    fitted = FittedMember.load(model)
    weakref.finalize(fitted, shutil.rmtree, model, ignore_errors=True)
    return fitted


def _fit_into(fit: Fit, folder: Path, threads: int) -> None:
    fit(threads).save(folder)
