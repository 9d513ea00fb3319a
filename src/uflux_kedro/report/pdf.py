"""A page as PDF, printed by Chromium where it is installed."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    *("--headless", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions"),
    *("--no-first-run", "--disable-background-networking", "--hide-scrollbars"),
    *("--no-pdf-header-footer", "--generate-pdf-document-outline"),
    # The page is our own and loads nothing; containers often allow no sandbox.
    "--no-sandbox",
)
_DATE = re.compile(rb"\(D:\d{14}")
_SCRIPT = re.compile(r"<script>.*?</script>", re.DOTALL)
"""What sorts, folds and enlarges: on paper it only takes time."""


def find_chromium() -> str | None:
    """Return the path of Chromium or Chrome; None if there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def print_page(html: str, chromium: str, seconds: float = 90) -> bytes:
    """Print a page that needs no other file.

    Args:
        html: The page.
        chromium: Path of Chromium.
        seconds: Time after which Chromium is ended.

    Returns:
        The PDF, the same for the same page and Chromium; nothing if Chromium fails or takes longer,
        which a warning says.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page, pdf = Path(folder, "page.html"), Path(folder, "page.pdf")
        page.write_text(_SCRIPT.sub("", html), encoding="utf-8")
        command = [
            *(chromium, *_FLAGS, f"--user-data-dir={folder}/profile"),
            *(f"--print-to-pdf={pdf}", page.as_uri()),
        ]
        try:
            code = _run(command, seconds)
        except subprocess.TimeoutExpired:
            logger.warning("No PDF of the report: %s took longer than %g s", chromium, seconds)
            return b""
        except OSError as error:
            logger.warning("No PDF of the report: %s", error)
            return b""
        if code or not pdf.is_file():
            logger.warning("No PDF of the report: %s ended with status %d", chromium, code)
            return b""
        return _DATE.sub(b"(D:19700101000000", pdf.read_bytes())


def _run(command: list[str], seconds: float) -> int:
    """Run a command and its children for some time; return its exit status."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        return process.wait(seconds)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
