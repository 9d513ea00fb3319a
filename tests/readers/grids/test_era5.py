from __future__ import annotations

import zipfile

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.gridding.means import means_over
from uflux_kedro.readers import read_cube
from uflux_kedro.readers.grids.accumulations import refuse_sums_of_the_day
from uflux_kedro.readers.grids.periods import step_among

LATITUDE, LONGITUDE = np.array([60.0, 50.0, 40.0]), np.array([0.0, 10.0, 20.0, 30.0])
FIRST, DAYS = "2003-02-26", 5  # over the end of a month


def truth(days: int = DAYS, seed: int = 0) -> xr.Dataset:
    """Hourly means of radiation (W m-2) and rain (mm d-1), and hourly temperature (degC)."""
    time = pd.date_range(FIRST, periods=24 * days, freq="h")
    rng = np.random.default_rng(seed)
    shape = (len(time), 3, 4)
    sun = np.clip(np.sin(2 * np.pi * (np.asarray(time.hour) - 6) / 24), 0, None)
    dims = ("time", "latitude", "longitude")
    return xr.Dataset(
        {
            "SW_IN": (dims, 900 * sun[:, None, None] * rng.uniform(0.2, 1, shape)),
            "P": (dims, rng.gamma(0.2, 20, shape)),
            "TA": (dims, rng.normal(5, 5, shape)),
        },
        {"time": time, "latitude": LATITUDE, "longitude": LONGITUDE},
    )


def archive(hours: xr.Dataset, land: bool, new: bool = True) -> xr.Dataset:
    """Hours as from Copernicus: sums up to the timestamp, the sum of a day at the next 00 UTC."""
    sums = hours[["SW_IN", "P"]] * xr.Dataset({"SW_IN": 3600.0, "P": 1 / 24e3})
    if land:
        sums = sums.groupby(hours["time"].dt.floor("D")).cumsum("time")
    sums = sums.assign_coords(time=hours["time"] + pd.Timedelta("1h"))
    t2m = (hours["TA"] + 273.15).assign_attrs(units="K")
    sums = sums.rename(SW_IN="ssrd", P="tp").reindex(time=hours["time"], fill_value=0.0)
    data = sums.assign(t2m=t2m).astype("float32")
    for name, unit in {"ssrd": "J m**-2", "tp": "m", "t2m": "K"}.items():
        data[name].attrs = {"units": unit}
    if new:
        data = data.rename(time="valid_time")
        expver = ("valid_time", ["0001"] * data.sizes["valid_time"])
        return data.assign_coords(number=0, expver=expver)
    return data


def check(cube: xr.Dataset, hours: xr.Dataset) -> None:
    hours = hours.sortby("latitude")
    np.testing.assert_allclose(cube["TA"], hours["TA"], atol=1e-4)
    # Daily sums of about 1e7 J m-2 in single precision are good to 1 J.
    np.testing.assert_allclose(cube["SW_IN"][:-1], hours["SW_IN"][:-1], atol=2e-3)
    np.testing.assert_allclose(cube["P"][:-1], hours["P"][:-1], atol=2e-3)
    assert np.isnan(cube["SW_IN"][-1].to_numpy()).all()
    assert cube.indexes["time"].equals(hours.indexes["time"])
    assert (cube.time_bnds[:, 1] - cube.time_bnds[:, 0] == np.timedelta64(1, "h")).all()


@pytest.mark.parametrize("reader", ["era5", "era5_land"])
@pytest.mark.parametrize("new", [True, False])
def test_hours_are_means_of_the_hour_that_begins(tmp_path, reader, new):
    hours = truth()
    archive(hours, reader == "era5_land", new).to_netcdf(tmp_path / "h.nc")
    cube = read_cube(reader, [tmp_path / "h.nc"], variables=["TA", "SW_IN", "P"])
    assert isinstance(cube["SW_IN"].data, da.Array)
    assert cube["SW_IN"].dtype == np.float32
    assert cube.attrs["source"] == reader
    check(cube, hours)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(1, 24 * DAYS - 2), land=st.booleans(), seed=st.integers(0, 99))
def test_files_may_end_at_any_hour(tmp_path, cut, land, seed):
    """A sum since midnight continues in the next file."""
    hours = truth(seed=seed)
    whole = archive(hours, land)
    for name, part in (("a", slice(0, cut)), ("b", slice(cut, None))):
        whole.isel(valid_time=part).to_netcdf(tmp_path / f"{name}.nc")
    reader = "era5_land" if land else "era5"
    paths = [tmp_path / "b.nc", tmp_path / "a.nc"]
    check(read_cube(reader, paths, variables=["TA", "SW_IN", "P"]), hours)


