"""A small Zenodo on this machine."""

from __future__ import annotations

import random

import pytest

from tests.testing.servers import QUICK, Running
from tests.testing.zenodo_server import RECORD, Zenodo
from uflux_kedro.downloads import ZenodoFetcher


@pytest.fixture
def content() -> bytes:
    """Bytes of a file, more than are read at a time."""
    return random.Random(1).randbytes(400_000)


@pytest.fixture
def zenodo(content):
    """A Zenodo with one record of three files."""
    served = Zenodo()
    served.records[RECORD] = {
        "training.parquet": content,
        "grid 2019.nc": content[::-1],
        "README.md": b"what it is",
    }
    with Running(served) as running:
        yield running


@pytest.fixture
def fetcher(zenodo) -> ZenodoFetcher:
    return ZenodoFetcher(zenodo.api, patience=QUICK)
