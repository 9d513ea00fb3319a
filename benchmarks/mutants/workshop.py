"""A copy of the project in which files are broken, and forked processes that test it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

_POLL_S = 0.01


def copy_project(root: Path, to: Path) -> None:
    """Copy what git knows or would add: neither environments nor data."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (root / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, to / name)


def load(modules: list[str]) -> None:
    """Import libraries, which the forks then find loaded."""
    for name in modules:
        with suppress(Exception):  # a plugin's module may want what is not here
            import_module(name)


def fork(work: Callable[[], int], copy: Path, log: Path, limit_s: float) -> int | None:
    """Run ``work`` in a fork that imports the project from its copy.

    Args:
        work: What to run; returns the exit code.
        copy: Root of the copy.
        log: File that takes what it prints.
        limit_s: Time after which it is killed, with all that it started.

    Returns:
        The exit code; None where the time ran out.
    """
    pid = os.fork()
    if pid == 0:
        _become(work, copy, log)
    ends = time.monotonic() + limit_s
    while time.monotonic() < ends:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(_POLL_S)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def _become(work: Callable[[], int], copy: Path, log: Path) -> None:
    code = 1
    try:
        os.setsid()
        with log.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        os.chdir(copy)
        os.environ["PYTHONPATH"] = str(copy / "src")
        sys.path[:0] = [str(copy / "src"), str(copy)]
        code = work()
    finally:
        sys.stdout.flush()
        os._exit(code)
