"""Fixtures that several packages of tests use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.testing.project import PROJECT

# A busy machine is no reason to fail, and a failure must come back in the next run.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")

# Threads of OpenMP and OpenBLAS wait for each other by spinning. Where several tests share the cores,
# that takes many times the work itself. Processes that tests start inherit this.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

LONGEST = ("tests/test_run.py", "tests/products/test_production.py")
"""Files that take minutes: they come first, so that no worker is left with one at the end."""


def pytest_collection_modifyitems(items):
    def place(item):
        file = item.path.relative_to(PROJECT).as_posix()
        return LONGEST.index(file) if file in LONGEST else len(LONGEST)

    items.sort(key=place)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of measured data beside the checkout; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("UFLUX_SHARED_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"measured data not found at {folder}; set UFLUX_SHARED_DATA to its folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _apart(tmp_path_factory):
    """Keep tests out of the user's MLflow database, data and record of runs."""
    folder = tmp_path_factory.mktemp("apart")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        patch.setenv("MLFLOW_ARTIFACT_LOCATION", (folder / "mlartifacts").as_uri())
        patch.setenv("UFLUX_TEST_DATA", str(folder / "data"))
        patch.setenv("UFLUX_VIZ_FOLDER", str(folder / ".viz"))
        yield
