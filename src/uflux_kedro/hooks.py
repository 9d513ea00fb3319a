"""Hooks that the project adds to a Kedro run."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterable, Mapping
from multiprocessing import parent_process
from pathlib import Path
from threading import Thread
from typing import Any

from kedro.framework.hooks import hook_impl

from uflux_kedro.configuration import PARENT_RUN, RUN_FACTS, environment_name, set_parameters
from uflux_kedro.ending import ending
from uflux_kedro.files import LOCK, remove_leftovers
from uflux_kedro.staging import Staging
from uflux_kedro.variables import FLUXES

logger = logging.getLogger(__name__)

_FILTERS = (
    *("tags", "namespaces", "node_names"),
    *("from_nodes", "to_nodes", "from_inputs", "to_outputs"),
)
"""Parameters of a Kedro run that leave out nodes."""


class ProjectHooks:
    """Pass the parameters to the pipelines and the parent run to the members."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Pass the parameters to the code that builds pipelines from them."""
        set_parameters(context.config_loader["parameters"])
        self._project = Path(context.project_path)
        self._environment = environment_name(context.env)

    @hook_impl(trylast=True)
    def before_pipeline_run(self) -> None:
        """Record the parent run that kedro-mlflow has started."""
        import mlflow

        run = mlflow.active_run()
        os.environ[PARENT_RUN] = run.info.run_id if run else ""
        os.environ[RUN_FACTS] = json.dumps(self._facts(run))
        self._started = time.monotonic()

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Log how long the run took, and forget its parent run."""
        elapsed = time.monotonic() - self._started
        logger.info("Run finished in %.0f s", elapsed)
        os.environ.pop(PARENT_RUN, None)
        os.environ.pop(RUN_FACTS, None)

    def _facts(self, run: Any) -> dict[str, Any]:
        from uflux_kedro.tracking.provenance import facts_of

        return facts_of(self._project, self._environment, run)


def names_of(pipelines: Iterable[Any]) -> dict[str, list[str]]:
    """Option of ``kedro run`` -> the names that it can take in these pipelines."""
    nodes = [node for pipeline in pipelines for node in pipeline.nodes]
    namespaces = {prefix for node in nodes for prefix in _prefixes(node.namespace)}
    return {
        "tags": sorted({tag for node in nodes for tag in node.tags}),
        "namespaces": sorted(namespaces),
    }


def _maker(name: str, pipelines: Mapping[str, Any]) -> str | None:
    """The pipeline that makes a dataset, other than the default one and those of a flux."""
    parts = (p for p in pipelines if p not in ("__default__", *FLUXES))
    return next((part for part in parts if name in pipelines[part].all_outputs()), None)


def _prefixes(namespace: str | None) -> list[str]:
    """``GPP`` and ``GPP.MODIS-NIRv-ERA5`` of the latter."""
    parts = namespace.split(".") if namespace else []
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


class RequestHooks:
    """Refuse what a run cannot do before it reads, removes or computes anything."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: Any) -> None:
        """Check environment and parameters, before MLflow or a pipeline looks at them."""
        from omegaconf.errors import OmegaConfBaseException

        from uflux_kedro.errors import ConfigurationError
        from uflux_kedro.request import check_environment, check_parameters, references

        conf = Path(context.config_loader.conf_source)
        check_environment(conf, context.env)
        try:
            parameters = context.config_loader["parameters"]
        except OmegaConfBaseException as error:
            raise ConfigurationError(
                f"{conf / (context.env or 'base')}: a setting refers to a name that does not exist: "
                f"{error}"
            ) from error
        check_parameters(parameters, references(conf, context.env))

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: Any) -> None:
        """Check what is asked for, that raw data and named files exist, and the version of stored tables."""
        from kedro.framework.project import pipelines

        from uflux_kedro.configuration import PROJECT_PATH, project_parameters
        from uflux_kedro.request import (
            check_filters,
            check_named_files,
            check_raw_data,
            check_step,
        )
        from uflux_kedro.stored_tables import check_stored_tables

        names = run_params.get("pipeline_names") or ["__default__"]
        check_step(names, project_parameters())
        options = {name: run_params.get(name) or () for name in ("tags", "namespaces")}
        check_filters(options, names_of([pipelines[name] for name in names]))
        read = {name: catalog.get(name) for name in pipeline.inputs()}
        check_raw_data(read)
        parameters = [one for name, one in read.items() if name.startswith("params:") and one]
        bound = [argument for node in pipeline.nodes for argument in getattr(node.func, "args", ())]
        check_named_files([*(one.load() for one in parameters), *bound], PROJECT_PATH)
        check_stored_tables(read, lambda name: _maker(name, pipelines))


