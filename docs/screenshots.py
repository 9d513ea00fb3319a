"""Take the pictures of the docs: kedro-viz, the MLflow UI and the report.

Run after ``make run``::

    .venv/bin/python docs/screenshots.py

Needs Chromium (Debian: ``apt-get install chromium``). The servers listen on the loopback
address only and are stopped at the end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PICTURES = PROJECT / "docs" / "images"
ENVIRONMENT = os.environ | {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "KEDRO_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
}
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextmanager
def serving(command: list[str], url: str, seconds: float = 120) -> Iterator[None]:
    """Run a server until the block ends; its children go with it."""
    server = subprocess.Popen(
        command,
        cwd=PROJECT,
        env=ENVIRONMENT,
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
                    raise SystemExit(f"{' '.join(command)} does not answer at {url}") from error
                time.sleep(0.5)
        yield
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def photograph(url: str, name: str, width: int = 1500, height: int = 950) -> None:
    """Open a page in headless Chromium and keep what it shows."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("Chromium not found: apt-get install chromium")
    PICTURES.mkdir(parents=True, exist_ok=True)
    picture = PICTURES / f"{name}.png"
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                chromium,
                *CHROMIUM_FLAGS,
                f"--user-data-dir={profile}",
                f"--window-size={width},{height}",
                "--virtual-time-budget=30000",
                f"--screenshot={picture}",
                url,
            ],
            check=True,
            timeout=180,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    print(f"{picture.relative_to(PROJECT)}  {picture.stat().st_size // 1024} KiB")


def kedro_viz() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [
        *(sys.executable, "-m", "kedro", "viz", "run", "--no-browser"),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]
    with serving(command, url):
        photograph(url, "kedro_viz")


def mlflow_ui() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [
        *(sys.executable, "-m", "mlflow", "ui", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{PROJECT / 'mlflow.db'}"),
    ]
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{PROJECT / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("uflux").experiment_id
    runs = client.search_runs([experiment], "tags.flux = 'GPP'", order_by=["metrics.NSE DESC"])
    with serving(command, url):
        photograph(
            f"{url}#/experiments/{experiment}/runs?orderByKey=metrics.%60NSE%60&orderByAsc=false",
            "mlflow_runs",
        )
        photograph(f"{url}#/experiments/{experiment}/runs/{runs[0].info.run_id}", "mlflow_member")


def report() -> None:
    photograph((PROJECT / "data/08_reporting/report.html").as_uri(), "report", 1200, 1800)


def main() -> None:
    pictures = {"kedro_viz": kedro_viz, "mlflow": mlflow_ui, "report": report}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", nargs="*", default=list(pictures), choices=list(pictures))
    for name in parser.parse_args().which:
        pictures[name]()


if __name__ == "__main__":
    main()
