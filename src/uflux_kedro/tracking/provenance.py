"""What a run is: its name, its settings, the code and the libraries."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

PORT = 5000
"""Port at which ``python -m uflux_kedro.tracking`` serves MLflow's pages, unless told another."""


def members_of(pipeline: Any) -> list[str]:
    """Namespaces ``<flux>.<predictor set>`` of the members that a pipeline trains."""
    return sorted({node.namespace for node in pipeline.nodes if is_of_member(node)})


def is_of_member(node: Any) -> bool:
    """Whether a node trains one member."""
    return "training" in node.tags and "." in (node.namespace or "")


def title_of(
    members: Iterable[str],
    pipelines: Iterable[str],
    environment: str,
    parameters: Mapping[str, Any],
) -> str:
    """Name a run for what it does, such as ``DF21, kfold, 65 members of 5 fluxes (base)``.

    Args:
        members: Namespaces of the members that it trains.
        pipelines: Names of the pipelines, which name a run that trains none.
        environment: The environment.
        parameters: Parameters of the run.
    """
    members = list(members)
    if not members:
        return f"{' + '.join(pipelines)} ({environment})"
    fluxes = sorted({member.partition(".")[0] for member in members})
    of = fluxes[0] if len(fluxes) == 1 else f"{len(fluxes)} fluxes"
    if len(members) == 1:
        of, what = fluxes[0], members[0].partition(".")[2]
        count = f"{what} of {of}"
    else:
        count = f"{len(members)} members of {of}"
    model, scheme = parameters["ensemble"]["model"], parameters["training"]["scheme"]
    return f"{model}, {scheme}, {count} ({environment})"


def flat(parameters: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield every setting, with its dotted path; lists are one setting.

    Characters that MLflow refuses, as a peer's name may have, become ``_``.
    """
    for name, value in parameters.items():
        path = prefix + re.sub(r"[^\w .-]", "_", str(name))
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{path}.")
        else:
            yield path, str(value)


def facts_of(project: Path, environment: str, run: Any) -> dict[str, Any]:
    """Return what differs from run to run, for :func:`uflux_kedro.report.run_facts.run_table`.

    Where ``SOURCE_DATE_EPOCH`` is set, it is the date, and the MLflow run is left out: equal runs
    then give equal bytes.

    Args:
        project: Folder of the project.
        environment: Kedro's environment.
        run: The MLflow run under way; None if there is none.
    """
    commit = git_commit(project)
    facts: dict[str, Any] = {"started": int(time.time()), "environment": environment}
    if commit:
        facts |= {"commit": commit.removesuffix("+"), "changed": commit.endswith("+")}
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isdecimal():
        facts["started"] = int(epoch)
    elif run is not None:
        facts |= {"mlflow_run": run.info.run_id, "mlflow_page": page_of(run)}
    return facts


def page_of(run: Any) -> str:
    """Return the address of a run's page: on the server that keeps it, or on one of this machine."""
    store = os.environ.get("MLFLOW_TRACKING_URI", "")
    # Without the password that the address may have.
    remote = re.sub(r"//[^/@]*@", "//", store).rstrip("/") if store.startswith("http") else ""
    server = remote or f"http://127.0.0.1:{PORT}"
    return f"{server}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


def git_commit(project: Path) -> str | None:
    """Commit of the project's checkout, ``+`` behind it if files differ; None outside of git."""
    try:
        commit = _git(project, "rev-parse", "HEAD")
        changed = _git(project, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changed else "")


def _git(project: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(project), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return done.stdout.strip()


def environment_of() -> str:
    """Python, system and every installed library with its version, one a line."""
    libraries = {f"{found.name}=={found.version}" for found in distributions() if found.name}
    first = [f"# Python {platform.python_version()}", f"# {platform.platform()}"]
    return "\n".join([*first, *sorted(libraries, key=str.lower)]) + "\n"