class OutputHooks:
    """Write the outputs of a run beside those of the last one, and swap them at its end."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Note which folder the run writes to."""
        self._data = Path(context.project_path) / context.config_loader["globals"]["data"]

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: Any) -> None:
        """Give the outputs another place until the run has finished, and say so.

        Raises:
            ConfigurationError: If the run would mix results of different runs.
        """
        self._staging = Staging(self._data)
        count = self._staging.complete()
        if count:
            logger.info(
                "Put %d outputs into place, of a run that was killed at its very end", count
            )
        resume = bool(run_params.get("only_missing_outputs"))
        self._staging.begin(pipeline, catalog, resume=resume)
        for line in describe(self._staging, resume=resume):
            logger.info(line)

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Replace the outputs of the last run."""
        names = run_params.get("pipeline_names") or ["__default__"]
        whole = names == ["__default__"] and not any(map(run_params.get, _FILTERS))
        self._staging.finish(whole=whole)
        old = self._staging.out_of_date()
        if old:
            logger.warning(
                "Now out of date: %s; a run that includes them makes them again", _some(old)
            )

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Say where things are."""
        logger.error(
            "The run has failed. The outputs of the last finished one are as they were; what this "
            "one made is in %s, and the same command with --only-missing-outputs continues it",
            self._staging.folder,
        )


def describe(staging: Staging, *, resume: bool) -> list[str]:
    """Say in a line or two what a run keeps, and what it replaces when it has finished."""
    lines = []
    if resume:
        again = f" ({_some(staging.outdated)})" if staging.outdated else ""
        lines.append(
            (f"Resuming the run of {staging.since}: " if staging.since else "")
            + f"{len(staging.kept)} outputs are kept, {len(staging.missing)} are missing, "
            f"{len(staging.outdated)} were made with other settings or inputs{again}"
        )
    if staging.names:
        lines.append(
            f"Writing {len(staging.names)} outputs to {staging.folder}; they replace those of the "
            "last run when this one has finished"
        )
    return lines


def _some(names: list[str]) -> str:
    """The first three names, and how many more."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


class EndingHooks:
    """Say at the end what matters, or which step has failed."""

    @hook_impl
    def on_node_error(self, node: Any) -> None:
        """Name the step; the error itself is shown once, at the end."""
        logger.error("%s has failed", node.name)

    @hook_impl(trylast=True)
    def after_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        """Log the path of the report, findings, extrapolation and members left out."""
        for line in ending(pipeline.all_outputs(), catalog):
            logger.info(line)


class LockHooks:
    """One run at a time in a data folder.

    A second one would replace what the first reads. The lock is the operating system's, so that it
    ends with the process that holds it, however that ends.
    """

    _watching: int | None = None
    """Number of the worker process that watches whether its run is alive."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Note which folder the run writes to."""
        self._data = Path(context.project_path) / context.config_loader["globals"]["data"]

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self) -> None:
        """Lock the folder and clear what killed runs left there.

        Raises:
            ConfigurationError: If another run has locked it; says which.
        """
        from filelock import FileLock, Timeout

        from uflux_kedro.errors import ConfigurationError

        self._data.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self._data / LOCK, timeout=0)
        holder = self._data / ".lock.holder"
        try:
            self._lock.acquire()
        except Timeout:
            who = holder.read_text() if holder.is_file() else "another process"
            raise ConfigurationError(
                f"{self._data}: another run is writing here ({who}). Wait until it has finished, "
                "or give this one another folder: `data` in conf/<environment>/globals.yml"
            ) from None
        holder.write_text(f"process {os.getpid()}, started {time.strftime('%Y-%m-%d %H:%M:%S')}")
        for path in remove_leftovers(self._data):
            logger.info("Removed %s, left by a run that was killed", path)

    @hook_impl
    def before_node_run(self) -> None:
        """Let a worker process end with its run, or it would write into the next one's outputs."""
        if parent_process() is not None and self._watching != os.getpid():
            self._watching = os.getpid()
            Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """Unlock the folder, after its outputs have been swapped."""
        self._lock.release()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Unlock the folder."""
        self._lock.release()


def _end_with(parent: int) -> None:
    """End this process soon after its parent was killed, which it does not learn otherwise."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
