"""A fake Zenodo with one record."""

from __future__ import annotations

import random

import pytest

from tests.testing.servers import QUICK, Running
from tests.testing.zenodo_server import RECORD, Zenodo
from uflux_kedro.downloads import ZenodoFetcher


@pytest.fixture
def content() -> bytes:
    """Content of a file, longer than one block of a transfer."""
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
