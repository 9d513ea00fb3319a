"""Records one below the other: as pandas does it, in half the memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.readers.towers.stack import Stack


def record(site: str, first: str = "2001-01-01", rows: int = 3, **columns) -> pd.DataFrame:
    return pd.DataFrame({"site_id": site, "time": pd.date_range(first, periods=rows)} | columns)


def stack_of(*records: pd.DataFrame) -> Stack:
    stack = Stack()
    for one in records:
        assert stack.add(one) == len(one)
    return stack


@pytest.mark.parametrize(
    "records",
    [
        [record("A", GPP=1.0, NEE=[np.nan, 2.0, 3.0]), record("B", GPP=2.0), record("C", NEE=1.5)],
        [record("A", GPP=1.0), record("B", GPP=2)],
        [record("A", GPP=1), record("B", GPP=2.5), record("C", NEE=1.0)],
        [record("A", GPP=1.0)],
        [record("A", GPP=[1.0, 2.0, 3.0])[::2], record("B", rows=0, GPP=2.0)],
    ],
    ids=["columns that some lack", "integers later", "integers first", "one", "parts"],
)
def test_it_is_the_table_that_pandas_makes(records):
    expected = pd.concat(records, ignore_index=True)
    stack = stack_of(*records)
    assert stack.rows == len(expected)
    pd.testing.assert_frame_equal(stack.table(), expected)


def test_its_numbers_may_be_changed():
    table = stack_of(record("A", GPP=1.0), record("B", GPP=2.0)).table()
    table.loc[0, "GPP"] = 9.0
    assert table["GPP"].tolist() == [9.0, 1.0, 1.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("records", "in_order"),
    [
        ([record("A"), record("B")], True),
        ([record("A"), record("A", "2002-01-01")], True),
        ([record("B"), record("A")], False),
        ([record("A", "2002-01-01"), record("A")], False),
        ([record("A"), record("A", "2001-01-03")], False),
        ([record("A").iloc[[0, 0]]], False),
        ([record("A", rows=0), record("B")], False),
        ([record("A")[::-1]], False),
        ([pd.concat([record("A"), record("B")])], False),
    ],
)
def test_it_knows_whether_rows_are_sorted_by_tower_and_time(records, in_order):
    assert stack_of(*records).in_order is in_order
