from __future__ import annotations

import os
import zipfile
from pathlib import Path

import dask.array as da
import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.testing.sources import ERA5_FIELDS, LATITUDES, LONGITUDES, pattern
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.gridding.grids import TargetGrid
from uflux_kedro.gridding.means import means_over
from uflux_kedro.gridding.regrid import align
from uflux_kedro.readers import READERS, read_cube
from uflux_kedro.readers.grids.era5 import read_era5, read_era5_land
from uflux_kedro.readers.grids.guards import normalise_grid
from uflux_kedro.variables import VARIABLES, aliases

MONTHS = pd.date_range("2001-01-01", periods=12, freq="MS")
WRAPPED = np.sort((LONGITUDES + 180) % 360 - 180)
SHARE = pattern(MONTHS, LATITUDES[::-1], WRAPPED)

CFSV2_FIELDS = {
    "Temperature_height_above_ground": (250.0, 300.0, "K"),
    "Specific_humidity_height_above_ground": (0.0, 0.02, "kg/kg"),
    "Pressure_surface": (60000.0, 101000.0, "Pa"),
    "Downward_Short-Wave_Radiation_Flux_surface_6_Hour_Average": (0.0, 350.0, "W.m-2"),
    "Precipitation_rate_surface_6_Hour_Average": (0.0, 2e-4, "kg.m-2.s-1"),
    "u-component_of_wind_height_above_ground": (-10.0, 10.0, "m/s"),
    "v-component_of_wind_height_above_ground": (-10.0, 10.0, "m/s"),
    "Volumetric_Soil_Moisture_Content_depth_below_surface_layer_5_cm": (0.0, 0.5, "Fraction"),
}
SIF_FIELDS = {"SIF_740": (-0.5, 2.0, "mW m-2 nm-1 sr-1")}


def write(data: xr.Dataset, path, **options):
    data.to_netcdf(path, engine="netcdf4", **options)
    return path


def at(cube: xr.Dataset, name: str, month: int, latitude: float, longitude: float) -> float:
    return float(cube[name].sel(latitude=latitude, longitude=longitude).isel(time=month))


def test_era5_becomes_canonical(era5, tmp_path):
    cube = read_era5([write(era5(), tmp_path / "era5.nc")])
    expected = {
        "TA": -23.15 + 50 * SHARE, "TD": -28.15 + 45 * SHARE, "TS": -18.15 + 45 * SHARE,
        "PA": 60 + 41 * SHARE, "SW_IN": 3e7 / 86400 * SHARE, "P": 20 * SHARE,
        "LW_IN": (1e7 + 2.5e7 * SHARE) / 86400, "U": -10 + 20 * SHARE, "V": -5 + 10 * SHARE,
    }  # fmt: skip
    assert set(cube.data_vars) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(cube[name], values, rtol=2e-5, atol=1e-3, err_msg=name)
        assert cube[name].attrs["units"] == VARIABLES[name].unit
    # A place and month by hand: north pole, 45 degrees west, July.
    assert at(cube, "TA", 6, 90, -45) == pytest.approx(
        250 + 50 * (0.05 + 0.6 + 0.3 * 0.375) - 273.15, abs=1e-3
    )


def test_a_cube_is_lazy_and_canonical_in_form(era5, tmp_path):
    cube = read_era5([write(era5(), tmp_path / "era5.nc")])
    assert dict(cube.sizes) == {"time": 12, "latitude": 7, "longitude": 8, "bnds": 2}
    assert set(cube.coords) == {"time", "latitude", "longitude", "time_bnds"}
    assert cube.latitude.to_numpy().tolist() == LATITUDES[::-1].tolist()
    assert cube.longitude.to_numpy().tolist() == [-180, -135, -90, -45, 0, 45, 90, 135]
    assert cube.indexes["time"].equals(MONTHS)
    assert (cube.time_bnds[:, 0] == cube.time).all()
    assert cube.time_bnds.to_numpy()[1, 1] == np.datetime64("2001-03-01")
    for data in cube.data_vars.values():
        assert isinstance(data.data, da.Array)
        assert data.dtype == np.float32
        assert data.dims == ("time", "latitude", "longitude")


