"""A tower that lacks weather, or values."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.testing.half_hours import Tower
from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling.parameters import GapFillingParameters
from uflux_kedro.gapfilling.tower import fill_tower, partition_tower, score_tower, sites_table
from uflux_kedro.readers import HalfHours

PARAMETERS = GapFillingParameters(method="mds")
NONE = pd.DataFrame(columns=["record", "kind", "year", "percentile", "USTAR"])


@pytest.fixture(scope="module")
def record() -> HalfHours:
    table, _ = Tower().record("2011-06-01", "2011-08-01")
    return HalfHours("US-Xyz", table, source="tower.csv")


def test_without_random_errors_days_are_partitioned_all_the_same(record):
    filled = pd.DataFrame({"NEE_F": record.table["NEE"]})
    parts = partition_tower(record, NONE, filled, PARAMETERS)
    assert list(parts) == ["GPP_NT", "RECO_NT", "GPP_DT", "RECO_DT"]
    assert parts.notna().all(axis=None)


@pytest.mark.parametrize("column", ["NEE", "TA"])
def test_what_cannot_be_partitioned_has_no_columns(record, column):
    table = record.table.drop(columns=column)
    filled = pd.DataFrame({f"{v}_F": table[v] for v in table if v == "NEE"}, table.index)
    parts = partition_tower(HalfHours("US-Xyz", table), NONE, filled, PARAMETERS)
    assert parts.shape == (len(table), 0)


def test_too_few_values_name_the_tower_and_are_not_compared(record):
    few = HalfHours("US-Xyz", record.table.iloc[:400], source="tower.csv")
    with pytest.raises(InputError, match=r"tower.csv: NEE.*500 measured records; found 400 of NEE"):
        fill_tower(few, NONE, PARAMETERS)
    assert score_tower(few, NONE, PARAMETERS).empty


def test_sites_without_place_are_left_out(record):
    known = HalfHours("DE-Abc", record.table, latitude=51.0, longitude=13.0, IGBP="ENF")
    assert sites_table([record, known, known])["SITE_ID"].tolist() == ["DE-Abc"]
