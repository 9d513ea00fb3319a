"""Accumulated sums of two hours or of a few days."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.accumulations import rates, refuse_sums_of_the_day


def hours(values, start="2001-01-01 00:00", lazy=False):
    time = pd.date_range(start, periods=len(values), freq="h")
    values = np.asarray(values, float)[:, None]
    data = da.from_array(values) if lazy else values
    return xr.DataArray(data, {"time": time}, ("time", "place"), "P", {"units": "mm d-1"})


def test_sums_of_the_hour_stand_under_its_end():
    found = rates(hours([1.0, 2.0, 4.0]), "hour")[:, 0]
    np.testing.assert_array_equal(found, [2, 4, np.nan])


def test_sums_of_the_day_begin_anew_after_midnight():
    # 22, 23, 24, 01, 02 UTC: the value at 00 UTC is the sum of the day before.
    found = rates(hours([5.0, 7.0, 8.0, 0.5, 2.5], "2001-01-01 22:00"), "day")
    np.testing.assert_array_equal(found[:, 0], [2, 1, 0.5, 2, np.nan])
    assert found.attrs == {"units": "mm d-1"}


def piled(days, noise=0.0, top=24.0):
    """Sums since 00 UTC that increase by a twenty-fourth each hour; at 00 that of the day before."""
    of_day = np.r_[np.arange(1, 25)] * top / 24
    values = np.r_[0.0, np.tile(of_day, days)]
    values[12] -= noise
    return hours(values, lazy=True)


def refused(data):
    checked = refuse_sums_of_the_day(data, "era5.nc")
    try:
        checked.compute(scheduler="synchronous")
    except InputError:
        return True
    return False


def test_three_whole_days_that_rise_are_refused_and_two_are_not():
    assert refused(piled(3))
    assert not refused(piled(2))
    assert not refused(piled(3)[:-1])
    with pytest.raises(InputError, match="pile up from 01 to 24 UTC, on each of 3 days"):
        refuse_sums_of_the_day(piled(3), "era5.nc").compute(scheduler="synchronous")


def test_a_day_on_which_a_sum_falls_by_more_than_packing_is_no_pile():
    # The twelfth hour is below the eleventh by the noise minus the step of 1; differences up to a
    # thousandth of the largest sum, 0.024, may be due to packing.
    assert refused(piled(3, noise=1.023))
    assert not refused(piled(3, noise=1.025))


def test_days_without_rise_are_no_pile():
    flat = np.ones(73)
    assert not refused(hours(flat, lazy=True))
    # Increases up to a thousandth of the largest sum do not count.
    for rise, pile in ((0.0009, False), (0.0012, True)):
        values = np.r_[1.0, np.tile(np.linspace(1 - rise, 1, 24), 3)]
        assert refused(hours(values, lazy=True)) == pile


def test_gaps_and_places_are_summed_over():
    data = piled(3)
    both = xr.concat([data, data * np.nan], "place")
    assert refused(both.chunk(place=-1))