def test_years_and_variables_may_stand_in_files_of_their_own(era5, tmp_path):
    whole = read_era5([write(era5(y), tmp_path / f"{y}.nc") for y in (2002, 2001)])
    parts = []
    for year in (2002, 2001):
        for kind in ({"tp", "ssrd", "strd"}, set(ERA5_FIELDS) - {"tp", "ssrd", "strd"}):
            parts.append(write(era5(year)[sorted(kind)], tmp_path / f"{year}-{len(kind)}.nc"))
    xr.testing.assert_identical(read_era5(parts).load(), whole.load())
    assert whole.sizes["time"] == 24


def test_a_zip_of_copernicus_reads_as_its_files(era5, tmp_path):
    whole = read_era5([write(era5(), tmp_path / "whole.nc")])
    means, sums = tmp_path / "avgua.nc", tmp_path / "avgad.nc"
    write(era5().drop_vars(["tp", "ssrd", "strd"]), means)
    write(era5()[["tp", "ssrd", "strd"]], sums)
    with zipfile.ZipFile(tmp_path / "download.nc", "w") as archive:
        for path in (means, sums):
            archive.write(path, f"data_stream-moda_stepType-{path.name}")
    xr.testing.assert_identical(read_era5([tmp_path / "download.nc"]).load(), whole.load())


def test_preliminary_months_fill_their_own_version(era5, tmp_path):
    data = era5().drop_vars(["expver", "number"])
    final = data.where(data.valid_time < np.datetime64("2001-10-01"))
    preliminary = data.where(data.valid_time >= np.datetime64("2001-10-01"))
    both = xr.concat([final, preliminary], dim=pd.Index([1, 5], name="expver"))
    for name, variable in data.data_vars.items():
        both[name].attrs = variable.attrs
    cube = read_era5([write(both, tmp_path / "both.nc")])
    xr.testing.assert_allclose(cube, read_era5([write(data, tmp_path / "one.nc")]))


def test_cfsv2_becomes_canonical(raw_grid, tmp_path):
    data = raw_grid(CFSV2_FIELDS).expand_dims(height_above_ground=[2.0], axis=1)
    cube = read_cube("cfsv2", [write(data, tmp_path / "cfsv2.nc")])
    assert set(cube.data_vars) == {"TA", "QV", "PA", "SW_IN", "P", "U", "V", "SWC"}
    np.testing.assert_allclose(cube["P"], 86400 * 2e-4 * SHARE, rtol=1e-4)
    np.testing.assert_allclose(cube["TA"], -23.15 + 50 * SHARE, atol=1e-3)
    np.testing.assert_allclose(cube["SWC"], 0.5 * SHARE, atol=1e-6)


@pytest.mark.parametrize(
    ("reader", "bands", "fill"),
    [
        ("modis", ["Nadir_Reflectance_Band1", "Nadir_Reflectance_Band2", "Nadir_Reflectance_Band3"], 32767),
        ("avhrr", ["SREFL_CH1", "SREFL_CH2"], -9999),
    ],
)  # fmt: skip
def test_reflectances_are_unpacked(raw_grid, tmp_path, reader, bands, fill):
    data = raw_grid(dict.fromkeys(bands, (0.0, 0.9, "")))
    data[bands[0]][0, 0, 0] = np.nan
    packing = {"dtype": "int16", "scale_factor": 1e-4, "_FillValue": fill}
    path = write(data, tmp_path / "r.nc", encoding=dict.fromkeys(bands, packing))
    cube = read_cube(reader, [path])
    assert list(cube.data_vars) == ["RED", "NIR", "BLUE"][: len(bands)]
    np.testing.assert_allclose(cube["NIR"], 0.9 * SHARE, atol=1e-4)
    assert np.isnan(cube["RED"].to_numpy()).sum() == 1
    assert np.isnan(at(cube, "RED", 0, 90, 0))


