"""Headless Chromium, and servers on the loopback address for it to look at."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from uflux_kedro.report.pdf import find_chromium

CHROMIUM = find_chromium()
FLAGS = ("--disable-gpu", "--disable-quic")

expect.set_options(timeout=120_000)  # a busy machine draws slowly

needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")


@contextmanager
def chromium(width: int = 1500, height: int = 950, flags: Sequence[str] = FLAGS) -> Iterator[Page]:
    """Open a page in the Chromium of the system until the block ends."""
    assert CHROMIUM, "Chromium is not installed: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(flags))
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(120_000)
            yield page
        finally:
            browser.close()


def free_port() -> int:
    """Return a free port below 49152: kedro-viz accepts none of the ephemeral ports.

    Any of them: two that begin to look at one place find the same port.
    """
    while True:
        port = random.randrange(20000, 49152)
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)):
                return port


@contextmanager
def serving(
    command: list[str],
    url: str,
    folder: Path,
    environment: Mapping[str, str],
    seconds: float = 300,
) -> Iterator[None]:
    """Run a server until the block ends; stop it with its child processes.

    Raises:
        RuntimeError: If it ends, or does not answer in time.
    """
    server = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"KEDRO_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError as error:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{' '.join(command)} does not answer at {url}") from error
                time.sleep(0.5)
        yield
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def answer(url: str) -> Any:
    """Return what a server answers, as JSON."""
    with urllib.request.urlopen(url, timeout=60) as response:
        return json.load(response)
