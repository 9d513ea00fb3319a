"""Take the screenshots of the docs: kedro-viz, the MLflow UI and the report.

Run after ``make run``::

    .venv/bin/python docs/screenshots.py

Needs Chromium (Debian: ``apt-get install chromium``). The servers listen on the loopback
address only and are stopped at the end.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
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
    seconds: float = 120,
    folder: Path = PROJECT,
    environment: Mapping[str, str] = ENVIRONMENT,
) -> Iterator[None]:
    """Run a server until the block ends; stop it with its child processes."""
    server = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
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


class Browser:
    """Headless Chromium, controlled through a pipe with its DevTools protocol."""

    def __init__(self, width: int = 1500, height: int = 950) -> None:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        if chromium is None:
            raise SystemExit("Chromium not found: apt-get install chromium")
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        (to_read, self._write), (self._read, to_write) = os.pipe(), os.pipe()
        # Chromium reads commands from descriptor 3 and writes responses to 4.
        flags = [*CHROMIUM_FLAGS, "--remote-debugging-pipe", f"--window-size={width},{height}"]
        self._process = subprocess.Popen(
            [
                *("bash", "-c", f'exec "$@" 3<&{to_read} 4>&{to_write}', "bash"),
                *(chromium, *flags, f"--user-data-dir={self._profile.name}", "about:blank"),
            ],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._number, self._buffer, self._session = 0, b"", None
        targets = self._call("Target.getTargets")["targetInfos"]
        target = next(t["targetId"] for t in targets if t["type"] == "page")
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)
        os.close(self._write)
        os.close(self._read)
        self._profile.cleanup()

    def _call(self, method: str, **params: object) -> dict:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._buffer:
                self._buffer += os.read(self._read, 1 << 20)
            answer, self._buffer = self._buffer.split(b"\0", 1)
            message = json.loads(answer)
            if message.get("id") == self._number:
                return message["result"]

    def open(self, url: str, seconds: float = 20) -> None:
        """Open a page and give its scripts time to render it."""
        self._call("Page.navigate", url=url)
        time.sleep(seconds)

    def before_each_page(self, script: str) -> None:
        """Run a script in each page that is opened from now on, before its own scripts."""
        self._call("Page.enable")
        self._call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def do(self, script: str, seconds: float = 3) -> object:
        """Run a script in the page, give the page time, and return the script's value."""
        result = self._call("Runtime.evaluate", expression=script, returnByValue=True)["result"]
        time.sleep(seconds)
        return result.get("value")

    def until(self, script: str, seconds: float = 60) -> object:
        """Run a script until its value is true, and return that.

        Raises:
            TimeoutError: If it is not within the given time.
        """
        deadline = time.monotonic() + seconds
        while not (value := self.do(script, seconds=0.2)):
            if time.monotonic() > deadline:
                raise TimeoutError(script)
        return value

    def keep(self, name: str) -> None:
        """Save a screenshot of the window."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        picture = PICTURES / f"{name}.png"
        data = self._call("Page.captureScreenshot", format="png")["data"]
        picture.write_bytes(base64.b64decode(data))
        print(f"{picture.relative_to(PROJECT)}  {picture.stat().st_size // 1024} KiB")


def click(text: str) -> str:
    """Return a script that clicks the button with a text or label, if it exists."""
    return (
        "[...document.querySelectorAll('button, [role=button], [role=menuitem], label')]"
        f".find(b => (b.getAttribute('aria-label') || b.textContent).trim() === {text!r})?.click()"
    )


def tick(column: str) -> str:
    """Return a script that ticks a column, or a group of columns, in MLflow's list."""
    return f"document.querySelector('span[title={column}]')?.previousElementSibling.click()"


def kedro_viz() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [
        *(sys.executable, "-m", "kedro", "viz", "run", "--no-browser"),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]
    with serving(command, url), Browser() as browser:
        # On the first visit, hints cover the graph.
        browser.before_each_page(
            "localStorage.setItem('KedroViz', JSON.stringify({showFeatureHints: false}))"
        )
        # As the command opens it.
        browser.open(f"{url}?types=nodes&expandAllPipelines=false", seconds=20)
        browser.do(click("Dismiss"))
        browser.keep("kedro_viz")


def mlflow_ui() -> None:
    from mlflow.tracking import MlflowClient

    database = f"sqlite:///{PROJECT / 'mlflow.db'}"
    client = MlflowClient(database)
    experiment = client.get_experiment_by_name("uflux").experiment_id
    best = client.search_runs(
        [experiment], "tags.flux = 'GPP'", order_by=["metrics.NSE DESC"], max_results=1
    )[0]
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [
        *(sys.executable, "-m", "mlflow", "ui", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", database),
    ]
    runs = f"{url}#/experiments/{experiment}/runs"
    with serving(command, url), Browser() as browser:
        browser.open(
            f"{runs}?orderByKey=metrics.%60NSE%60&orderByAsc=false"
            "&searchFilter=tags.flux%20%3D%20%27GPP%27"
        )
        browser.do(click("Close"))
        browser.do(click("Model training"))
        # Metrics appear next to the names once their columns are selected.
        browser.do(click("Columns"))
        for column in ("Dataset", "Source", "Models", "NSE", "KGE", "CCC", "MAE", "MBE"):
            browser.do(tick(column), seconds=1)
        browser.do(click("Columns"))
        browser.keep("mlflow_runs")
        browser.open(f"{runs}/{best.info.run_id}", seconds=10)
        browser.keep("mlflow_member")


def report() -> None:
    for name in ("scatter", "leaderboard", "mean_maps", "profiles"):
        shutil.copy(PROJECT / f"data/08_reporting/figure_{name}.png", PICTURES / f"{name}.png")
    with Browser(1200, 1500) as browser:
        browser.open((PROJECT / "data/08_reporting/report.html").as_uri(), seconds=3)
        browser.keep("report")


def main() -> None:
    pictures = {"kedro_viz": kedro_viz, "mlflow": mlflow_ui, "report": report}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", nargs="*", help=f"some of {', '.join(pictures)}; all if none")
    for name in parser.parse_args().which or pictures:
        pictures[name]()


if __name__ == "__main__":
    main()
