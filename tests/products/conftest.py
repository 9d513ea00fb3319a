"""Drivers and members of a small product, for each file that does not write its own."""

from __future__ import annotations

import pytest

from tests.testing.products import write_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    write_world(folder)
    return folder
