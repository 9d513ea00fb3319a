"""Simulated and measured towers for the quality checks."""

from __future__ import annotations

import pytest

from tests.testing.towers import read_monthly_towers, simulate_towers


@pytest.fixture
def healthy():
    return simulate_towers()


@pytest.fixture(scope="session")
def mended(shared_data):
    return read_monthly_towers([shared_data / "towers_monthly" / "fluxnet2015_monthly.csv.gz"])


@pytest.fixture(scope="session")
def as_distributed(shared_data):
    return read_monthly_towers(
        sorted((shared_data / "towers_monthly" / "as_distributed").glob("*.csv"))
    )
