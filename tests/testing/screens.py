"""Kedro-viz and the MLflow UI as a user opens them: for tests, and for the pictures in the docs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kedro_viz.integrations.kedro.hooks_utils import hash_node
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
def mlflow_ui(environment: Mapping[str, str]) -> Iterator[str]:
    """Serve the runs as ``make mlflow`` does until the block ends.

    Yields:
        Address of the server.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uflux_kedro.tracking", "--no-browser", "--port", str(port)]
    with serving(command, url, PROJECT, environment):
        yield url


def open_boxes(page: Page, url: str) -> None:
    """Open kedro-viz as the command does: boxes alone, without the hints of a first visit."""
    page.add_init_script(
        "localStorage.setItem('KedroViz', JSON.stringify({showFeatureHints: false}))"
    )
    page.goto(url + BOXES_ONLY)
    expect(page.locator(".pipeline-node")).not_to_have_count(0)


def open_dataset(page: Page, url: str, name: str) -> None:
    """Open the page of a dataset of the report, with its preview."""
    page.goto(f"{url}?pid=reporting&sid={hash_node(name)}&types=nodes,datasets")
    title = page.locator(".pipeline-metadata__title")
    expect(title).to_have_text(name)


def open_runs(
    page: Page, url: str, experiment: str, flux: str | None = None, *, charts: bool = False
) -> None:
    """Open an experiment of MLflow: all runs, or the members of a flux with the best first.

    Args:
        page: The page.
        url: Address of the server.
        experiment: Identifier of the experiment.
        flux: The flux; None for all runs.
        charts: Show the members' metrics as bars.
    """
    page.goto("about:blank")  # pages of one address keep what was chosen on them
    members = (
        "&orderByKey=metrics.%60NSE%60&orderByAsc=false"
        f"&searchFilter=tags.flux%20%3D%20%27{flux}%27"
    )
    page.goto(
        address(url, experiment)
        + (members if flux else "")
        + ("&compareRunsMode=CHART" if charts else "")
    )
    shown = page.locator(".bartext" if charts else ".ag-row")
    expect(shown).not_to_have_count(0)
    close = page.get_by_role("button", name="Close", exact=True)
    if close.is_visible():  # the assistant covers a quarter of the window
        close.click()


def open_member(page: Page, url: str, experiment: str, run: str) -> None:
    """Open the page of one run of MLflow, with its metrics."""
    page.goto(f"{url}/#/experiments/{experiment}/runs/{run}")
    expect(page.get_by_text("Metrics (")).to_be_visible()
