"""Versions of libraries, extras that are missing, and the two locks."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest

from tests.testing.project import PROJECT
from uflux_kedro import installed
from uflux_kedro.errors import MissingExtraError


@pytest.fixture
def packages(monkeypatch):
    """Packages that are installed: name -> version, to be changed by a test."""
    found: dict[str, str] = {}
    installed.build_of.cache_clear()

    def version(name):
        if name not in found:
            raise PackageNotFoundError(name)
        return found[name]

    monkeypatch.setattr(installed.metadata, "version", version)
    yield found
    installed.build_of.cache_clear()


def test_a_library_has_the_version_of_its_build(packages):
    packages |= {"xgboost-cpu": "3.2.0", "numpy": "2.4"}
    assert installed.version_of("xgboost") == "3.2.0"
    assert installed.version_of("numpy") == "2.4"
    packages["xgboost"] = "3.4.1"
    installed.build_of.cache_clear()
    assert installed.version_of("xgboost") == "3.4.1"
    with pytest.raises(PackageNotFoundError):
        installed.version_of("lightgbm")


def test_the_packages_of_an_extra_that_are_missing_are_named(packages, monkeypatch):
    required = [
        "numpy>=2.1",
        "xgboost>=3.0; sys_platform == 'nosuch'",
        "colorama; sys_platform != 'nosuch'",
        "kedro<2,>=1.7; extra == 'kedro'",
        "mlflow>=3; extra == 'kedro'",
        "kedro-datasets[json]>=9; extra == 'kedro'",
        "pyhdf; extra == 'hdf4'",
    ]
    monkeypatch.setattr(installed.metadata, "requires", lambda _: required)
    packages["kedro"] = "1.7"
    assert installed.missing_packages("kedro") == ["mlflow", "kedro-datasets"]
    with pytest.raises(
        MissingExtraError,
        match=r"^Runs need mlflow, kedro-datasets: pip install 'uflux_kedro\[kedro\]'$",
    ):
        installed.require_extra("kedro", "Runs")
    packages |= {"mlflow": "3.17", "kedro-datasets": "9.6"}
    installed.require_extra("kedro", "Runs")


WITHOUT = """
import sys
from importlib import metadata

absent = set({absent!r})
plain = metadata.version

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            return None
        return self.finder.find_spec(name, path, target)

def version(name):
    if name in absent:
        raise metadata.PackageNotFoundError(name)
    return plain(name)

sys.meta_path[:] = map(Without, sys.meta_path)
metadata.version = version
metadata.requires = lambda _: [f"{{name}}; extra == 'kedro'" for name in sorted(absent)]
"""


@pytest.mark.parametrize(
    ("absent", "code", "said"),
    [
        (
            ["kedro"],
            "import runpy; runpy.run_module('uflux_kedro', run_name='__main__')",
            "Error: Runs of the pipelines need kedro: pip install 'uflux_kedro[kedro]'",
        ),
        (
            ["mlflow"],
            "from kedro.framework.cli.cli import main; sys.argv = ['kedro', 'run']; main()",
            "Error: Runs of the pipelines need mlflow: pip install 'uflux_kedro[kedro]'",
        ),
        (
            ["kedro", "mlflow"],
            "import uflux_kedro.datasets",
            "MissingExtraError: Datasets of Kedro need kedro, mlflow: "
            "pip install 'uflux_kedro[kedro]'",
        ),
        (
            ["kedro"],
            "import uflux_kedro.pipelines.ingestion",
            "MissingExtraError: Pipelines of Kedro need kedro: pip install 'uflux_kedro[kedro]'",
        ),
    ],
)
def test_what_needs_a_missing_extra_says_so(absent, code, said):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(absent=absent) + code],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].endswith(said)
    assert ("Traceback" in done.stderr) == ("MissingExtraError" in said)


def locked(name: str) -> set[str]:
    """Entries of a file of locked packages: version, marker and hashes."""
    return set(re.split(r"\n(?=\S)", (PROJECT / name).read_text().strip()))


def test_running_takes_a_part_of_the_packages_of_developing():
    run, dev = locked("requirements.lock"), locked("requirements-dev.lock")
    assert run < dev
    assert len(run) < 0.75 * len(dev)
    assert all("==" in entry and "--hash=sha256:" in entry for entry in dev)
    assert not any("://" in entry for entry in dev)


def test_cuda_is_not_locked():
    dev = locked("requirements-dev.lock")
    assert not [entry for entry in dev if entry.startswith("nvidia-")]
    cuda_builds = [entry for entry in dev if entry.startswith("xgboost==")]
    assert cuda_builds
    assert all("sys_platform == 'darwin'" in entry for entry in cuda_builds)
