"""MLflow runs of processes that were killed and could not say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

DATA, HOST = "uflux.data", "uflux.host"
"""Tags of a parent run: its data folder, and the machine that the folder is on."""
_PARENT = "mlflow.parentRunId"


def end_killed_runs(client: MlflowClient, active: Any) -> list[str]:
    """End as KILLED the runs that still count as running in the data folder of a run that begins.

    Only one run at a time writes to a folder, and the one that begins has locked it: whatever else
    is marked as running there was killed. So are children whose parent has ended or only begins.

    Args:
        client: MLflow.
        active: The run that begins, with the tags :data:`DATA` and :data:`HOST`.

    Returns:
        Names of the parent runs that were ended.
    """
    mine = {name: active.data.tags[name] for name in (DATA, HOST)}
    running = {
        run.info.run_id: run
        for run in client.search_runs(
            [active.info.experiment_id], "attributes.status = 'RUNNING'", max_results=1000
        )
    }
    dead = {
        run_id: run
        for run_id, run in running.items()
        if run_id != active.info.run_id
        and _PARENT not in run.data.tags
        and mine.items() <= run.data.tags.items()
    }
    alive = running.keys() - dead.keys() - {active.info.run_id}
    for run_id, run in running.items():
        parent = run.data.tags.get(_PARENT)
        if parent is not None and parent not in alive:
            client.set_terminated(run_id, "KILLED", end_time=run.info.start_time)
    for run_id, run in dead.items():
        client.set_terminated(run_id, "KILLED", end_time=_last_sign_of_life(client, run))
    return [run.info.run_name for run in dead.values()]


def _last_sign_of_life(client: MlflowClient, run: Any) -> int:
    """When the last of a run's members ended, milliseconds since 1970."""
    children = client.search_runs(
        [run.info.experiment_id],
        f"tags.`{_PARENT}` = '{run.info.run_id}'",
        order_by=["attributes.end_time DESC"],
        max_results=1,
    )
    ends = [child.info.end_time or child.info.start_time for child in children]
    return max([run.info.start_time, *ends])
