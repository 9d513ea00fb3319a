"""Random errors of records without humidity."""

from __future__ import annotations

import numpy as np
import pytest

from tests.testing.half_hours import Tower
from uflux_kedro.gapfilling import GapFiller


@pytest.fixture(scope="module")
def record():
    table, _ = Tower().record("2011-04-01", "2011-07-01")
    table["NEE"] = table["NEE"].mask(np.random.default_rng(0).random(len(table)) < 0.2)
    return table


def test_random_errors_are_known_without_vpd(record):
    """Many tables have no humidity: their sums have random errors all the same."""
    with_vpd = GapFiller("mds", ("NEE",)).fit(record)
    with_vpd.fill(record)
    without = GapFiller("mds", ("NEE",)).fit(record.drop(columns=["VPD"]))
    filled = without.fill(record.drop(columns=["VPD"]))
    known = filled.loc[record["NEE"].notna(), "NEE_RANDUNC"].notna()
    assert known.mean() > 0.95
    random = [filler.sums("YY")["random"].iloc[0] for filler in (with_vpd, without)]
    assert random[1] == pytest.approx(random[0], rel=0.3)
