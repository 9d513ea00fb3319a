"""Thresholds of USTAR as a table, and records of many towers as two tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.testing.half_hours import Tower
from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling.collection import as_tables, checked, part_of, records_of
from uflux_kedro.gapfilling.parameters import UstarParameters
from uflux_kedro.gapfilling.thresholds import (
    remarks_on_ustar,
    threshold_by_year,
    thresholds_table,
    without_still_nights,
)
from uflux_kedro.gapfilling.ustar import ustar_thresholds
from uflux_kedro.readers import HalfHours

FEW = UstarParameters(n_bootstrap=12)


@pytest.fixture(scope="module")
def record() -> HalfHours:
    table, _ = Tower(threshold=0.25).record()
    return HalfHours("US-Xyz", table, latitude=45.0, longitude=0.0, IGBP="DBF", source="tower.csv")


@pytest.fixture(scope="module")
def thresholds(record) -> pd.DataFrame:
    return thresholds_table(record, FEW, seed=0)


def test_thresholds_are_a_table_of_years_and_percentiles(record, thresholds):
    assert set(thresholds["kind"]) == {"VUT", "CUT"}
    assert thresholds["record"].eq("US-Xyz_2011-2011").all()
    middle = thresholds.query("kind == 'VUT' and percentile == 50")
    assert middle["year"].tolist() == [2011]
    found = ustar_thresholds(record.table, n_bootstrap=12, seed=0)
    assert middle["USTAR"].tolist() == found.by_year()[50.0].tolist()
    assert thresholds.query("kind == 'CUT'")["USTAR"].tolist() == found.constant().tolist()


def test_still_nights_are_left_out(record, thresholds):
    (limit,) = threshold_by_year(thresholds, pd.Index([2011]), FEW, 50.0)
    table = without_still_nights(record, thresholds, FEW)
    lost = table["NEE"].isna()
    still = (record.table["SW_IN"] < 10) & (record.table["USTAR"] < limit)
    assert lost[still].all()
    assert 0.1 < lost.mean() < 0.5
    assert not lost[record.table["SW_IN"] > 100].any()
    assert record.table["NEE"].notna().all()


def test_a_year_without_threshold_takes_the_constant_one(thresholds):
    years = pd.Index([2011, 2012])
    own = threshold_by_year(thresholds, years, FEW, 50.0)
    assert own[2012] == thresholds.query("kind == 'CUT' and percentile == 50")["USTAR"].iloc[0]
    constant = FEW.model_copy(update={"thresholds": "constant"})
    assert threshold_by_year(thresholds, years, constant, 50.0).eq(own[2012]).all()


@pytest.mark.parametrize("change", [{"filtered": True}, {"table": None}])
def test_records_that_are_not_filtered(record, change):
    change = {k: v or record.table.drop(columns="USTAR") for k, v in change.items()}
    other = replace(record, **change)
    found = thresholds_table(other, FEW, seed=0)
    assert found.empty
    assert without_still_nights(other, found, FEW) is other.table
    remarks = remarks_on_ustar(other, found, FEW)
    assert [r["found"] for r in remarks] == (
        [] if other.filtered else ["none for 2011: NEE of still nights stays"]
    )


def test_records_come_back_from_their_tables(record):
    hours = record.table.iloc[:96:2]
    other = HalfHours("DE-Abc", hours.assign(WS=2.0), utc_offset=1.0)
    rows, properties, findings = as_tables([record, replace(other, findings=[{"check": "gap"}])])
    assert findings == [{"check": "gap"}]
    first, second = records_of(rows, properties)
    assert (first.latitude, first.utc_offset, second.utc_offset, second.IGBP) == (45, None, 1, None)
    pd.testing.assert_frame_equal(first.table, record.table, check_freq=False)
    assert "WS" in second.table
    assert len(part_of(rows, "DE-Abc_2011-2011")) == 48


@pytest.mark.parametrize(
    ("longitude", "shift", "offset"), [(0.0, 0, 0), (-85.0, 0, -5.5), (15.0, -2, 0)]
)
def test_a_clock_that_nobody_states_is_read_from_the_sun(record, longitude, shift, offset):
    sun = np.roll(record.table["SW_IN"], shift)
    found = checked(replace(record, longitude=longitude, table=record.table.assign(SW_IN=sun)))
    assert found.utc_offset == offset
    assert any(f"{offset:+g} h are assumed, from the hour" in f["found"] for f in found.findings)
    stated = checked(replace(record, utc_offset=1.0))
    assert stated.utc_offset == 1


def test_a_checked_record_names_its_file(record):
    with pytest.raises(InputError, match=r"tower.csv: TA: expected -87 to 67 degC"):
        checked(replace(record, table=record.table.assign(TA=300.0)))
    sound = checked(
        replace(record, table=record.table.assign(H=np.nan), latitude=None, longitude=None)
    )
    found = [(f["check"], f["variable"]) for f in sound.findings if f["check"] != "spikes"]
    assert found == [("flux", "H"), ("place", "latitude, longitude")]