@pytest.mark.parametrize(
    ("reader", "variable"), [("gome2", "SIF_740"), ("gosat755", "SIF_755"), ("gosat772", "SIF_772")]
)
def test_monthly_fluorescence(raw_grid, tmp_path, reader, variable):
    data = raw_grid({variable: (-0.5, 2.0, "mW m-2 nm-1 sr-1")})
    data[variable][3, 1, 1] = np.nan
    encoding = {variable: {"dtype": "float32", "_FillValue": -999.0}}
    cube = read_cube(reader, [write(data, tmp_path / "s.nc", encoding=encoding)])
    np.testing.assert_allclose(cube["SIF"].max(), (-0.5 + 2.5 * SHARE).max(), rtol=1e-5)
    assert np.isnan(cube["SIF"].to_numpy()).sum() == 1


def test_csif_keeps_its_four_days_which_begin_anew_each_year(raw_grid, tmp_path):
    paths = []
    for year in (2003, 2004):
        time = pd.date_range(f"{year}-01-01", f"{year}-12-31", freq="4D")
        data = raw_grid({"clear_daily_SIF": (0.0, 1.0, "mW m-2 nm-1 sr-1")}, time=time)
        paths.append(write(data, tmp_path / f"{year}.nc"))
    cube = read_cube("csif", paths)
    assert list(cube.data_vars) == ["CSIF"]
    assert cube.sizes["time"] == 2 * 92
    lengths = (cube.time_bnds[:, 1] - cube.time_bnds[:, 0]).to_numpy() / np.timedelta64(1, "D")
    assert lengths[91] == 1  # 2003 has 365 days, 91 periods of four and one more
    assert lengths[-1] == 2
    assert np.delete(lengths, [91, 183]).tolist() == [4] * 182
    # Zarr needs chunks of one size, and the 92 periods of a year are no multiple of 12.
    assert cube["CSIF"].chunksizes["time"] == (12,) * 15 + (4,)


def test_the_first_alias_wins(raw_grid, tmp_path):
    time = pd.date_range("2003-01-01", periods=3, freq="4D")
    fields = {"clear_inst_SIF": (1.0, 2.0, "mW m-2 nm-1 sr-1"), "clear_daily_SIF": (0.0, 1.0, "mW m-2 nm-1 sr-1")}  # fmt: skip
    cube = read_cube("csif", [write(raw_grid(fields, time=time), tmp_path / "c.nc")])
    assert float(cube["CSIF"].max()) < 1


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    north_first=st.booleans(),
    from_greenwich=st.booleans(),
    order=st.permutations(["time", "lat", "lon"]),
    day=st.integers(1, 28),
    classic=st.booleans(),
)
def test_a_file_may_run_either_way(
    *, raw_grid, tmp_path, north_first, from_greenwich, order, day, classic
):
    latitude = LATITUDES if north_first else LATITUDES[::-1]
    longitude = LONGITUDES if from_greenwich else WRAPPED
    time = MONTHS + pd.Timedelta(days=day - 1, hours=12)
    data = raw_grid(SIF_FIELDS, latitude=latitude, longitude=longitude, time=time).transpose(*order)
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.nc"
    options = {"format": "NETCDF3_64BIT", "engine": "scipy"} if classic else {"engine": "netcdf4"}
    data.to_netcdf(path, **options)
    cube = read_cube("gome2", [path])
    np.testing.assert_allclose(cube["SIF"], -0.5 + 2.5 * SHARE, rtol=1e-5, atol=1e-6)
    assert cube.indexes["time"].equals(MONTHS)


def test_celsius_where_kelvin_is_declared(era5, tmp_path):
    data = era5()
    data["t2m"] = (data["t2m"] - 273.15).assign_attrs(units="K")
    with pytest.raises(InputError, match=r"era5\.nc: TA: expected -80 to 60 degC; found") as caught:
        read_era5([write(data, tmp_path / "era5.nc")])
    assert "'K'" in str(caught.value)


def test_a_wrong_value_later_in_the_file_stops_the_computation(era5, tmp_path):
    data = era5()
    data["sp"][7, 2, 3] = 1013.0
    cube = read_era5([write(data, tmp_path / "era5.nc")])
    with pytest.raises(InputError, match=r"era5\.nc: PA: expected 45 to 110 kPa; found 1\.013"):
        cube["PA"].load()
    cube["TA"].load()