def test_step_types_come_as_files_of_one_zip(tmp_path):
    hours = truth()
    data = archive(hours, land=False)
    data[["t2m"]].to_netcdf(tmp_path / "instant.nc")
    data[["ssrd", "tp"]].to_netcdf(tmp_path / "accum.nc")
    with zipfile.ZipFile(tmp_path / "download.zip", "w") as zipped:
        for kind in ("instant", "accum"):
            name = f"data_stream-oper_stepType-{kind}.nc"
            zipped.write(tmp_path / f"{kind}.nc", name)
    cube = read_cube("era5", [tmp_path / "download.zip"], variables=["TA", "SW_IN", "P"])
    check(cube, hours)


def test_hours_become_days_and_months_of_the_truth(tmp_path):
    hours = truth()
    archive(hours, land=True).to_netcdf(tmp_path / "h.nc")
    cube = read_cube("era5_land", [tmp_path / "h.nc"], variables=["SW_IN"])
    days = means_over(cube, "era5_land", "day")
    expected = hours["SW_IN"].sortby("latitude").resample(time="1D").mean()
    np.testing.assert_allclose(days["SW_IN"][:-1], expected[:-1], rtol=1e-4)
    np.testing.assert_array_equal(days.time_bnds[1:, 0], days.time_bnds[:-1, 1])
    assert isinstance(days["SW_IN"].data, da.Array)
    long = xr.concat([hours.assign_coords(time=hours.time + pd.Timedelta(days=5 * i)) for i in range(8)], "time")  # fmt: skip
    archive(long, land=False).to_netcdf(tmp_path / "long.nc")
    cube = read_cube("era5", [tmp_path / "long.nc"], variables=["SW_IN", "P"])
    march = means_over(cube, "era5", "month")
    assert march.indexes["time"].tolist() == [pd.Timestamp("2003-03-01")]
    expected = long[["SW_IN", "P"]].sel(time="2003-03").mean("time").sortby("latitude")
    for name in ("SW_IN", "P"):
        np.testing.assert_allclose(march[name][0], expected[name], rtol=1e-4)


def test_one_archive_taken_for_the_other_is_found(tmp_path):
    archive(truth(), land=True).to_netcdf(tmp_path / "land.nc")
    archive(truth(), land=False).to_netcdf(tmp_path / "era5.nc")
    with pytest.raises(InputError, match="SW_IN: expected sums over the hour before each time"):
        read_cube("era5", [tmp_path / "land.nc"], variables=["SW_IN"]).load()
    with pytest.raises(InputError, match="SW_IN: expected 0 to 1500 W m-2; found -"):
        read_cube("era5_land", [tmp_path / "era5.nc"], variables=["SW_IN"]).load()


def test_monthly_means_of_the_land_are_sums_of_a_day(era5, tmp_path):
    era5().to_netcdf(tmp_path / "m.nc")
    land = read_cube("era5_land", [tmp_path / "m.nc"])
    xr.testing.assert_equal(land.load(), read_cube("era5", [tmp_path / "m.nc"]).load())


def test_grib_names_and_mean_rates(era5, tmp_path):
    data = era5().rename(t2m="2t", d2m="2d", u10="10u", v10="10v", ssrd="avg_sdswrf")
    data["avg_sdswrf"] = (data["avg_sdswrf"] / 86400).assign_attrs(units="W m**-2")
    data.to_netcdf(tmp_path / "g.nc")
    era5().to_netcdf(tmp_path / "m.nc")
    xr.testing.assert_allclose(
        read_cube("era5", [tmp_path / "g.nc"]), read_cube("era5", [tmp_path / "m.nc"])
    )


def test_old_archives_pack_integers(tmp_path):
    hours = truth()
    packing = {"dtype": "int16", "_FillValue": np.int16(-32767)}
    encoding = {
        "t2m": packing | {"scale_factor": 0.002, "add_offset": 280.0},
        "ssrd": packing | {"scale_factor": 500.0, "add_offset": 1.6e7},
        "tp": packing | {"scale_factor": 3e-6, "add_offset": 0.098},
    }
    archive(hours, land=True, new=False).to_netcdf(
        tmp_path / "h.nc", encoding=encoding, format="NETCDF3_64BIT", engine="scipy"
    )
    cube = read_cube("era5_land", [tmp_path / "h.nc"], variables=["SW_IN", "P"]).load()
    expected = hours.sortby("latitude")
    # Two values are each rounded to the step of the packing.
    np.testing.assert_allclose(cube["SW_IN"][:-1], expected["SW_IN"][:-1], atol=500 / 3600)
    np.testing.assert_allclose(cube["P"][:-1], expected["P"][:-1], atol=3e-6 * 24e3)


