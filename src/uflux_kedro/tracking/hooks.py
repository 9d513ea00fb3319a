"""Hooks that make the MLflow run of a ``kedro run`` one that can be trusted and found again."""

from __future__ import annotations

import atexit
import logging
import os
import platform
import time
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl

from uflux_kedro.configuration import ENVIRONMENT_TAG, PARENT_RUN, environment_name, in_order
from uflux_kedro.errors import without_secrets
from uflux_kedro.tracking.provenance import (
    environment_of,
    flat,
    git_commit,
    is_of_member,
    members_of,
    title_of,
)

logger = logging.getLogger(__name__)

_NOTE = "mlflow.note.content"
_LONGEST = 6000  # characters of a parameter; MLflow refuses longer values
_BATCH = 100  # parameters; MLflow refuses more at a time
_SHOWN = (
    *(
        "report",
        "report_pdf",
        "ensemble_skill",
        "leaderboard",
        "skill_by_step",
        "benchmark_sites",
        "benchmark_skill",
        "aggregates",
        "peers",
        "quality_report",
    ),
    *("gap_filling_page", "gap_filling_scoreboard", "gap_filling_sums"),
)
"""Outputs that are kept as artifacts of the parent run."""


class TrackingHooks:
    """Name and describe the parent run, log its inputs and results, and time its members."""

    def __init__(self) -> None:
        self._run_id: str | None = None
        self._begun: dict[str, float] = {}

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Note what the run is made of."""
        self._context = context
        loader = context.config_loader
        self._project = Path(context.project_path)
        self._environment = environment_name(context.env)
        self._data = (self._project / loader["globals"]["data"]).resolve()
        self._parameters = in_order(loader["parameters"])

    @hook_impl(trylast=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: Any) -> None:
        """Describe the run that kedro-mlflow has started, and end those that were killed."""
        import mlflow

        run = mlflow.active_run()
        self._run_id = run.info.run_id if run else None
        if self._run_id is None:
            return
        # MLflow itself would mark a run as finished that the user interrupts.
        atexit.register(self._end_unfinished)
        # Before each node kedro-mlflow starts the run for the node's thread. If it may be nested in
        # itself, it is read from the database and opened again, though it is active already.
        self._context.mlflow.tracking.run.nested = False
        names = [n.strip("_") for n in run_params.get("pipeline_names") or ["__default__"]]
        title = title_of(members_of(pipeline), names, self._environment, self._parameters)
        self._describe(self._client(), self._run_id, title)
        self._log_inputs(self._run_id, pipeline, catalog)

    @hook_impl
    def before_node_run(self, node: Any) -> None:
        """Note when a node of a member begins."""
        if is_of_member(node):
            self._begun[node.name] = time.time()

    @hook_impl
    def after_node_run(self, node: Any, catalog: Any) -> None:
        """Note when a node of a member ran, for the member's own MLflow run."""
        from uflux_kedro.datasets.member_times import note_time

        parent = os.environ.get(PARENT_RUN)
        begun = self._begun.pop(node.name, None)
        if parent and begun is not None:
            receipt = catalog.get(f"{node.namespace}.mlflow_run")._path
            note_time(receipt, parent, node.name.rpartition(".")[2], begun, time.time())

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        """Log what came out, before kedro-mlflow ends the run."""
        if self._run_id is not None:
            self._log_results(self._client(), self._run_id, pipeline, catalog)
            self._run_id = None

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self, error: Exception) -> None:
        """Say why the run failed, before kedro-mlflow ends it."""
        if self._run_id is not None:
            client = self._client()
            note = client.get_run(self._run_id).data.tags.get(_NOTE, "")
            client.set_tag(
                self._run_id, _NOTE, f"{note}\n\nFailed: {without_secrets(str(error))}"[:_LONGEST]
            )
            self._run_id = None

    def _client(self) -> Any:
        from mlflow.tracking import MlflowClient

        return MlflowClient()

    def _end_unfinished(self) -> None:
        import mlflow

        if self._run_id is not None and mlflow.active_run():
            mlflow.end_run("KILLED")

    def _describe(self, client: Any, run_id: str, title: str) -> None:
        from mlflow.entities import Param, RunTag

        from uflux_kedro.tracking.killed import DATA, HOST, end_killed_runs

        commit = git_commit(self._project)
        tags = {
            "mlflow.runName": title,
            DATA: str(self._data),
            HOST: platform.node(),
            ENVIRONMENT_TAG: self._environment,
            _NOTE: f"{title}\n\nData in `{self._data}`"
            + (f", code at commit `{commit[:12]}`" if commit else ""),
        }
        if commit:
            tags["mlflow.source.git.commit"] = commit
        client.log_batch(run_id, tags=[RunTag(k, v) for k, v in tags.items()])
        run = client.get_run(run_id)
        for name in end_killed_runs(client, run):
            logger.info("MLflow run %s was killed and is marked so", name)
        # A resumed run has its settings already, and MLflow takes no others for them.
        settings = [
            Param(name, value[:_LONGEST])
            for name, value in flat(self._parameters)
            if name not in run.data.params
        ]
        for first in range(0, len(settings), _BATCH):
            client.log_batch(run_id, params=settings[first : first + _BATCH])
        client.log_text(run_id, environment_of(), "environment.txt")

    def _log_inputs(self, run_id: str, pipeline: Any, catalog: Any) -> None:
        from uflux_kedro.tracking.inputs import dataset_input, inputs_of

        names = [n for n in pipeline.inputs() if "param" not in n]
        found = inputs_of({name: catalog.get(name) for name in names})
        if found:
            client = self._client()
            client.log_inputs(run_id, [dataset_input(n, f, "input") for n, f in found.items()])
            client.log_dict(run_id, found, "inputs.json")

    def _log_results(self, client: Any, run_id: str, pipeline: Any, catalog: Any) -> None:
        from mlflow.entities import Metric

        from uflux_kedro.tracking.inputs import files_of
        from uflux_kedro.tracking.results import (
            metrics_of,
            metrics_of_benchmark,
            metrics_of_ensembles,
            metrics_of_steps,
            table_of,
        )

        made = pipeline.all_outputs()
        boards: dict[str, Any] = {}
        metrics: dict[str, float] = {}
        for name in sorted(made):
            flux = name.removeprefix("leaderboard_")
            if flux != name and f"predictions_{flux}" in made:
                boards[flux] = catalog.load(name)
                scores = f"interval_scores_{flux}"
                found = metrics_of(
                    boards[flux],
                    catalog.load(f"predictions_{flux}"),
                    catalog.load(scores) if scores in made else None,
                )
                metrics |= {f"{flux}.{metric}": value for metric, value in found.items()}
        tables = {
            "ensemble_skill": metrics_of_ensembles,
            "skill_by_step": metrics_of_steps,
            "benchmark_skill": metrics_of_benchmark,
        }
        for name in made & tables.keys():
            metrics |= tables[name](catalog.load(name))
        now = int(time.time() * 1000)
        if metrics:
            client.log_batch(run_id, metrics=[Metric(k, v, now, 0) for k, v in metrics.items()])
            note = client.get_run(run_id).data.tags.get(_NOTE, "")
            if boards:
                client.set_tag(run_id, _NOTE, f"{note}\n\n{table_of(boards, metrics)}")
        for name in _SHOWN:
            if name in made:
                for file in files_of(catalog.get(name)):
                    client.log_artifact(run_id, str(file))
        for name in sorted(made):
            if name.startswith("figure_"):
                for file in files_of(catalog.get(name)):
                    client.log_artifact(run_id, str(file), "figures")
