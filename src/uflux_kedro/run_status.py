"""What kedro-viz shows of the last run: nodes with their time, datasets with size and rows.

Kedro-viz records runs of the whole pipeline under ``SequentialRunner`` alone. These hooks take the
place of its own and record every run under every runner: each process appends a line to a log for
what it loads, runs and saves, and the main process turns the log into kedro-viz's two files.
"""

from __future__ import annotations

import json
import logging
import os
import time
import traceback
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl

from uflux_kedro.errors import UfluxError
from uflux_kedro.files import replacing
from uflux_kedro.staging import local_path

logger = logging.getLogger(__name__)

FOLDER = "UFLUX_VIZ_FOLDER"
"""Environment variable with the folder of the record, instead of the project's ``.viz``."""

_LOG = "UFLUX_RUN_LOG"
"""Environment variable with the log of this run; worker processes inherit it."""

UNFINISHED = "The run has not finished: it is still running, or it was killed"

Line = dict[str, Any]
Event = dict[str, Any]


def events_of(lines: Iterable[Line], sizes: Mapping[str, int]) -> list[Event]:
    """Turn the log of a run into kedro-viz's events.

    Args:
        lines: Lines of the log; each has ``event``, ``at`` (s), ``node``, ``node_id`` and, if it is
            of a dataset, ``dataset``, ``dataset_id`` and perhaps ``rows`` and ``columns``.
        sizes: Dataset -> bytes.

    Returns:
        One event for each dataset and each node that ran or failed. A node's time includes loading
        and saving: a lazy cube is computed when it is saved.
    """
    datasets: dict[str, Event] = {}
    spans: dict[str, list[float]] = {}
    nodes: dict[str, Event] = {}
    for line in lines:
        key = line["node_id"]
        spans.setdefault(key, []).append(line["at"])
        if line["event"] in ("after_dataset_loaded", "after_dataset_saved"):
            name = line["dataset"]
            # What a run made stays "saved", however often it is read.
            kind = datasets.get(name, line)["event"]
            if line["event"] == "after_dataset_saved":
                kind = line["event"]
            datasets[name] = {
                "event": kind,
                "dataset": name,
                "node_id": line["dataset_id"],
                "status": "Available",
                "size": sizes.get(name, 0),
            }
        elif line["event"] in ("after_node_run", "on_node_error"):
            nodes[key] = {k: v for k, v in line.items() if k != "at"}
    for key, node in nodes.items():
        if node["event"] == "after_node_run":
            node |= {"duration": max(spans[key]) - min(spans[key]), "status": "success"}
    return [*datasets.values(), *nodes.values()]


