"""Timestamps to periods: ends of years, single timestamps, long lists."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.periods import listed, require_times, step_among, with_periods


def cube(*stamps):
    return xr.Dataset(coords={"time": pd.DatetimeIndex(stamps)})


def periods(step, *stamps, gaps=False):
    found = with_periods(cube(*stamps), step, "f.nc", gaps)["time_bnds"].to_numpy()
    return [f"{pd.Timestamp(a):%m-%d %H} {pd.Timestamp(b):%m-%d %H}" for a, b in found]


@pytest.mark.parametrize(
    ("step", "stamps", "expected"),
    [
        ("month", ("2003-12-16", "2004-01-01 12:00"), ["12-01 00 01-01 00", "01-01 00 02-01 00"]),
        ("day", ("2003-12-31 12:00", "2004-01-01"), ["12-31 00 01-01 00", "01-01 00 01-02 00"]),
        ("6 hours", ("2003-12-31 18:00", "2004-01-01"), ["12-31 18 01-01 00", "01-01 00 01-01 06"]),
        ("3 hours", ("2003-12-31 21:00",), ["12-31 21 01-01 00"]),
        ("hour", ("2003-12-31 23:00",), ["12-31 23 01-01 00"]),
        # The 92nd four-day period of a year has one day, or two in a leap year.
        ("4 days", ("2003-12-27", "2003-12-31", "2004-01-01"),
         ["12-27 00 12-31 00", "12-31 00 01-01 00", "01-01 00 01-05 00"]),
        ("4 days", ("2004-12-30", "2005-01-01"), ["12-30 00 01-01 00", "01-01 00 01-05 00"]),
    ],
)  # fmt: skip
def test_each_stamp_stands_for_its_period(step, stamps, expected):
    assert periods(step, *stamps) == expected


def test_what_is_no_record_is_refused():
    for stamps, message in (
        (("2003-01-01", "2003-03-01"), "from 2003-01-01 to 2003-04-01; found 2003-02 missing"),
        (("2003-01-01", "2003-01-20"), "each period once; found 2003-01 more than once"),
        (("2003-02-01", "2003-01-01"), "in order; found 2003-01 after a later time"),
    ):
        with pytest.raises(InputError, match=message):
            periods("month", *stamps)
    with pytest.raises(InputError, match="nothing from 2003-01-02 00:00:00 to 2003-01-05"):
        periods("day", "2003-01-01", "2003-01-05")
    assert len(periods("day", "2003-01-01", "2003-01-05", gaps=True)) == 2


def test_five_gaps_are_shown():
    days = [f"2003-01-{d:02d}" for d in range(1, 29, 4)]
    with pytest.raises(InputError) as caught:
        periods("day", *days)
    assert str(caught.value).count("nothing from") == 5


STEPS = ("month", "day", "6 hours", "hour")


@pytest.mark.parametrize(
    ("stamps", "step"),
    [
        (("2003-01-01", "2003-02-01"), "month"),
        (("2003-01-01", "2003-01-03", "2003-01-04"), "day"),
        (("2003-01-01 00:00", "2003-01-01 06:00"), "6 hours"),
        (("2003-01-01 00:00", "2003-01-01 01:00", "2003-02-01"), "hour"),
        (("2003-01-01 00:00", "2003-01-01 02:00"), "month"),
        (("2003-01-01 12:00",), "month"),
        (("2003-01-01 13:00",), "hour"),
        ((), "month"),
    ],
)
def test_the_step_of_some_files(stamps, step):
    halves = [pd.DatetimeIndex(stamps[i::2]) for i in (0, 1)]
    assert step_among(halves, STEPS) == step


def test_a_single_stamp_is_of_an_hour_only_where_hours_are_offered():
    assert step_among([pd.DatetimeIndex(["2003-01-01 13:00"])], ("month", "day")) == "month"


def test_twelve_times_are_listed():
    months = pd.date_range("2003-01-01", periods=13, freq="MS")
    assert listed(months[:2]) == "2003-01, 2003-02"
    assert "more" not in listed(months[:12])
    assert listed(months).endswith("2003-12 and 1 more")
    assert listed(pd.DatetimeIndex(["2003-01-01", "2003-01-02"])) == "2003-01-01, 2003-01-02"
    assert listed(pd.DatetimeIndex(["2003-01-01 06:00"])) == "2003-01-01"


def test_times_that_another_variable_has():
    months = pd.date_range("2003-01-01", periods=3, freq="MS")
    require_times(months, months[:2], "f.nc", "P", "Rainf has")
    with pytest.raises(InputError, match="P: expected every time that Rainf has; found 2003-03 m"):
        require_times(months[:2], months, "f.nc", "P", "Rainf has")


def test_times_must_be_dates():
    for coords in ({}, {"time": np.arange(3.0)}):
        with pytest.raises(InputError, match="dates of the common calendar"):
            with_periods(xr.Dataset(coords=coords), "month", "f.nc")


def test_dates_in_the_future_are_refused():
    next_year = f"{pd.Timestamp.now().year + 1}-01-01"
    with pytest.raises(InputError, match=f"dates that have been; found {next_year[:7]} in the fut"):
        periods("month", next_year)
    assert with_periods(cube(next_year), "month", "f.nc", future=True).sizes["time"] == 1
