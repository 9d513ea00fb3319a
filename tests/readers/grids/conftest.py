"""Inputs that failed once, beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def faults(shared_data: Path) -> Path:
    folder = shared_data.parent / "faults"
    if not folder.is_dir():
        pytest.skip(f"no faulty inputs at {folder}")
    return folder