@pytest.mark.parametrize(
    ("attributes", "message"),
    [({}, "TA: expected an attribute 'units'"), ({"units": "W m-2"}, "TA: expected a unit that converts to degC")],
)  # fmt: skip
def test_a_missing_or_foreign_unit(era5, tmp_path, attributes, message):
    data = era5()
    data["t2m"].attrs = attributes
    with pytest.raises(InputError, match=message):
        read_era5([write(data, tmp_path / "era5.nc")])


def test_a_missing_variable_is_named_with_its_aliases(raw_grid, era5, tmp_path):
    with pytest.raises(
        InputError, match=r"TD: expected a variable named d2m or 2d or .*; found only TA"
    ):
        read_era5([write(era5().drop_vars("d2m"), tmp_path / "era5.nc")])
    foreign = write(raw_grid(SIF_FIELDS), tmp_path / "foreign.nc")
    with pytest.raises(InputError, match="found only variables unknown to this reader"):
        read_era5([foreign])


@pytest.mark.parametrize("format_", ["NETCDF4", "NETCDF3_64BIT"])
@pytest.mark.parametrize("kept", [0.005, 0.5, 0.99])
def test_a_truncated_file(era5, tmp_path, format_, kept):
    path = write(era5().drop_vars("expver"), tmp_path / "era5.nc", format=format_)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(InputError, match=r"era5\.nc: expected a complete netCDF file"):
        read_era5([path])


def test_a_file_that_is_no_netcdf(tmp_path):
    path = tmp_path / "era5.nc"
    path.write_text("<html>Please log in</html>")
    with pytest.raises(InputError, match="expected a complete netCDF file"):
        read_era5([path])


def test_months_missing_between_or_within_files(era5, tmp_path):
    paths = [write(era5(y), tmp_path / f"{y}.nc") for y in (2001, 2003)]
    with pytest.raises(InputError, match=r"time: expected a record without gaps .* 2002-01, "):
        read_era5(paths)
    holed = era5(2004).isel(valid_time=[0, 1, 2, 4, 5])
    with pytest.raises(InputError, match="found 2004-04 missing"):
        read_era5([write(holed, tmp_path / "2004.nc")])


def test_months_that_one_variable_lacks(era5, tmp_path):
    data = era5()
    rest = write(data.drop_vars("t2m"), tmp_path / "rest.nc")
    part = write(data[["t2m"]].isel(valid_time=slice(0, 10)), tmp_path / "t2m.nc")
    with pytest.raises(InputError, match=r"TA: expected every time .* found 2001-11, 2001-12"):
        read_era5([rest, part])


def test_doubled_and_unordered_times(era5, tmp_path):
    first = write(era5(), tmp_path / "a.nc")
    with pytest.raises(InputError, match="expected each period once; found 2001-01, 2001-02"):
        read_era5([first, write(era5(), tmp_path / "b.nc")])
    with pytest.raises(InputError, match="expected each period once; found 2001-03"):
        read_era5([write(era5().isel(valid_time=[0, 1, 2, 2, 3]), tmp_path / "c.nc")])
    with pytest.raises(InputError, match="expected times in order; found 2001-02 after"):
        read_era5([write(era5().isel(valid_time=[0, 2, 1, 3]), tmp_path / "d.nc")])


def test_daily_files_are_no_monthly_means(era5, tmp_path):
    days = era5().assign_coords(valid_time=pd.date_range("2001-01-01", periods=12))
    path = write(days, tmp_path / "days.nc")
    with pytest.raises(InputError, match=r"expected steps of a month.* found a step of 1 days"):
        read_era5_land([path])
    cube = read_era5([path])  # which comes as daily statistics too
    assert cube["time"].to_index().equals(pd.date_range("2001-01-01", periods=12, name="time"))
    assert (cube["time_bnds"].diff("bnds") == np.timedelta64(1, "D")).all()


