"""Build the wheel, install it in a clean environment and run the library's page there.

``make wheel`` and ``make pythons`` call this. Of the packages only the library's own are installed,
at their locked versions.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from configparser import ConfigParser
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PREPARE = """
from pathlib import Path

from uflux_kedro.demo_world import DemoWorldParameters, write_demo_world

small = DemoWorldParameters(resolution=10, first_year=2018, last_year=2019, n_towers=8)
write_demo_world(small, Path("data/01_raw"), Path("data/demo_truth"))
"""

IMPORT_ALL = """
import pkgutil
import sys
from importlib import import_module

seen = 0
for name in sys.argv[1:]:
    top = import_module(name)
    assert "site-packages" in top.__file__, top.__file__
    for module in pkgutil.walk_packages(getattr(top, "__path__", []), f"{name}."):
        if not module.name.endswith("deep_forest.worker"):  # it runs in a Python of its own
            import_module(module.name)
            seen += 1
assert seen > 150, seen
"""


def science() -> list[str]:
    """Modules that import neither Kedro nor MLflow, as import-linter is told."""
    rules = ConfigParser()
    rules.read(PROJECT / ".importlinter")
    return rules["importlinter:contract:science"]["source_modules"].split()


def run(*command: object, cwd: Path, code: int = 0) -> str:
    """Run a command, without this project's folder on its path; return what it prints."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode != code:
        sys.exit(f"{' '.join(map(str, command))[:80]} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def main() -> None:
    """Try the wheel with one Python."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="interpreter of the environment")
    python = shutil.which(parser.parse_args().python)
    if python is None:
        sys.exit("There is no such interpreter")
    uv = Path(sys.executable).parent / "uv"
    with tempfile.TemporaryDirectory(prefix="uflux-wheel-") as name:
        folder = Path(name)
        # Of a copy, since building leaves traces.
        shutil.copytree(PROJECT / "src", folder / "project/src")
        for file in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(PROJECT / file, folder / "project")
        run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
            "--wheel-dir", folder, folder / "project", cwd=folder)  # fmt: skip
        (wheel,) = folder.glob("*.whl")
        run(uv, "venv", "--quiet", "--python", python, folder / "venv", cwd=folder)
        own = folder / "venv/bin/python"
        run(uv, "pip", "install", "--quiet", "--python", own, wheel,
            "--constraint", PROJECT / "requirements-dev.lock", cwd=folder)  # fmt: skip
        page = (PROJECT / "docs/library.md").read_text()
        blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        run(own, "-c", IMPORT_ALL, *science(), cwd=folder)
        printed = run(own, "-c", "\n".join([PREPARE, *blocks]), cwd=folder)
        if not re.search(r"NSE 0\.\d\d at 8 sites", printed):
            sys.exit(f"The page's example printed no score:\n{printed}")
        said = run(own, "-m", "uflux_kedro", cwd=folder, code=1)
        if "pip install 'uflux_kedro[kedro]'" not in said or "Traceback" in said:
            sys.exit(f"The pipelines without the extra kedro said:\n{said}")
    print(f"{wheel.name}: the library's page runs from the wheel with {python}")  # noqa: T201


if __name__ == "__main__":
    main()
