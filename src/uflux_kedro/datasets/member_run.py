"""Dataset of a member's MLflow run, a child of the run of its ``kedro run``.

The child is created through ``MlflowClient`` with the tag ``mlflow.parentRunId``: a nested
``mlflow.start_run`` would depend on the thread or process in which the node runs, and lose children.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import JSONPreview

from uflux_kedro.configuration import PARENT_RUN
from uflux_kedro.datasets.mlflow_model import write_mlflow_model
from uflux_kedro.files import replacing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from mlflow.tracking import MlflowClient

    from uflux_kedro.models.fitted import FittedMember

_MAX_PARAM = 6000  # characters; MLflow refuses longer values
_MODEL = "model"
"""Folder of the model in a run's artifacts, as in ``runs:/<run id>/model``."""


@dataclass
class MemberRun:
    """A member's record for MLflow.

    Attributes:
        name: Name of the member and of the run.
        tags: Tags to filter by; they are logged as params too, so that the UI compares them.
        params: Settings of the model and the validation.
        metrics: Pooled held-out scores.
        tables: File name -> table, logged as CSV.
        figures: File name -> figure, logged as PNG.
        model: The model fitted on all sites.
    """

    name: str
    tags: Mapping[str, str]
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    model: FittedMember | None = None


class MemberRunDataset(AbstractDataset[MemberRun, dict[str, Any]]):
    """Log a :class:`MemberRun` to MLflow and keep a receipt on disk.

    If tracking is disabled (``tracking.disable_tracking`` in ``mlflow.yml``) only the receipt is
    written.

    Args:
        filepath: The receipt, a JSON file with the run's id and metrics.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Read the receipt."""
        return json.loads(self._path.read_text())

    def save(self, data: MemberRun) -> None:
        """Log the member as a finished child run, then write the receipt."""
        parent = os.environ.get(PARENT_RUN)
        run_id = _log(data, parent) if parent else None
        receipt = {
            "member": data.name,
            "run_id": run_id,
            "parent_run_id": parent or None,
            "metrics": _finite(data.metrics),
        }
        with replacing(self._path) as temporary:
            temporary.write_text(json.dumps(receipt, indent=2, sort_keys=True) + "\n")

    def preview(self) -> JSONPreview:
        """Return the receipt for kedro-viz."""
        return JSONPreview(json.dumps(self.load()))

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics that are finite: the MLflow UI cannot sort or plot NaN."""
    return {k: float(v) for k, v in metrics.items() if math.isfinite(v)}


def _log(member: MemberRun, parent: str) -> str:
    """Log a member as a child of the run ``parent`` and return the child's id."""
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    experiment_id = client.get_run(parent).info.experiment_id
    run = client.create_run(
        experiment_id,
        run_name=member.name,
        tags={"mlflow.parentRunId": parent, **member.tags},
    )
    run_id = run.info.run_id
    try:
        now = int(time.time() * 1000)
        params = {**member.tags, **{k: str(v)[:_MAX_PARAM] for k, v in member.params.items()}}
        client.log_batch(
            run_id,
            metrics=[Metric(k, v, now, 0) for k, v in _finite(member.metrics).items()],
            params=[Param(k, v) for k, v in params.items()],
            tags=[RunTag("mlflow.user", os.environ.get("USER", "uflux"))],
        )
        with tempfile.TemporaryDirectory() as folder:
            _write_artifacts(member, Path(folder), run_id)
            client.log_artifacts(run_id, folder)
        if member.model is not None:
            _register(member, client, run_id)
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")
    return run_id


def _register(member: MemberRun, client: MlflowClient, run_id: str) -> None:
    """Register the member's model as the newest version under the member's name."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(member.name, tags=dict(member.tags))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = {k: f"{member.metrics[k]:.4g}" for k in ("NSE", "RMSE") if k in member.metrics}
    client.create_model_version(
        member.name, source=f"runs:/{run_id}/{_MODEL}", run_id=run_id, tags=tags
    )


def _write_artifacts(member: MemberRun, folder: Path, run_id: str) -> None:
    for name, table in member.tables.items():
        table.to_csv(folder / name, index=False, float_format="%.6g")
    for name, figure in member.figures.items():
        figure.savefig(folder / name, dpi=100, metadata={"Software": None})
    if member.model is not None:
        write_mlflow_model(member.model, folder / _MODEL, run_id=run_id)
