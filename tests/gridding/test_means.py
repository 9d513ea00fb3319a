"""Means over months, days and given steps."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.means import means_of_steps, means_over, monthly_means


def stepped(first: str, last: str, days: int) -> xr.Dataset:
    """A cube with one value per period of ``days`` days."""
    starts = pd.date_range(first, last, freq=f"{days}D", inclusive="left")
    ends = (starts + pd.Timedelta(days=days)).where(
        starts + pd.Timedelta(days=days) < last, pd.Timestamp(last)
    )
    values = np.random.default_rng(days).uniform(0, 1, (len(starts), 2, 3)).astype("float32")
    return xr.Dataset(
        {"CSIF": (("time", "latitude", "longitude"), values)},
        {"time": starts, "time_bnds": (("time", "bnds"), np.column_stack([starts, ends]))},
    )


@settings(max_examples=5, deadline=None)
@given(days=st.integers(1, 16))
def test_a_month_is_the_mean_of_its_days(days):
    source = stepped("2003-01-01", "2004-01-01", days)
    lazy = source.chunk(time=5)
    monthly = monthly_means(lazy.assign_coords(time_bnds=lazy.time_bnds.chunk(time=7)), "csif")
    assert isinstance(monthly["CSIF"].data, da.Array)
    calendar = pd.date_range("2003-01-01", "2003-12-31")
    daily = source["CSIF"].isel(
        time=np.searchsorted(source.indexes["time"], calendar, "right") - 1
    ).assign_coords(time=calendar)  # fmt: skip
    expected = daily.groupby("time.month").mean().to_numpy()
    np.testing.assert_allclose(monthly["CSIF"], expected, rtol=1e-4)
    assert monthly.indexes["time"].equals(pd.date_range("2003-01-01", periods=12, freq="MS"))
    np.testing.assert_array_equal(monthly.time_bnds[1:, 0], monthly.time_bnds[:-1, 1])


def test_missing_values_are_ignored_in_a_months_mean():
    source = stepped("2003-01-01", "2003-03-01", 1)
    source["CSIF"][:30, 0, 0] = np.nan
    source["CSIF"][:, 1, 1] = np.nan
    monthly = monthly_means(source, "csif")["CSIF"]
    assert float(monthly[0, 0, 0]) == pytest.approx(float(source["CSIF"][30, 0, 0]))
    assert np.isnan(monthly[:, 1, 1].to_numpy()).all()


def test_incomplete_months_are_dropped():
    monthly = monthly_means(stepped("2003-01-20", "2003-04-10", 1), "csif")
    assert monthly.indexes["time"].equals(pd.DatetimeIndex(["2003-02-01", "2003-03-01"]))
    with pytest.raises(InputError, match="csif: time: expected a month in full"):
        monthly_means(stepped("2003-01-20", "2003-02-10", 1), "csif")


def test_missing_days_are_ignored():
    source = stepped("2003-01-01", "2003-04-01", 1)
    holed = source.isel(time=[t for t in range(90) if not 35 <= t < 50])
    monthly = monthly_means(holed.chunk(time=7), "avhrr")["CSIF"]
    expected = holed["CSIF"].sel(time="2003-02").mean("time")
    np.testing.assert_allclose(monthly[1], expected, rtol=1e-5)
    empty = source.isel(time=[t for t in range(90) if not 31 <= t < 59])
    monthly = monthly_means(empty.chunk(time=7), "avhrr")["CSIF"]
    assert np.isnan(monthly.to_numpy()).any(axis=(1, 2)).tolist() == [False, True, False]


def test_means_of_days_need_periods_of_a_day_or_less():
    with pytest.raises(
        InputError, match="csif: time: expected periods of a day at most; found 4 days"
    ):
        means_over(stepped("2003-01-01", "2003-04-01", 4), "csif", "day")
    daily = stepped("2003-01-01", "2003-02-01", 1)
    assert means_over(daily, "x", "day").equals(daily)


def test_monthly_cubes_and_cubes_without_time_are_unchanged():
    source = monthly_means(stepped("2003-01-01", "2003-04-01", 1), "csif")
    xr.testing.assert_identical(monthly_means(source, "csif"), source)
    static = source.isel(time=0, drop=True)
    assert monthly_means(static, "igbp") is static


def test_a_february_without_leap_day_is_complete():
    source = stepped("2004-01-01", "2004-04-01", 1)
    without = source.isel(time=[t for t in range(91) if t != 59])
    assert without.indexes["time"][[58, 59]].strftime("%m-%d").tolist() == ["02-28", "03-01"]
    months = monthly_means(without, "peer", whole=True)
    assert months.indexes["time"].month.tolist() == [1, 2, 3]
    assert monthly_means(without.isel(time=slice(32, None)), "peer", whole=True).sizes["time"] == 1


def steps(first, last, freq):
    return pd.date_range(first, last, freq=freq)


@pytest.fixture
def climate():
    """Air temperature by months over two years, different in every cell."""
    starts = pd.date_range("2001-01-01", periods=24, freq="MS")
    values = np.random.default_rng(1).normal(10, 5, (24, 2, 3)).astype("float32")
    bounds = np.column_stack([starts, starts + pd.offsets.MonthBegin(1)])
    cube = xr.Dataset({"TA": (("time", "latitude", "longitude"), values)}, {"time": starts})
    return cube.assign_coords(time_bnds=(("time", "bnds"), bounds))


def test_days_take_the_values_of_their_month(climate):
    stepped = means_of_steps(climate, steps("2001-02-01", "2001-04-01", "D"), "ERA5")
    assert stepped.sizes["time"] == 59
    np.testing.assert_array_equal(stepped["TA"][27], climate["TA"].sel(time="2001-02-01"))
    np.testing.assert_array_equal(stepped["TA"][28], climate["TA"].sel(time="2001-03-01"))
    assert stepped["time_bnds"].to_numpy()[28, 1] == np.datetime64("2001-03-02")


def test_half_years_are_means_weighted_by_days(climate):
    stepped = means_of_steps(climate, steps("2001-07-01", "2002-07-01", "6MS"), "ERA5")
    assert stepped.indexes["time"].strftime("%Y-%m").tolist() == ["2001-07", "2002-01"]
    days = xr.DataArray([31, 31, 30, 31, 30, 31], dims="time")
    expected = climate["TA"][6:12].weighted(days).mean("time")
    np.testing.assert_allclose(stepped["TA"][0], expected, rtol=1e-5)


def test_steps_of_a_month_keep_a_monthly_cube(climate):
    edges = steps("2001-01-01", "2003-01-01", "MS")
    xr.testing.assert_equal(means_of_steps(climate, edges, "ERA5").compute(), climate)


def test_steps_outside_the_record_are_an_error(climate):
    with pytest.raises(InputError, match="ERA5: time: expected periods from 2002-12-01"):
        means_of_steps(climate, steps("2002-12-01", "2003-02-01", "MS"), "ERA5")


def periods(*edges, values=None):
    """A source of one place with periods between these days."""
    edges = pd.DatetimeIndex(edges)
    bounds = ("time", "bnds"), np.column_stack([edges[:-1], edges[1:]])
    values = np.arange(1.0, len(edges)) if values is None else values
    coords = {"time": edges[:-1], "time_bnds": bounds, "place": [0]}
    field = xr.DataArray(np.asarray(values, "float32")[:, None], dims=("time", "place"))
    return xr.Dataset({"TA": field.assign_attrs(units="degC")}, coords)


def test_a_step_takes_its_share_of_each_period():
    source = periods("2001-01-01", "2001-01-05", "2001-01-09", "2001-01-13", values=[4, 8, 16])
    found = means_of_steps(
        source, pd.DatetimeIndex(["2001-01-02", "2001-01-06", "2001-01-12"]), "A"
    )
    # Three days of 4 and one of 8; three of 8 and three of 16.
    np.testing.assert_allclose(found["TA"][:, 0], [5, 12])
    assert found["TA"].dtype == "float32"
    assert found["TA"].attrs["units"] == "degC"
    assert [f"{edge:.10}" for edge in found["time_bnds"].values[1].astype(str)] == [
        "2001-01-06",
        "2001-01-12",
    ]


def test_periods_that_only_touch_a_step_are_ignored():
    source = periods("2001-01-01", "2001-01-05", "2001-01-09", values=[4, np.nan])
    found = means_of_steps(source, pd.DatetimeIndex(["2001-01-03", "2001-01-05"]), "A")
    assert found["TA"].values.tolist() == [[4]]


@pytest.mark.parametrize(
    ("first", "last", "covered"),
    [
        ("2001-01-01", "2001-01-09", True),
        ("2000-12-31", "2001-01-09", False),
        ("2001-01-01", "2001-01-10", False),
    ],
)
def test_a_source_must_cover_the_steps_from_end_to_end(first, last, covered):
    source = periods("2001-01-01", "2001-01-05", "2001-01-09")
    edges = pd.DatetimeIndex([first, "2001-01-05", last])
    if covered:
        assert means_of_steps(source, edges, "A")["TA"].values.tolist() == [[1], [2]]
    else:
        with pytest.raises(InputError, match=r"A: time: expected periods from .* found 2001-01-01"):
            means_of_steps(source, edges, "A")


def test_a_gap_between_periods_is_an_error():
    source = periods("2001-01-01", "2001-01-05", "2001-01-09", "2001-01-13").isel(time=[0, 2])
    with pytest.raises(InputError, match="expected periods from 2001-01-01"):
        means_of_steps(source, pd.date_range("2001-01-01", "2001-01-13", freq="D"), "A")