def stats_of(lines: Iterable[Line], sizes: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Return rows, columns and bytes of each dataset of a log, as kedro-viz reads them."""
    stats: dict[str, dict[str, int]] = {}
    for line in lines:
        name = line.get("dataset")
        if name is None or not line["event"].startswith("after_"):
            continue
        found: dict[str, int] = {k: v for k, v in line.items() if k in ("rows", "columns")}
        if name in sizes:
            found["file_size"] = sizes[name]
        if found:
            stats[name] = found
    return stats


def interrupted(lines: Iterable[Line]) -> Line | None:
    """Return the last line of a dataset that was to be loaded or saved and was not."""
    begun: dict[tuple[str, str, str], Line] = {}
    for line in lines:
        when, _, what = line["event"].partition("_dataset_")
        if what:
            key = (line["node_id"], line["dataset"], what)
            if when == "before":
                begun[key] = line
            else:
                begun.pop(key, None)
    return list(begun.values())[-1] if begun else None


def bytes_of(dataset: Any) -> int | None:
    """Return the bytes of a dataset's local files; None if it has none or is a mere path."""
    from uflux_kedro.datasets.raw_files import FolderDataset

    if isinstance(dataset, FolderDataset):
        return None
    if hasattr(dataset, "files"):
        with suppress(UfluxError):
            return sum(file.stat().st_size for file in dataset.files())
        return None
    path = local_path(dataset)
    if path is None or not path.exists():
        return None
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


class RunStatusHooks:
    """Record runs for kedro-viz.

    A run replaces the record of the nodes that it runs and keeps that of others in the same
    environment, so that a run of one flux leaves the rest of the page as it was.
    """

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Note where the record is kept and which environment the run is in."""
        self._folder = Path(os.environ.get(FOLDER) or Path(context.project_path) / ".viz")
        self._env = context.env

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any) -> None:
        """Begin a log, and record that the run has not finished."""
        self._start: Event = {
            "event": "before_pipeline_run", "timestamp": _now(), "env": self._env
        }  # fmt: skip
        self._kept = self._of_earlier_runs(
            set() if run_params.get("only_missing_outputs") else _ids(pipeline)
        )
        log = self._folder / "kedro_run_log.jsonl"
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text("")
            self._write([], _failure(UNFINISHED))
        except OSError as error:
            logger.warning("kedro-viz will not show this run: %s", error)
        else:
            os.environ[_LOG] = str(log)

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str, node: Any) -> None:
        """Log it."""
        _log("before_dataset_loaded", node, dataset_name)

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any, node: Any) -> None:
        """Log it, with rows and columns of a table."""
        _log("after_dataset_loaded", node, dataset_name, **_extent(data))

    @hook_impl
    def before_node_run(self, node: Any) -> None:
        """Log it."""
        _log("before_node_run", node)

    @hook_impl
    def after_node_run(self, node: Any) -> None:
        """Log it."""
        _log("after_node_run", node)

    @hook_impl
    def before_dataset_saved(self, dataset_name: str, node: Any) -> None:
        """Log it."""
        _log("before_dataset_saved", node, dataset_name)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Any) -> None:
        """Log it, with rows and columns of a table."""
        _log("after_dataset_saved", node, dataset_name, **_extent(data))

    @hook_impl
    def on_node_error(self, error: Exception, node: Any) -> None:
        """Log it."""
        _log(
            "on_node_error",
            node,
            error=str(error),
            timestamp=_now(),
            traceback="".join(traceback.format_exception(error)),
        )

    @hook_impl
    def after_pipeline_run(self, catalog: Any) -> None:
        """Record the run as finished."""
        self._finish(catalog, {"event": "after_pipeline_run", "timestamp": _now()})

    @hook_impl
    def on_pipeline_error(self, error: Exception, catalog: Any) -> None:
        """Record the run as failed, and where."""
        end = _failure(str(error), "".join(traceback.format_exception(error)))
        self._finish(catalog, end)

    def _finish(self, catalog: Any, end: Event) -> None:
        log = os.environ.pop(_LOG, None)
        if log is None:
            return
        try:
            lines = [json.loads(line) for line in Path(log).read_text().splitlines()]
            names = {line["dataset"] for line in lines if "dataset" in line}
            found = {name: bytes_of(catalog.get(name)) for name in sorted(names)}
            sizes = {name: size for name, size in found.items() if size is not None}
            at = interrupted(lines)
            if at and "error" in end:
                operation = "loading" if at["event"] == "before_dataset_loaded" else "saving"
                end |= {k: at[k] for k in ("dataset", "node", "node_id")} | {"operation": operation}
            self._write(events_of(lines, sizes), end)
            stats = self._folder / "stats.json"
            stats_now = _read(stats, {}) | stats_of(lines, sizes)
            with replacing(stats) as temporary:
                temporary.write_text(json.dumps(stats_now))
            Path(log).unlink()
        except (OSError, ValueError) as error:  # a line that the disk had no room for is no JSON
            logger.warning("kedro-viz will not show this run: %s", error)

    def _write(self, events: list[Event], end: Event) -> None:
        from kedro_viz.constants import PIPELINE_EVENTS_FILENAME

        new = {event["node_id"] for event in events}
        kept = [event for event in self._kept if event["node_id"] not in new]
        with replacing(self._folder / PIPELINE_EVENTS_FILENAME) as temporary:
            temporary.write_text(json.dumps([self._start, *kept, *events, end], indent=1))

    def _of_earlier_runs(self, without: set[str]) -> list[Event]:
        from kedro_viz.constants import PIPELINE_EVENTS_FILENAME

        start, *events = _read(self._folder / PIPELINE_EVENTS_FILENAME, [{}]) or [{}]
        if start.get("env", ...) != self._env:
            return []
        kinds = ("after_dataset_loaded", "after_dataset_saved", "after_node_run", "on_node_error")
        return [e for e in events if e["event"] in kinds and e["node_id"] not in without]


def _ids(pipeline: Any) -> set[str]:
    """Ids of a pipeline's nodes and of what they make."""
    from kedro_viz.integrations.kedro.hooks_utils import hash_node

    return {hash_node(item) for item in (*pipeline.nodes, *pipeline.all_outputs())}


def _log(event: str, node: Any, dataset: str | None = None, **more: Any) -> None:
    path = os.environ.get(_LOG)
    if path is None or dataset == "parameters" or (dataset or "").startswith("params:"):
        return
    from kedro_viz.integrations.kedro.hooks_utils import hash_node

    line = {"event": event, "at": time.time(), "node": node.name, "node_id": hash_node(node)}
    if dataset is not None:
        line |= {"dataset": dataset, "dataset_id": hash_node(dataset)}
    # Written at once to a file opened for appending: lines of several processes do not mix.
    with suppress(OSError), open(path, "ab", buffering=0) as log:
        log.write(json.dumps(line | more).encode() + b"\n")


def _extent(data: Any) -> dict[str, int]:
    if not hasattr(data, "columns") or not hasattr(data, "shape"):
        return {}
    return {"rows": int(data.shape[0]), "columns": int(data.shape[1])}


def _failure(message: str, trace: str = "") -> Event:
    return {
        "event": "on_pipeline_error", "error": message, "timestamp": _now(), "traceback": trace
    }  # fmt: skip


def _now() -> str:
    from kedro_viz.integrations.kedro.hooks_utils import generate_timestamp

    return generate_timestamp()


def _read(path: Path, otherwise: Any) -> Any:
    """Read JSON that an earlier run wrote; a file that is none counts as absent."""
    with suppress(OSError, ValueError):
        return json.loads(path.read_text())
    return otherwise