def test_times_that_are_no_dates(era5, tmp_path):
    numbered = era5().drop_vars("valid_time")
    with pytest.raises(InputError, match="time: expected dates of the common calendar; found none"):
        read_era5([write(numbered, tmp_path / "n.nc")])
    counted = era5().assign_coords(valid_time=np.arange(12.0))
    with pytest.raises(InputError, match="expected dates of the common calendar; found float64"):
        read_era5([write(counted, tmp_path / "m.nc")])


@pytest.mark.parametrize(
    ("axis", "values", "message"),
    [
        ("latitude", [90, 60, 30, 0, -30, -60, -95], "latitude: expected -90 to 90 degrees"),
        ("latitude", [90, 60, 0, 30, -30, -60, -90], "latitude: expected values that only rise"),
        ("latitude", [90, 60, 30, 0, -30, -60, -75], "latitude: expected even steps of -30"),
        ("longitude", [0, 45, 90, 135, 180, 225, 270, 365], "longitude: expected -180 to 360"),
        (
            "longitude",
            [0, 45, 90, 135, -180, -135, -90, -45],
            "longitude: expected values that only",
        ),
        ("longitude", [0, 45, 90, 135, 180, 225, 315, 360], "longitude: expected even steps of 45"),
    ],
)
def test_a_grid_that_runs_otherwise(era5, tmp_path, axis, values, message):
    data = era5().assign_coords({axis: np.array(values, dtype=float)})
    with pytest.raises(InputError, match=message):
        read_era5([write(data, tmp_path / "era5.nc")])


def test_a_place_that_is_text(raw_grid, tmp_path):
    data = raw_grid(SIF_FIELDS).isel(lat=[0]).assign_coords(lat=["north"])
    with pytest.raises(InputError, match="latitude: expected numbers, in degrees"):
        read_cube("gome2", [write(data, tmp_path / "s.nc")])


def test_a_meridian_that_stands_twice(raw_grid, tmp_path):
    data = raw_grid(SIF_FIELDS, longitude=np.arange(0.0, 361.0, 45.0))
    with pytest.raises(InputError, match="longitude: expected each meridian once"):
        read_cube("gome2", [write(data, tmp_path / "s.nc")])


def test_files_on_different_grids(raw_grid, tmp_path):
    one = write(raw_grid(SIF_FIELDS), tmp_path / "1.nc")
    shifted = raw_grid(SIF_FIELDS, longitude=LONGITUDES + 1, time=MONTHS + pd.DateOffset(years=1))
    with pytest.raises(InputError, match=r"2\.nc: longitude: expected the grid of the other files"):
        read_cube("gome2", [one, write(shifted, tmp_path / "2.nc")])


def test_a_dimension_too_many(raw_grid, tmp_path):
    data = raw_grid(SIF_FIELDS).expand_dims(level=[1, 2])
    with pytest.raises(InputError, match=r"SIF: expected the dimensions .* level \(2\)"):
        read_cube("gome2", [write(data, tmp_path / "s.nc")])


def test_an_axis_without_values_is_an_error(raw_grid, tmp_path):
    data = raw_grid(SIF_FIELDS).isel(lat=slice(0))
    with pytest.raises(InputError, match="latitude: expected two values or more; found 0"):
        read_cube("gome2", [write(data, tmp_path / "s.nc")])


def test_readers_are_found_by_name(tmp_path):
    with pytest.raises(ConfigurationError, match="Unknown reader 'era6': expected one of era5"):
        read_cube("era6", [])
    for reader in READERS:
        with pytest.raises(InputError, match="one file"):
            read_cube(reader, [])


def test_every_source_of_the_table_of_variables_has_a_reader():
    for family in ("era5", "cfsv2", "modis", "avhrr", "gome2", "gosat755", "gosat772", "csif"):
        assert family in READERS
        assert aliases(family)


