"""Months that several sources have in common."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.features.months import common_months, select_months


def months(first: str, count: int) -> xr.Dataset:
    """A cube of months without variables."""
    starts = pd.date_range(first, periods=count, freq="MS")
    bounds = np.column_stack([starts, starts + pd.offsets.MonthBegin(1)])
    return xr.Dataset(coords={"time": starts, "time_bnds": (("time", "bnds"), bounds)})


def test_the_common_months_are_kept():
    cubes = {"ERA5": months("2001-01", 24), "GOME2": months("2001-06", 24)}
    common = common_months(cubes, "common")
    assert (common[0], common[-1]) == (pd.Timestamp("2001-06-01"), pd.Timestamp("2002-12-01"))
    assert select_months(cubes["ERA5"], common).indexes["time"].equals(common)
    assert select_months(cubes["GOME2"], common).time_bnds.shape == (19, 2)


def test_missing_months_of_a_source_are_named():
    cubes = {"ERA5": months("2001-01", 24), "GOME2": months("2001-06", 24)}
    with pytest.raises(InputError, match=r"ERA5: time: .* found 2003-01 to 2003-05 missing"):
        common_months(cubes, "strict")
    with pytest.raises(InputError, match=r"GOME2: time: .* found 2001-01 to 2001-05 missing"):
        common_months({"GOME2": cubes["GOME2"], "ERA5": months("2001-01", 29)}, "strict")
    holed = months("2001-01", 24).isel(time=[0, 1, 2, 5, 7])
    with pytest.raises(InputError, match=r"found 2001-04 to 2001-05, 2001-07, 2001-09 to 2002-12"):
        common_months({"CO2": holed, "ERA5": months("2001-01", 24)}, "strict")


def test_no_common_month_is_an_error():
    cubes = {"ERA5": months("2001-01", 6), "GOME2": months("2007-01", 6)}
    with pytest.raises(InputError, match="expected a month in common"):
        common_months(cubes, "common")
