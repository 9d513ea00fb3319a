"""The Python interpreter that runs the package deep-forest: found, checked, or made on demand.

deep-forest 0.1.7, the last release, has wheels for Python 3.7 to 3.9 and requires NumPy below
1.24, so it cannot be installed with this project. ``python -m
uflux_kedro.models.deep_forest.environment`` makes an environment for it and prints the path of
its interpreter.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.files import remove

logger = logging.getLogger(__name__)

VARIABLE = "UFLUX_DEEPFOREST_PYTHON"
"""Environment variable that names the interpreter."""

WORKER = Path(__file__).with_name("worker.py")

_PYTHONS = ("3.9", "3.8", "3.7")

_PINS = (
    "deep-forest==0.1.7",
    "joblib==1.3.2",
    "threadpoolctl==3.1.0",
    "numpy==1.23.5; python_version >= '3.8'",
    "scikit-learn==1.1.3; python_version >= '3.8'",
    "scipy==1.10.1; python_version >= '3.8'",
    "numpy==1.21.6; python_version < '3.8'",
    "scikit-learn==1.0.2; python_version < '3.8'",
    "scipy==1.7.3; python_version < '3.8'",
)

HOW_TO_GET_IT = (
    "To get it, install Python 3.9 (`uv python install 3.9` or `pyenv install 3.9`) and run "
    "again: an environment is then made automatically. Or make one, `python3.9 -m venv "
    "deep-forest` and `deep-forest/bin/python -m pip install deep-forest==0.1.7 numpy==1.23.5 "
    f"scikit-learn==1.1.3`, and set {VARIABLE} to the path of deep-forest/bin/python"
)


def find_interpreter(python: str | None = None) -> str:
    """Return the interpreter to use; make one if none is named and none exists.

    Args:
        python: Path or command. If None, the environment variable ``UFLUX_DEEPFOREST_PYTHON``
            is used, then the environment in :func:`default_folder`.

    Returns:
        Path of the interpreter, which is not checked.

    Raises:
        ConfigurationError: If there is no such interpreter, or none can be made.
    """
    named, source = (python, "python") if python else (os.environ.get(VARIABLE), VARIABLE)
    if named:
        found = shutil.which(os.path.expanduser(named))
        if found is None:
            raise ConfigurationError(
                f"{source}={named!r}: expected a Python interpreter with deep-forest; found no "
                f"such command. {HOW_TO_GET_IT}"
            )
        # Links are kept: Python finds its environment by the path of the link.
        return os.path.abspath(found)
    return str(make_environment(default_folder()))


def default_folder() -> Path:
    """Return the folder of the environment that is made on demand, in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "uflux_kedro" / "deep-forest-0.1.7"


