"""Means of months are told from single hours, and days from the mean day of a month."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers import read_cube
from uflux_kedro.readers.grids.kinds import kind_of

HOURS = ["T06:00", "T12:00", "T18:00", "T05:00"]


def temperature(times, **attrs) -> xr.Dataset:
    times = pd.DatetimeIndex(times)
    axes = {"valid_time": times, "latitude": [50.0, 40.0], "longitude": [0.0, 10.0]}
    values = np.full((len(times), 2, 2), 280.0, "float32")
    return xr.Dataset({"t2m": (tuple(axes), values, {"units": "K", **attrs})}, axes)


def read(data, path, reader="era5"):
    file = path / f"{len(list(path.iterdir()))}.nc"
    data.to_netcdf(file)
    return read_cube(reader, [file], variables=["TA"])


@pytest.mark.parametrize(
    ("attrs", "kind"),
    [
        ({"GRIB_stepType": "instant"}, "sample"),
        ({"GRIB_stepType": "accum"}, "sum"),
        ({"GRIB_stepType": "avgua"}, "mean"),
        ({"cell_methods": "area: mean time: mean"}, "mean"),
        ({"cell_methods": "time: point"}, "sample"),
        ({"cell_methods": "time: sum (interval: 1 hour)"}, "sum"),
        ({"cell_methods": "time: mean within days time: mean over days"}, "mean day"),
        ({"cell_methods": "area: mean"}, None),
        ({}, None),
    ],
)
def test_what_attributes_say(attrs, kind):
    assert kind_of(xr.DataArray(0, attrs=attrs)) == kind


def test_the_noons_of_twelve_days_are_no_months(faults):
    path = faults / "era5-noon-snapshot/first_of_each_month_noon.nc"
    with pytest.raises(InputError, match=r"means of months.*2021-01-01 12:00 UTC and 11 more"):
        read_cube("era5", [path], variables=["TA"])


@pytest.mark.parametrize("hour", HOURS)
@pytest.mark.parametrize("reader", ["era5", "era5_land"])
def test_single_hours_a_month_apart_are_refused(tmp_path, hour, reader):
    months = [f"2021-{month:02d}-01{hour}" for month in range(1, 13)]
    with pytest.raises(
        InputError, match=r"time: expected means of months.*Single hours and days are"
    ):
        read(temperature(months), tmp_path, reader)


@pytest.mark.parametrize("stamp", ["2021-07-01T12", "2021-07-01T18", "2021-07-16T12", "2021-07-31T18"])  # fmt: skip
def test_one_hour_alone_is_no_month(tmp_path, stamp):
    with pytest.raises(InputError, match="expected means of months"):
        read(temperature([stamp]), tmp_path)


def test_single_hours_at_midnight_are_refused_where_the_file_says_it(tmp_path):
    months = pd.date_range("2021-01-01", periods=12, freq="MS")
    with pytest.raises(InputError, match="t2m: expected means of months; found values of single"):
        read(temperature(months, GRIB_stepType="instant"), tmp_path)
    with pytest.raises(InputError, match="t2m: expected means of months; found sums"):
        read(temperature(months, cell_methods="time: sum"), tmp_path)


STARTS = pd.date_range("2021-01-01", periods=12, freq="MS")
MIDDLES = STARTS + (STARTS + pd.offsets.MonthBegin(1) - STARTS) / 2


@pytest.mark.parametrize(
    "times",
    [STARTS, MIDDLES, STARTS + pd.Timedelta("14D"), STARTS + pd.offsets.MonthEnd(1),
     STARTS + pd.offsets.MonthBegin(1) - pd.Timedelta("6h"), ["2021-07-01"]],
)  # fmt: skip
def test_means_of_months_have_their_stamps(tmp_path, times):
    cube = read(temperature(times), tmp_path)
    assert cube.indexes["time"].equals(pd.DatetimeIndex(times).to_period("M").to_timestamp())


def test_a_mean_may_have_any_stamp_if_the_file_says_it(tmp_path):
    """Copernicus stamps the monthly means of radiation 06 UTC."""
    times = STARTS + pd.Timedelta("6h")
    for attrs in ({"GRIB_stepType": "avgad"}, {"cell_methods": "time: mean"}):
        cube = read(temperature(times, **attrs), tmp_path)
        assert cube.indexes["time"].equals(STARTS)


@pytest.mark.parametrize(("grib", "hour"), [("avgua", 12), ("avgua", 6), ("avgad", 12)])
@pytest.mark.parametrize("months", [1, 12])
def test_the_mean_of_one_hour_of_day_is_no_month(tmp_path, grib, hour, months):
    times = STARTS[:months] + pd.Timedelta(hours=hour)
    with pytest.raises(InputError, match=f"t2m: expected means of months; found means of {hour:02d} UTC"):  # fmt: skip
        read(temperature(times, GRIB_stepType=grib), tmp_path)


@pytest.mark.parametrize("times", [STARTS + pd.Timedelta("12h"), ["2021-07-01T12"]])
def test_a_mean_over_an_hour_is_no_month(tmp_path, times):
    """Mean rates of an hour, such as avg_sdswrf, are averages too."""
    with pytest.raises(InputError, match="expected means of months"):
        read(temperature(times, GRIB_stepType="avg"), tmp_path)
    assert read(temperature(STARTS, GRIB_stepType="avg"), tmp_path).sizes["time"] == 12


def test_bounds_say_what_a_period_is(tmp_path):
    data = temperature(["2021-07-01T12", "2021-08-01T12"]).rename(valid_time="time")
    data["time"].attrs["bounds"] = "time_bnds"
    data["time"].encoding["units"] = "hours since 2021-01-01"
    for length, expected in (("31D", 2), ("1h", None)):
        ends = data["time"].to_numpy() + pd.Timedelta(length)
        bounds = data.assign(time_bnds=(("time", "bnds"), np.stack([data["time"], ends], 1)))
        if expected:
            assert read(bounds, tmp_path).sizes["time"] == expected
        else:
            with pytest.raises(InputError, match="bounds of whole months; found periods of 0 days 01"):  # fmt: skip
                read(bounds, tmp_path)


def test_means_of_composites_have_the_bounds_that_cdo_writes(raw_grid, tmp_path):
    """``cdo monmean`` of composites of 8 days: bounds at the first and the last stamp of each month."""
    fields = {f"Nadir_Reflectance_Band{i}": (0.1, 0.3, "") for i in (1, 2)}
    stamps = pd.date_range("2021-01-01", periods=46, freq="8D").to_series()
    months = stamps.groupby(stamps.dt.month)
    data = raw_grid(fields, time=pd.DatetimeIndex(months.max()))
    data["time"].attrs["bounds"] = "time_bnds"
    data["time"].encoding["units"] = "hours since 2021-01-01"
    bounds = np.stack([months.min(), months.max()], 1)
    data = data.assign(time_bnds=(("time", "bnds"), bounds))
    for field in fields:
        data[field].attrs["cell_methods"] = "time: mean"
    data.to_netcdf(tmp_path / "modis.nc")
    assert read_cube("modis", [tmp_path / "modis.nc"]).indexes["time"].equals(STARTS)


@pytest.mark.parametrize("attrs", [{"GRIB_stepType": "avgua"}, {"cell_methods": "time: mean within days time: mean over days"}, {}])  # fmt: skip
def test_the_mean_day_of_a_month_is_no_day(tmp_path, attrs):
    hours = pd.date_range("2021-07-01", periods=24, freq="h")
    with pytest.raises(InputError, match=r"by hour"):
        read(temperature(hours, **attrs), tmp_path)


def test_the_mean_days_of_two_months_are_no_days(tmp_path):
    hours = [
        t for m in ("2021-07-01", "2021-08-01") for t in pd.date_range(m, periods=24, freq="h")
    ]
    with pytest.raises(InputError, match=r"48 times on the first of 2021-07, 2021-08 alone"):
        read(temperature(hours), tmp_path)


@pytest.mark.parametrize(
    ("hours", "attrs"),
    [
        ("2021-07-01", {"GRIB_stepType": "instant"}),
        ("2021-07-01", {"GRIB_stepType": "avg"}),
        ("2021-07-02", {}),
        ("2021-06-30T23", {}),
    ],
)
def test_a_day_of_hours_is_read(tmp_path, hours, attrs):
    times = pd.date_range(hours, periods=24, freq="h")
    assert read(temperature(times, **attrs), tmp_path).indexes["time"].equals(times)


@pytest.mark.parametrize(("day", "month"), [("2010-01-01T12", True), ("2010-01-16", True), ("2010-01-31", True), ("2010-01-09", False)])  # fmt: skip
def test_one_day_of_a_satellite_is_no_month(raw_grid, tmp_path, day, month):
    fields = {f"Nadir_Reflectance_Band{i}": (0.1, 0.3, "") for i in (1, 2)}
    raw_grid(fields, time=pd.DatetimeIndex([day])).to_netcdf(tmp_path / "modis.nc")
    if month:
        cube = read_cube("modis", [tmp_path / "modis.nc"])
        assert cube.indexes["time"].tolist() == [pd.Timestamp("2010-01-01")]
    else:
        with pytest.raises(InputError, match=r"found 2010-01-09 00:00 UTC"):
            read_cube("modis", [tmp_path / "modis.nc"])