def test_cfsv2_six_hourly(raw_grid, tmp_path):
    time = pd.date_range("2011-03-31", "2011-05-01T18:00", freq="6h")
    names = {"SPFH_L103": 1, "TMP_L103": 0, "PRES_L1": 2, "DSWRF_L1_Avg_1": 3, "PRATE_L1_Avg_1": 4,
             "UGRD_L103": 5, "VGRD_L103": 6, "SOILW_L106": 7}  # fmt: skip
    fields = {name: list(CFSV2_FIELDS.values())[i] for name, i in names.items()}
    data = raw_grid(fields, time=time)
    cube = read_cube("cfsv2", [write(data, tmp_path / "cfsv2.nc")])
    assert (cube.time_bnds[:, 1] - cube.time_bnds[:, 0] == np.timedelta64(6, "h")).all()
    april = means_over(cube, "cfsv2", "month")
    assert april.indexes["time"].tolist() == [pd.Timestamp("2011-04-01")]
    expected = data["TMP_L103"].sel(time="2011-04").mean() - 273.15
    np.testing.assert_allclose(april["TA"].mean(), expected, atol=1e-3)


def test_bounds_of_the_file_say_where_a_period_begins(raw_grid, tmp_path):
    ends = MONTHS + pd.offsets.MonthBegin(1)
    data = raw_grid(SIF_FIELDS, time=ends)  # each month's time is its end
    data["time"].attrs["bounds"] = "time_bnds"
    data["time_bnds"] = (("time", "nv"), np.column_stack([MONTHS, ends]))
    cube = read_cube("gome2", [write(data, tmp_path / "s.nc")])
    assert cube.indexes["time"].equals(MONTHS)


WFDE5 = ("air_temperature", "specific_humidity", "precipitation_flux", "wind_speed",
         "surface_downwelling_shortwave_flux_in_air", "surface_downwelling_longwave_flux_in_air")  # fmt: skip


def test_measured_climate_of_britain(shared_data):
    folder = shared_data / "grid_wfde5_uk_201701"
    cube = read_cube("wfde5", [folder / f"{name}.nc" for name in WFDE5])
    assert set(cube.data_vars) == {"TA", "QV", "P", "SW_IN", "LW_IN", "WS"}
    with netCDF4.Dataset(folder / "precipitation_flux.nc") as file:
        row = list(file["lat"][:]).index(51.75)
        column = list(file["lon"][:]).index(-1.25)
        rain = file["pr"][:, row, column] * 86400
    place = {"latitude": 51.75, "longitude": -1.25}
    np.testing.assert_allclose(cube["P"].sel(place), rain, rtol=1e-5)
    sea = {"latitude": 55.75, "longitude": 2.75}
    assert np.isnan(cube["TA"].sel(sea).to_numpy()).all()
    assert cube.time_bnds.to_numpy()[-1, 1] == np.datetime64("2017-02-01")
    january = means_over(cube, "wfde5", "month").sel(place).isel(time=0)
    assert float(january["P"]) == pytest.approx(float(rain.mean()), rel=1e-5)
    with netCDF4.Dataset(folder / "air_temperature.nc") as file:
        warmth = file["Tair"][:, row, column].mean() - 273.15
    assert float(january["TA"]) == pytest.approx(float(warmth), abs=1e-3)


def test_measured_radiation_is_that_of_the_hour_that_begins(shared_data):
    """Radiation is symmetric about solar noon half an hour after the timestamps."""
    folder = shared_data / "grid_wfde5_uk_201701"
    sun = read_cube("wfde5", [folder / f"{WFDE5[4]}.nc"], variables=["SW_IN"])["SW_IN"]
    course = sun.load().groupby("time.hour").mean()
    centre = (course * course["hour"]).sum("hour") / course.sum("hour")
    equation_of_time = 9 / 60  # mid-January, hours that the sun is late
    noon = 12 - sun.longitude / 15 + equation_of_time
    assert float((centre - noon).mean()) == pytest.approx(-0.5, abs=0.1)