def make_environment(folder: str | Path, python: str | Path | None = None) -> Path:
    """Make a virtual environment with deep-forest 0.1.7: about 330 MB, a minute.

    The folder appears complete or not at all. An existing environment is kept, unless the Python
    that it was made with is gone. Of several processes one makes it and the others wait.

    Args:
        folder: Folder of the environment.
        python: Python 3.7 to 3.9 to make it with; None looks on PATH, then among pyenv's versions.

    Returns:
        Path of its interpreter.

    Raises:
        ConfigurationError: If there is no such Python, or the packages cannot be installed.
    """
    folder = Path(folder).absolute()
    interpreter = _python_of(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(folder.parent):
        if interpreter.exists():
            return interpreter
        if folder.exists() and any(folder.iterdir()) and not (folder / "pyvenv.cfg").exists():
            raise ConfigurationError(
                f"{folder}: expected a new or empty folder, found other files in it"
            )
        base = str(python) if python is not None else _find_python()
        if base is None:
            raise ConfigurationError(
                f"deep-forest requires Python {_PYTHONS[-1]} to {_PYTHONS[0]}; found none on PATH "
                f"or among pyenv's versions. {HOW_TO_GET_IT}"
            )
        logger.info("Making an environment for deep-forest in %s: about a minute", folder)
        building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            _build(building, base)
            remove(folder)
            building.rename(folder)
        finally:
            remove(building)
    return interpreter


def _build(folder: Path, base: str) -> None:
    _run_or_explain([base, "-I", "-m", "venv", str(folder)], f"{base} -m venv failed")
    interpreter = str(_python_of(folder))
    pip = [interpreter, "-I", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    # To build these old releases from source would require old compilers.
    _run_or_explain([*pip, "--only-binary=:all:", *_PINS], "its packages cannot be installed")
    check_interpreter(interpreter)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other thread or process is in this block with the same folder."""
    try:
        import fcntl
    except ImportError:
        # Windows: of several processes all but the first fail to rename, with an error.
        yield
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def check_interpreter(python: str, predictor: str | None = None) -> dict[str, str | None]:
    """Check that an interpreter can run deep-forest 0.1.7.

    Args:
        python: Path of the interpreter.
        predictor: Head that it must run too: ``xgboost`` or ``lightgbm``.

    Returns:
        Versions of Python and of the packages, None for those that are absent.

    Raises:
        ConfigurationError: If it cannot; lists the versions found.
    """
    code, answer, errors = _run([python, "-I", str(WORKER), "versions"])
    if code or not answer.startswith("{"):
        raise ConfigurationError(
            f"{python} did not run as a Python interpreter: {tail(errors)}. {HOW_TO_GET_IT}"
        )
    found = json.loads(answer)
    wanted = {
        "python": ("Python 3.7 to 3.9", (3, 7) <= _numbers(found["python"]) < (3, 10)),
        "deep-forest": ("deep-forest 0.1.7", found["deep-forest"] == "0.1.7"),
        "numpy": ("numpy below 1.24", _present_below(found["numpy"], (1, 24))),
        "scikit-learn": ("scikit-learn below 1.2", _present_below(found["scikit-learn"], (1, 2))),
    }
    if predictor == "xgboost":
        wanted[predictor] = ("xgboost below 2", _present_below(found[predictor], (2, 0)))
    elif predictor == "lightgbm":
        wanted[predictor] = ("lightgbm", found[predictor] is not None)
    unfit = [name for name, (_, fits) in wanted.items() if not fits]
    if unfit:
        packages = ", ".join(f"{name} {found[name] or 'absent'}" for name in wanted)
        raise ConfigurationError(
            f"{python} cannot run deep-forest: expected "
            f"{', '.join(wanted[name][0] for name in unfit)}; found {packages}. "
            + (
                f"Install it there: {python} -m pip install '{_HEADS[predictor]}'"
                if predictor and unfit == [predictor]
                else HOW_TO_GET_IT
            )
        )
    return found


_HEADS = {"xgboost": "xgboost<2", "lightgbm": "lightgbm<4"}
"""Packages of the heads, installed by the user: XGBoost is as large as all others together."""


def tail(text: str) -> str:
    """Return the last lines of a process's output."""
    return "\n".join(text.strip().splitlines()[-12:]) or "(nothing)"


def _present_below(version: str | None, limit: tuple[int, int]) -> bool:
    return version is not None and _numbers(version) < limit


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _find_python() -> str | None:
    """Find a Python 3.7 to 3.9 that can make virtual environments."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in _PYTHONS:
        candidates = [shutil.which(f"python{version}")]
        candidates += sorted(map(str, pyenv.glob(f"{version}.*/bin/python")), reverse=True)
        for candidate in candidates:
            if candidate and _is_version(candidate, version):
                return candidate
    return None


def _is_version(python: str, version: str) -> bool:
    # pyenv's shims are on PATH also for inactive versions, where they fail, and Debian's Python
    # comes without ensurepip.
    script = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    code, answer, _ = _run([python, "-I", "-c", script])
    return code == 0 and answer.strip() == version


def _python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _run_or_explain(command: list[str], what: str) -> None:
    code, _, errors = _run(command)
    if code:
        raise ConfigurationError(
            f"No environment for deep-forest: {what}: {tail(errors)}. {HOW_TO_GET_IT}"
        )


def _run(command: list[str]) -> tuple[int, str, str]:
    """Run a command; return its exit code, output and errors.

    The exit code is 127, as in a shell, if the command cannot be started.
    """
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace"
        )
    except OSError as error:
        return 127, "", str(error)
    return done.returncode, done.stdout, done.stderr


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    chosen = find_interpreter()
    check_interpreter(chosen)
    sys.stdout.write(f"{chosen}\n")
