from __future__ import annotations

import random

import pytest

from tests.testing.servers import Running
from tests.testing.zenodo_server import Zenodo
from uflux_kedro.downloads import Patience, ZenodoFetcher

RECORD = 17255948
QUICK = Patience(retries=3, backoff=0.001, longest_wait=2, timeout=5)


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
