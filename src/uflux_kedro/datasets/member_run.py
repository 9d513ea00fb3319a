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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import JSONPreview

from uflux_kedro.configuration import ENVIRONMENT_TAG, PARENT_RUN
from uflux_kedro.datasets.member_times import Times, times_of
from uflux_kedro.datasets.mlflow_model import write_mlflow_model
from uflux_kedro.figures.picture import Picture
from uflux_kedro.files import replacing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from mlflow.tracking import MlflowClient

    from uflux_kedro.models.fitted import FittedMember

_MAX_PARAM = 6000  # characters; MLflow refuses longer values
_MODEL = "model"
"""Folder of the model in a run's artifacts, as in ``runs:/<run id>/model``."""
_NOTE = "mlflow.note.content"
_INHERITED = (
    *("mlflow.user", "mlflow.source.name", "mlflow.source.type", "mlflow.source.git.commit"),
    ENVIRONMENT_TAG,
)
"""Tags that a member has from the run of its ``kedro run``."""
_SECONDS = {"predict_held_out": "validation_seconds", "fit": "fit_seconds"}
"""Node -> metric of the time that it took."""
_RANKED_BY = ("sites", "n", "NSE", "RMSE")
CHAMPION = "champion"
"""Alias of the best version of a registered model: of those that were validated on the most sites,
the one with the highest NSE; of equals the newest."""


@dataclass
class MemberRun:
    """A member's record for MLflow.

    Attributes:
        name: Name of the member and of the run.
        tags: Tags to filter by; they are logged as params too, so that the UI compares them.
        params: Settings of the model and the validation, ``scheme`` among them.
        metrics: Pooled held-out scores.
        description: What the member is and how well it did, in Markdown.
        tables: File name -> table, logged as CSV.
        figures: File name -> figure, or one that was finished before, logged as PNG.
        model: The model fitted on all sites.
    """

    name: str
    tags: Mapping[str, str]
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    description: str = ""
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Mapping[str, Figure | Picture] = field(default_factory=dict)
    model: FittedMember | None = None


class _Receipt:
    """What is kept on disk of the runs that were logged: a JSON file."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Read the receipt."""
        return json.loads(self._path.read_text())

    def preview(self) -> JSONPreview:
        """Return the receipt for kedro-viz."""
        return JSONPreview(json.dumps(self.load()))

    def _write(self, receipt: Mapping[str, Any]) -> None:
        with replacing(self._path) as temporary:
            temporary.write_text(json.dumps(receipt, indent=2, sort_keys=True) + "\n")

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


class MemberRunDataset(_Receipt, AbstractDataset[MemberRun, dict[str, Any]]):
    """Log a :class:`MemberRun` to MLflow and keep a receipt on disk.

    If tracking is disabled (``tracking.disable_tracking`` in ``mlflow.yml``) only the receipt is
    written.

    Args:
        filepath: The receipt, a JSON file with the run's id and metrics.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    def save(self, data: MemberRun) -> None:
        """Log the member as a finished child run, then write the receipt."""
        parent = os.environ.get(PARENT_RUN)
        run_id = _log(data, parent, times_of(self._path, parent)) if parent else None
        self._write({"member": data.name} | _receipt(data, run_id, parent))


class MemberRunsDataset(_Receipt, AbstractDataset[Sequence[MemberRun], dict[str, Any]]):
    """Log any number of :class:`MemberRun` to MLflow, as :class:`MemberRunDataset` does one.

    Args:
        filepath: The receipt, a JSON file with id and metrics of each run by its name.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    def save(self, data: Sequence[MemberRun]) -> None:
        """Log each as a finished child run, then write the receipt."""
        parent = os.environ.get(PARENT_RUN)
        runs = {one.name: (one, _log(one, parent, {}) if parent else None) for one in data}
        self._write({name: _receipt(one, run_id, parent) for name, (one, run_id) in runs.items()})


def _receipt(run: MemberRun, run_id: str | None, parent: str | None) -> dict[str, Any]:
    return {"run_id": run_id, "parent_run_id": parent or None, "metrics": finite(run.metrics)}


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics that are finite: the MLflow UI cannot sort or plot NaN."""
    return {k: float(v) for k, v in metrics.items() if math.isfinite(v)}


def _log(member: MemberRun, parent: str, times: Times) -> str:
    """Log a member as a child of the run ``parent`` and return the child's id.

    The child begins with the first of the member's nodes and ends now.
    """
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    of = client.get_run(parent)
    now = int(time.time() * 1000)
    begun = min((int(begun * 1000) for begun, _ in times.values()), default=now)
    run = client.create_run(
        of.info.experiment_id,
        start_time=begun,
        run_name=member.name,
        tags={
            "mlflow.parentRunId": parent,
            _NOTE: member.description,
            **{name: of.data.tags[name] for name in _INHERITED if name in of.data.tags},
            **member.tags,
        },
    )
    run_id = run.info.run_id
    try:
        params = {**member.tags, **{k: str(v)[:_MAX_PARAM] for k, v in member.params.items()}}
        metrics = finite(member.metrics) | {
            metric: times[node][1] - times[node][0]
            for node, metric in _SECONDS.items()
            if node in times
        }
        client.log_batch(
            run_id,
            metrics=[Metric(k, v, now, 0) for k, v in metrics.items()],
            params=[Param(k, v) for k, v in params.items()],
        )
        with tempfile.TemporaryDirectory() as folder:
            _write_artifacts(member, Path(folder), run_id)
            client.log_artifacts(run_id, folder)
        if member.model is not None:
            _register(member, client, run_id, of.data.tags.get(ENVIRONMENT_TAG, "base"))
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")
    return run_id


def registered_name(member: str, environment: str, scheme: str) -> str:
    """Name of a member's model in the registry, such as ``A.GPP.DF21.base.kfold``.

    Scores of other towers or of another way of validation are not comparable, so they stand under
    another name.
    """
    return f"{member}.{environment}.{scheme}"


def _register(member: MemberRun, client: MlflowClient, run_id: str, environment: str) -> None:
    """Register the member's model, as the champion if it is the best so far."""
    from mlflow.exceptions import MlflowException

    scheme = str(member.params["scheme"])
    name = registered_name(member.name, environment, scheme)
    tags = {**member.tags, "environment": environment, "scheme": scheme}
    try:
        client.create_registered_model(name, tags=tags)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    scores = {k: f"{member.metrics[k]:.6g}" for k in _RANKED_BY if k in member.metrics}
    version = client.create_model_version(
        name,
        source=f"runs:/{run_id}/{_MODEL}",
        run_id=run_id,
        tags=scores,
        description=member.description,
    )
    try:
        champion = client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException:
        champion = None
    if champion is None or _rank(scores) >= _rank(champion.tags):
        client.set_registered_model_alias(name, CHAMPION, version.version)


def _rank(scores: Mapping[str, str]) -> tuple[float, float]:
    """Order versions: more held-out sites first, since few are easy; then the better NSE."""

    def number(name: str) -> float:
        score = float(scores.get(name, "nan"))
        return -math.inf if math.isnan(score) else score

    return number("sites"), number("NSE")


def _write_artifacts(member: MemberRun, folder: Path, run_id: str) -> None:
    for name, table in member.tables.items():
        table.to_csv(folder / name, index=False, float_format="%.6g")
    for name, figure in member.figures.items():
        if isinstance(figure, Picture):
            (folder / name).write_bytes(figure.png)
        else:
            figure.savefig(folder / name, dpi=100, metadata={"Software": None})
    if member.model is not None:
        write_mlflow_model(member.model, folder / _MODEL, run_id=run_id)
