"""Missing values, timestamps, order and bounds of tables of towers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.readers.towers.tables import (
    bounds,
    check_order,
    parse_times,
    to_numbers,
    within_bounds,
)


def test_what_stands_for_a_missing_number():
    column = pd.Series(["1", " 2.5 ", "-9999", "-9999.0", "", "NA", "#N/A", "null", None, -9998])
    found = to_numbers(column, "table.csv")
    np.testing.assert_array_equal(found, [1, 2.5, *[np.nan] * 7, -9998])
    with pytest.raises(InputError, match=r"TA: expected numbers; found 'n\.a\.' in 2 rows"):
        to_numbers(pd.Series(["n.a.", "1", "x"], name="TA"), "table.csv")


@pytest.mark.parametrize(
    ("text", "step", "expected"),
    [
        ("200403", "MM", "2004-03-01"),
        ("20040317", "MM", "2004-03-01"),
        ("20040317", "DD", "2004-03-17"),
        ("2004-03-17", "WW", "2004-03-17"),
        ("200403171330", "DD", "2004-03-17"),
        ("200403171330", "HH", "2004-03-17 13:30"),
        ("200403172300", "HR", "2004-03-17 23:00"),
        ("2004-03-17 13:30:00+02:00", "HH", "2004-03-17 13:30"),
        ("2004-03-17T23:59", "DD", "2004-03-17"),
    ],
)
def test_timestamps_as_networks_write_them(text, step, expected):
    found = parse_times(pd.Series([text, text], name="T"), step, "table.csv")
    assert found.tolist() == [pd.Timestamp(expected)] * 2
    assert found.dtype == "datetime64[ns]"


@pytest.mark.parametrize("text", ["2004", "200413", "20040230", "200403172500", "soon", "nan"])
def test_what_is_no_timestamp(text):
    with pytest.raises(InputError, match="T: expected timestamps YYYYMM, YYYYMMDD"):
        parse_times(pd.Series([text], name="T"), "MM", "table.csv")


def test_a_time_that_lacks_is_counted():
    with pytest.raises(InputError, match="found no timestamp in 1 rows"):
        parse_times(pd.Series(pd.to_datetime(["2004-01-01", None]), name="T"), "DD", "table.csv")


def keys(*rows):
    table = pd.DataFrame(rows, columns=["site_id", "time"])
    return table.assign(time=pd.to_datetime(table["time"]))


def test_order_is_that_of_each_site():
    check_order(keys(("B", "2004-01"), ("A", "2003-01"), ("B", "2004-02"), ("A", "2003-02")), "t")
    check_order(keys(("A", "2004-01"), ("B", "2004-01")), "t")
    with pytest.raises(InputError, match=r"each period once; found A 2004-01-01 twice \(1 rows"):
        check_order(keys(("A", "2004-01"), ("A", "2004-02"), ("A", "2004-01")), "t")
    with pytest.raises(InputError, match=r"in order; found B 2003-01-01 after a later period \(1 "):
        check_order(keys(("A", "2004-01"), ("B", "2003-02"), ("B", "2003-01")), "t")


def test_five_rows_are_shown():
    table = keys(*[("A", f"2004-{m:02d}") for m in range(1, 8)] * 2)
    with pytest.raises(InputError, match=r"found A (2004-0\d-01, ){4}2004-05-01 twice \(7 rows"):
        check_order(table, "t")


def test_bounds_of_variables_and_flags():
    assert bounds("TA") == bounds("ERA5_TA") == (-80, 60, "degC")
    assert bounds("GPP_QC") == (0.0, 1.0, "(fraction)")


def test_the_ends_of_bounds_belong_to_them(caplog):
    table = keys(*[("A", f"2004-{m:02d}") for m in range(1, 6)])
    column = pd.Series([-80.0, 60.0, np.nan, -80.1, 60.1], name="TA")
    within = within_bounds(column[:3], table, "t", "raise")
    pd.testing.assert_series_equal(within, column[:3])
    found = r"2 values outside, such as -80.1 at A in 2004-04-01, 60.1 at A in 2004-05-01"
    with pytest.raises(InputError, match=f"TA: expected -80 to 60 degC; found {found}"):
        within_bounds(column, table, "t", "raise")
    assert within_bounds(column, table, "t", "mask").isna().tolist() == [False, False, *[True] * 3]
    assert "2 values outside" in caplog.text
    pd.testing.assert_series_equal(within_bounds(column, table, "t", "keep"), column)


def test_three_values_outside_are_shown():
    table = keys(*[("A", f"2004-{m:02d}") for m in range(1, 6)])
    with pytest.raises(InputError, match=r"5 values outside, such as( 99 at A in [-0-9]+,?){3}$"):
        within_bounds(pd.Series([99.0] * 5, name="TA"), table, "t", "raise")