def test_rain_and_snow_are_precipitation(raw_grid, tmp_path):
    time = pd.date_range("2001-01-01", periods=24, freq="h")
    snow = raw_grid({"Snowf": (0.0, 1e-4, "kg m-2 s-1")}, time=time)
    rain = raw_grid({"Rainf": (0.0, 3e-4, "kg m-2 s-1")}, time=time)
    paths = [write(rain, tmp_path / "Rainf.nc"), write(snow, tmp_path / "Snowf.nc")]
    cube = read_cube("wfde5", paths, variables=["P"])
    expected = 86400 * (rain["Rainf"] + snow["Snowf"]).sortby("lat")
    np.testing.assert_allclose(cube["P"].max(), expected.max(), rtol=1e-5)
    assert cube["P"].attrs["units"] == "mm d-1"
    with pytest.raises(InputError, match="P: expected a variable named Snowf"):
        read_cube("wfde5", paths[:1], variables=["P"])


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files as Linux does")
def test_few_files_stay_open_however_long_the_record(era5, tmp_path):
    """An open file takes megabytes, so that memory would grow with the record."""
    years = range(2001, 2021)
    paths = [tmp_path / f"era5_{year}.nc" for year in years]
    for year, path in zip(years, paths, strict=True):
        era5(year)[["t2m"]].to_netcdf(path)
    cube = read_cube("era5", paths, variables=["TA"])
    assert cube["TA"].mean().compute().size == 1
    targets = [os.path.realpath(fd) for fd in Path("/proc/self/fd").iterdir()]
    assert 0 < len([t for t in targets if t.startswith(str(tmp_path.resolve()))]) <= 16


def test_a_region_on_both_sides_of_the_date_line_stays_one(raw_grid, tmp_path):
    """Nothing is interpolated between its ends, round the other side of the Earth."""
    fields = {"t2m": (270.0, 290.0, "K"), "tp": (0.001, 0.003, "m")}
    longitude, latitude = np.arange(170.0, 191.0), np.arange(40.0, 61.0)
    data = raw_grid(fields, latitude=latitude, longitude=longitude)
    data.to_netcdf(tmp_path / "era5.nc")
    cube = read_cube("era5", [tmp_path / "era5.nc"], variables=["TA", "P"])
    assert cube.longitude.to_numpy()[[0, -1]].tolist() == [-180.0, 179.0]
    there = cube["TA"].notnull().any(("time", "latitude"))
    assert sorted(there.longitude.to_numpy()[there] % 360) == longitude.tolist()
    for resolution in (0.5, 1.0):
        aligned = align(cube, TargetGrid(resolution=resolution))
        for name in ("TA", "P"):
            there = aligned[name].isel(time=0).notnull().any("latitude").to_numpy()
            places = aligned.longitude.to_numpy()[there] % 360
            assert 169 <= places.min() < places.max() <= 191
            assert there.sum() >= 19 / resolution


@pytest.mark.parametrize(
    "longitude",
    [
        np.array([179.5, 180.5]),
        np.array([178.5, 179.5, 180.5]),
        170 + 1 / 24 + np.arange(240) / 12,
        170 + 1 / 48 + np.arange(480) / 24,
        170 + 1 / 480 + np.arange(4800) / 240,
    ],
)
def test_no_column_is_lost_over_the_date_line(longitude):
    values = np.arange(longitude.size, dtype="float32")
    place = {"latitude": [-17.75, -17.25], "longitude": longitude}
    cube = xr.Dataset({"x": (("latitude", "longitude"), np.stack([values] * 2))}, place)
    turned = normalise_grid(cube, "f")["x"][0].dropna("longitude")
    assert sorted(turned.to_numpy()) == values.tolist()
    east = turned.longitude.to_numpy()[np.argsort(turned.to_numpy())] % 360
    np.testing.assert_allclose(east, longitude, atol=1e-5)


def test_rain_and_snow_must_have_the_same_times(raw_grid, tmp_path):
    time = pd.date_range("2001-01-01", periods=48, freq="h")
    raw_grid({"Rainf": (0, 1e-4, "kg m-2 s-1")}, time=time).to_netcdf(tmp_path / "rain.nc")
    snow = raw_grid({"Snowf": (0, 1e-4, "kg m-2 s-1")}, time=time[:24])
    snow.to_netcdf(tmp_path / "snow.nc")
    with pytest.raises(
        InputError, match="Snowf: expected every time that Rainf has; found 2001-01"
    ):
        read_cube("wfde5", sorted(tmp_path.glob("*.nc")), variables=["P"])
