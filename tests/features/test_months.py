from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.features.months import common_months, select_months


def cube(*months):
    time = pd.DatetimeIndex([f"{month}-01" for month in months])
    return xr.Dataset({"TA": ("time", np.arange(len(time)))}, {"time": time})


WINTER = ("2001-11", "2001-12", "2002-01", "2002-02")


def test_months_that_all_have():
    cubes = {"A": cube(*WINTER), "B": cube(*WINTER[1:], "2002-03"), "C": cube(*WINTER[:3])}
    assert common_months(cubes, "common").strftime("%Y-%m").tolist() == ["2001-12", "2002-01"]


def test_missing_months_of_a_source_are_named(caplog):
    cubes = {"A": cube(*WINTER), "B": cube("2001-11", "2002-02")}
    with caplog.at_level("INFO"):
        common_months(cubes, "common")
    assert "B: 2001-12 to 2002-01 missing; the drivers leave these months out" in caplog.text
    with pytest.raises(InputError, match="B: time: expected months that the other sources have; f"):
        common_months(cubes, "strict")
    assert len(common_months({"A": cubes["A"], "C": cubes["A"]}, "strict")) == 4


def test_spans_are_broken_where_a_month_lacks():
    cubes = {"A": cube(*WINTER, "2002-04", "2002-06"), "B": cube("2001-12", "2002-06")}
    with pytest.raises(InputError, match="found 2001-11, 2002-01 to 2002-02, 2002-04 missing"):
        common_months(cubes, "strict")


def test_nothing_in_common():
    with pytest.raises(
        InputError, match=r"A: time: expected a month in common.*found 2002-01 miss"
    ):
        common_months({"A": cube("2001-12"), "B": cube("2002-01")}, "common")


def test_nothing_is_copied_where_all_months_are_wanted():
    winter = cube(*WINTER)
    assert select_months(winter, winter.indexes["time"]) is winter
    assert select_months(winter, winter.indexes["time"][1:3])["TA"].values.tolist() == [1, 2]