def test_a_lost_hour_is_named(tmp_path):
    archive(truth(), land=False).drop_isel(valid_time=30).to_netcdf(tmp_path / "h.nc")
    with pytest.raises(InputError, match="nothing from 2003-02-27 06:00:00 to 2003-02-27 07:00:00"):
        read_cube("era5", [tmp_path / "h.nc"], variables=["TA"])


def test_unknown_variables_and_options_are_named(era5, tmp_path):
    era5().to_netcdf(tmp_path / "m.nc")
    with pytest.raises(ConfigurationError, match=r"era5 has no variable GPP: expected some of TA"):
        read_cube("era5", [tmp_path / "m.nc"], variables=["GPP"])
    with pytest.raises(ConfigurationError, match=r"'era5' has no option year: expected variables"):
        read_cube("era5", [tmp_path / "m.nc"], year=2001)


def test_a_block_that_is_damaged_names_its_file(raw_grid, tmp_path):
    time = pd.date_range("2001-01-01", periods=48, freq="h")
    latitude, longitude = np.linspace(60, 50, 41), np.linspace(0, 10, 41)
    names = ("valid_time", "latitude", "longitude")
    data = raw_grid({"t2m": (250.0, 300.0, "K")}, names, latitude, longitude, time)
    data["t2m"] += np.random.default_rng(0).normal(size=data["t2m"].shape)
    packing = {"zlib": True, "chunksizes": (24, 41, 41), "dtype": "float32"}
    data.to_netcdf(tmp_path / "h.nc", encoding={"t2m": packing})
    content = bytearray((tmp_path / "h.nc").read_bytes())
    middle = len(content) // 2  # in the numbers, since they fill the file
    content[middle : middle + 1000] = bytes(1000)
    (tmp_path / "h.nc").write_bytes(content)
    with pytest.raises(InputError, match=r"h\.nc: t2m: expected data that can be read"):
        read_cube("era5", [tmp_path / "h.nc"], variables=["TA"]).load()


def test_rain_alone_tells_one_archive_from_the_other(tmp_path):
    """Rain within the bounds of an hour, but 12.5 times too high."""
    archive(truth(), land=True).to_netcdf(tmp_path / "land.nc")
    with pytest.raises(InputError, match=r"P: expected sums over the hour.*reader era5_land"):
        read_cube("era5", [tmp_path / "land.nc"], variables=["P"]).load()


@pytest.mark.parametrize(
    ("stamp", "step"),
    [("2020-01-01 00:00", "month"), ("2020-01-16 12:00", "month"), ("2020-01-31 18:00", "month"),
     ("2020-01-01 13:00", "hour")],
)  # fmt: skip
def test_the_step_of_one_map_alone(stamp, step):
    assert step_among([pd.DatetimeIndex([stamp])], ("month", "hour")) == step


def test_rain_at_the_end_of_days_alone_does_not_pile_up():
    """In a dry place one day with decreasing sums is enough."""
    time = pd.date_range("2001-07-01T01", periods=24 * 31, freq="h")
    rain = np.zeros((744, 2, 2), "float32")
    for day in range(0, 31, 4):
        rain[24 * day + 12 : 24 * day + 15] = 0.002
    for day in (2, 9, 17):
        rain[24 * day + 23] = 0.001
    dims = ("time", "latitude", "longitude")
    data = xr.DataArray(da.from_array(rain, chunks=(744, 2, 2)), {"time": time}, dims, name="P")
    np.testing.assert_array_equal(refuse_sums_of_the_day(data, "f"), rain)
    piled = rain.reshape(31, 24, 2, 2).cumsum(1).reshape(744, 2, 2)
    with pytest.raises(InputError, match="pile up"):
        refuse_sums_of_the_day(data.copy(data=da.from_array(piled, chunks=(744, 2, 2))), "f").load()


def test_one_hour_alone_is_said(tmp_path):
    archive(truth(), land=False).isel(valid_time=[13]).to_netcdf(tmp_path / "hour.nc")
    with pytest.raises(InputError, match="SW_IN: expected two hours or more; found one"):
        read_cube("era5", [tmp_path / "hour.nc"], variables=["SW_IN"])
