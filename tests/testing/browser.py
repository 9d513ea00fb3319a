"""Kedro-viz in headless Chromium."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

from tests.testing.project import PROJECT

_SERVER = (
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
def kedro_viz(folder: Path, env: str, environment: Mapping[str, str]) -> Iterator[tuple[Any, str]]:
    """Serve a project on the loopback address until the block ends; skip without Chromium.

    Yields:
        The browser and the server's address.
    """
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("Chromium is not installed")
    pictures = run_path(str(PROJECT / "docs/screenshots.py"))
    port = pictures["free_port"]()
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-c", _SERVER, str(port), env]
    environment = pictures["ENVIRONMENT"] | dict(environment) | {"KEDRO_ENV": env}
    with (
        pictures["serving"](command, url, 300, folder, environment),
        pictures["Browser"]() as browser,
    ):
        yield browser, url


def answer(url: str) -> Any:
    """Return what the server answers, as JSON."""
    with urllib.request.urlopen(url, timeout=60) as response:
        return json.load(response)
