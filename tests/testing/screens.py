"""Kedro-viz and the MLflow UI as a user opens them: for tests, and for the pictures in the docs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.testing.browser import free_port, serving
from tests.testing.project import PROJECT
from uflux_kedro.cli import BOXES_ONLY
from uflux_kedro.tracking.__main__ import address

_KEDRO_VIZ = (
    "import sys; from kedro_viz.server import run_server; "
    "run_server(host='127.0.0.1', port=int(sys.argv[1]), env=sys.argv[2], project_path='.')"
)
"""What ``kedro viz run`` starts in a process of its own."""

PATIENCE = 60_000
"""Milliseconds: a busy machine draws slowly."""


def copy_of_project(folder: Path) -> Path:
    """Copy what kedro-viz reads: it looks for the record of runs in the project's own folder."""
    for name in ("src", "conf"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", folder)
    return folder


@contextmanager
def kedro_viz(folder: Path, env: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Serve the pipelines of a project until the block ends.

    Yields:
        Address, which ends in ``/``.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-c", _KEDRO_VIZ, str(port), env]
    with serving(command, url, folder, {"KEDRO_ENV": env, **environment}):
        yield url


@contextmanager
def mlflow_ui(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Serve the runs as ``make mlflow`` does until the block ends.

    Yields:
        Address of the server.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uflux_kedro.tracking", "--no-browser", "--port", str(port)]
    with serving(command, url, folder, environment):
        yield url


def open_boxes(page: Page, url: str) -> None:
    """Open kedro-viz as the command does: boxes alone, without the hints of a first visit."""
    page.add_init_script(
        "localStorage.setItem('KedroViz', JSON.stringify({showFeatureHints: false}))"
    )
    page.goto(url + BOXES_ONLY)
    expect(page.locator(".pipeline-node")).not_to_have_count(0, timeout=PATIENCE)


def open_runs(page: Page, url: str, experiment: str, flux: str) -> None:
    """Open the members of a flux in MLflow, the best first."""
    page.goto(
        f"{address(url, experiment)}&orderByKey=metrics.%60NSE%60&orderByAsc=false"
        f"&searchFilter=tags.flux%20%3D%20%27{flux}%27"
    )
