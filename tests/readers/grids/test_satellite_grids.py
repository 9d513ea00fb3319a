"""Satellite maps in the formats of their archives."""

from __future__ import annotations

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.gridding.means import means_over
from uflux_kedro.readers import read_cube
from uflux_kedro.readers.grids.periods import date_in_name, step_of_product

ROWS, COLUMNS = 6, 12
CORNERS = {
    "packed": "UpperLeftPointMtrs=(-180000000.000000,90000000.000000)\n"
    "\t\tLowerRightMtrs=(180000000.000000,-90000000.000000)",
    "plain": "UpperLeftPointMtrs=(-180.0,90.0)\n\t\tLowerRightMtrs=(180.0,-90.0)",
}
STORED = np.arange(ROWS * COLUMNS, dtype="int16").reshape(ROWS, COLUMNS) * 100 + 500


def structure(grid: str, corners: str = "packed", projection: str = "GCTP_GEO") -> str:
    return (
        f'GROUP=GridStructure\n\tGROUP=GRID_1\n\t\tGridName="{grid}"\n\t\tXDim={COLUMNS}\n'
        f"\t\tYDim={ROWS}\n\t\t{CORNERS[corners]}\n\t\tProjection={projection}\n"
    )


def write_hdf5(path, grid: str, fields: dict[str, dict], corners: str = "packed", **kwargs):
    """Write HDF-EOS5 like VIIRS land products: no coordinates, no time, no dimension scales."""
    with netCDF4.Dataset(path, "w") as file:
        information = file.createGroup("HDFEOS INFORMATION")
        text = information.createVariable("StructMetadata.0", str)
        text[...] = structure(grid, corners, **kwargs)
        data = file.createGroup(f"HDFEOS/GRIDS/{grid}/Data Fields")
        data.createDimension("YDim", ROWS)
        data.createDimension("XDim", COLUMNS)
        for name, attributes in fields.items():
            fill = attributes.pop("_FillValue")
            variable = data.createVariable(name, "i2", ("YDim", "XDim"), fill_value=fill)
            variable.set_auto_maskandscale(False)
            values = STORED.copy()
            values[0, 0] = fill
            variable[:] = values
            variable.setncatts(attributes)
    return path


def write_hdf4(path, grid: str, fields: dict[str, dict], corners: str = "packed", **kwargs):
    sd = pytest.importorskip("pyhdf.SD", reason="needs the extra hdf4")
    file = sd.SD(str(path), sd.SDC.WRITE | sd.SDC.CREATE | sd.SDC.TRUNC)
    file.attr("StructMetadata.0").set(sd.SDC.CHAR, structure(grid, corners, **kwargs))
    for name, attributes in fields.items():
        variable = file.create(name, sd.SDC.INT16, (ROWS, COLUMNS))
        values = STORED.copy()
        values[0, 0] = attributes["_FillValue"]
        for key, value in attributes.items():
            kind = sd.SDC.INT16 if key == "_FillValue" else sd.SDC.FLOAT64
            variable.attr(key).set(sd.SDC.CHAR if isinstance(value, str) else kind, value)
        variable[:] = values
        variable.endaccess()
    file.end()
    return path


def reflectance(*names: str) -> dict[str, dict]:
    return {n: {"scale_factor": 1e-4, "add_offset": 0.0, "_FillValue": 32767} for n in names}


def index(fill: int, *names: str) -> dict[str, dict]:
    return {n: {"scale_factor": 10000.0, "add_offset": 0.0, "_FillValue": fill} for n in names}


CASES = [
    ("viirs", write_hdf5, "VNP43C4.A2013{}.002.2021.h5", "VIIRS_CMG_BRDF", "day",
     reflectance("Nadir_Reflectance_M3", "Nadir_Reflectance_I1", "Nadir_Reflectance_I2"), ("BLUE", "RED", "NIR")),
    ("viirs_vi", write_hdf5, "VNP13C2.A2013{}.002.2021.h5", "VIIRS_Grid_monthly_VI_CMG", "month",
     index(-15000, "CMG 0.05 Deg monthly NDVI", "CMG 0.05 Deg monthly EVI"), ("NDVI", "EVI")),
    ("modis", write_hdf4, "MCD43C4.A2013{}.061.2021.hdf", "MOD_CMG_BRDF_0.05Deg", "day",
     reflectance(*(f"Nadir_Reflectance_Band{i}" for i in (1, 2, 3))), ("RED", "NIR", "BLUE")),
    ("modis_vi", write_hdf4, "MOD13C2.A2013{}.061.2021.hdf", "MOD_Grid_monthly_CMG_VI", "month",
     index(-3000, "CMG 0.05 Deg Monthly NDVI", "CMG 0.05 Deg Monthly EVI"), ("NDVI", "EVI")),
]  # fmt: skip


@pytest.mark.parametrize("corners", CORNERS)
@pytest.mark.parametrize(("reader", "write", "name", "grid", "step", "fields", "expected"), CASES)
def test_hdf_eos_of_nasa(tmp_path, reader, write, name, grid, step, fields, expected, corners):
    days = ("001", "002", "004") if step == "day" else ("001", "032", "060")
    paths = [
        write(tmp_path / name.format(day), grid, {k: dict(v) for k, v in fields.items()}, corners)
        for day in days
    ]
    cube = read_cube(reader, paths)
    assert set(cube.data_vars) == set(expected)
    starts = [f"2013-01-{d}" for d in ("01", "02", "04")] if step == "day" else [
        "2013-01-01", "2013-02-01", "2013-03-01"]  # fmt: skip
    assert cube.indexes["time"].equals(pd.DatetimeIndex(starts))
    # The file runs from north to south.
    values = cube[expected[0]][2].to_numpy()[::-1]
    np.testing.assert_allclose(values.ravel()[1:], STORED.ravel()[1:] * 1e-4, rtol=1e-6)
    assert np.isnan(values[0, 0])
    assert cube.latitude.to_numpy().tolist() == [-75, -45, -15, 15, 45, 75]
    assert cube.longitude.to_numpy()[[0, -1]].tolist() == [-165, 165]


def test_a_lost_day_is_no_matter_but_a_lost_month_is(tmp_path):
    names = index(-15000, "CMG 0.05 Deg monthly NDVI", "CMG 0.05 Deg monthly EVI")
    for day in ("001", "060"):
        fields = {k: dict(v) for k, v in names.items()}
        write_hdf5(tmp_path / f"VNP13C2.A2013{day}.h5", "G", fields)
    with pytest.raises(InputError, match="2013-02 missing"):
        read_cube("viirs_vi", sorted(tmp_path.glob("*.h5")))


def test_a_month_without_any_day_is_missing_and_told(raw_grid, tmp_path, caplog):
    fields = {f"Nadir_Reflectance_Band{i}": (0.1, 0.3, "") for i in (1, 2)}
    time = pd.date_range("2020-01-01", "2020-04-30")
    raw_grid(fields, time=time[time.month != 2]).to_netcdf(tmp_path / "MCD43C4.nc")
    cube = read_cube("modis", [tmp_path / "MCD43C4.nc"])
    months = means_over(cube, "MODIS", "month")
    empty = months["RED"].isnull().all(("latitude", "longitude"))
    assert empty.to_numpy().tolist() == [False, True, False, False]
    assert "MODIS: no data from 2020-02-01" in caplog.text
    whole = means_over(cube.isel(time=slice(3, None)), "MODIS", "month", whole=True)
    assert whole.indexes["time"].month.tolist() == [3, 4]


@pytest.mark.parametrize("write", [write_hdf5, write_hdf4])
def test_tiles_in_another_projection_are_refused(tmp_path, write):
    path = tmp_path / f"MCD43A4.A2013001{'.h5' if write is write_hdf5 else '.hdf'}"
    write(path, "T", reflectance("Nadir_Reflectance_Band1"), projection="GCTP_SNSOID")
    with pytest.raises(InputError, match=r"expected a grid of latitude and longitude .* Reproject"):
        read_cube("modis", [path])


@pytest.mark.parametrize("suffix", [".hdf", ".h5"])
@pytest.mark.parametrize("kept", [0.02, 0.6])
def test_damaged_hdf_eos(tmp_path, suffix, kept):
    write = write_hdf4 if suffix == ".hdf" else write_hdf5
    fields = reflectance(*(f"Nadir_Reflectance_Band{i}" for i in (1, 2)))
    path = write(tmp_path / f"MCD43C4.A2013001{suffix}", "G", fields)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(InputError, match="MCD43C4"):
        read_cube("modis", [path]).load()


def test_hdf5_without_a_grid_is_refused(tmp_path):
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(tmp_path / "a.h5")
    with pytest.raises(InputError, match="expected an HDF-EOS file with one grid"):
        read_cube("viirs", [tmp_path / "a.h5"])


def test_hdf4_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    path = write_hdf4(tmp_path / "a.hdf", "G", reflectance("Nadir_Reflectance_Band1"))
    monkeypatch.setitem(__import__("sys").modules, "pyhdf.SD", None)
    with pytest.raises(ConfigurationError, match=r"install uflux_kedro\[hdf4\]"):
        read_cube("modis", [path])


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("scale", [1e-4, 10000.0])
def test_indices_that_a_conversion_scaled_either_way(raw_grid, tmp_path, scale, declared):
    fields = {
        "CMG 0.05 Deg Monthly NDVI": (0.0, 0.9, ""),
        "CMG 0.05 Deg Monthly EVI": (0.0, 0.7, ""),
    }
    data = raw_grid(fields) * (1 if scale < 1 else 1e8)
    packing = {"dtype": "int16", "scale_factor": scale}
    if declared:
        packing["_FillValue"] = -3000
    else:
        data["CMG 0.05 Deg Monthly EVI"][0, 0, 0] = -3000 * scale
    data.to_netcdf(tmp_path / "MOD13C2.nc", encoding=dict.fromkeys(fields, packing))
    data.close()
    cube = read_cube("modis_vi", [tmp_path / "MOD13C2.nc"])
    assert np.isnan(cube["EVI"]).sum() == (not declared)
    truth = raw_grid(fields)["CMG 0.05 Deg Monthly NDVI"].sortby("lat")
    np.testing.assert_allclose(np.sort(cube["NDVI"].to_numpy().ravel()), np.sort(truth.to_numpy().ravel()), atol=6e-5)  # fmt: skip


def test_dates_of_the_julian_calendar_of_appeears(raw_grid, tmp_path):
    fields = {"NDVI": (0.0, 0.9, ""), "EVI": (0.0, 0.7, "")}
    encoding = {
        "time": {"units": "days since 2000-01-01 00:00:00", "calendar": "julian", "dtype": "int32"}
    }
    data = raw_grid(fields)
    days = (data["time"] - np.datetime64("2000-01-01")) // np.timedelta64(1, "D")
    data = data.assign_coords(
        time=(
            "time",
            days.to_numpy().astype("int32"),
            {k: v for k, v in encoding["time"].items() if k != "dtype"},
        )
    )
    data.to_netcdf(tmp_path / "appeears.nc")
    cube = read_cube("modis_vi", [tmp_path / "appeears.nc"])
    assert cube.indexes["time"].equals(pd.date_range("2001-01-01", periods=12, freq="MS"))


def avhrr_day(raw_grid, day: str, flags: dict[tuple[int, int], int]) -> xr.Dataset:
    """Write a day of NOAA's record with its flags."""
    time = pd.DatetimeIndex([day])
    data = raw_grid({"SREFL_CH1": (0.0, 0.3, ""), "SREFL_CH2": (0.0, 0.6, "")},
                    ("time", "latitude", "longitude"), time=time)  # fmt: skip
    qa = np.full(data["SREFL_CH1"].shape, 1 << 7, dtype="int16")  # channels valid
    for (row, column), word in flags.items():
        qa[0, row, column] = np.int16(word)
    data["QA"] = (data["SREFL_CH1"].dims, qa)
    return data


def test_flagged_days_of_avhrr_take_no_part(raw_grid, tmp_path):
    packing = {"dtype": "int16", "scale_factor": 1e-4, "_FillValue": np.int16(-9999)}
    encoding = {"SREFL_CH1": packing, "SREFL_CH2": packing, "QA": {"_FillValue": np.int16(-32767)}}
    bad = {
        (0, 0): 1 << 1,
        (0, 1): 1 << 2,
        (0, 2): 1 << 4,
        (0, 3): 1 << 6,
        (0, 4): 1 << 8,
        (0, 5): 1 << 9,
    }
    fine = {(1, 0): 1 << 3, (1, 1): 1 << 5, (1, 2): -32768}
    paths = []
    for day in pd.date_range("1999-12-30", "2000-02-02"):
        if day.day in (7, 8):
            continue  # the satellite was silent
        flags = bad if day.day % 2 else fine
        path = tmp_path / f"AVHRR-Land_v005_AVH09C1_NOAA-14_{day:%Y%m%d}_c20170614.nc"
        avhrr_day(raw_grid, str(day), flags).to_netcdf(path, encoding=encoding)
        paths.append(path)
    cube = read_cube("avhrr", paths)
    assert set(cube.data_vars) == {"RED", "NIR"}
    first = cube["RED"].sel(time="2000-01-01")
    assert np.isnan(first.sel(latitude=90)[..., [4, 5, 6, 7, 0, 1]].to_numpy()).all()
    assert int(np.isnan(first.to_numpy()).sum()) == 6
    assert not np.isnan(cube["RED"].sel(time="2000-01-02").to_numpy()).any()
    january = means_over(cube, "avhrr", "month")
    assert january.indexes["time"].tolist() == [pd.Timestamp("2000-01-01")]
    assert not np.isnan(january["RED"].to_numpy()).any()


def test_maps_that_hold_no_time_take_it_from_their_names(raw_grid, tmp_path):
    paths = []
    for month in ("20110101_31", "20110201_28"):
        data = raw_grid({"SIF_740": (0.0, 2.0, "")}, time=pd.date_range("2011", periods=1))
        path = tmp_path / f"ret_f_nr5_nsvd12_v26_waves734_nolog.grid_SIF_v27_{month}.nc"
        data.isel(time=0, drop=True).to_netcdf(path)
        paths.append(path)
    cube = read_cube("gome2", paths)
    assert cube.indexes["time"].tolist() == [pd.Timestamp("2011-01-01"), pd.Timestamp("2011-02-01")]
    days = []
    for doy in ("001", "005", "009"):
        path = tmp_path / f"OCO2.SIF.clear.inst.2001{doy}.v2.nc"
        data = raw_grid({"clear_daily_SIF": (0.0, 1.0, "")}, time=pd.date_range("2001", periods=1))
        data.isel(time=0, drop=True).to_netcdf(path)
        days.append(path)
    cube = read_cube("csif", days)
    assert cube.indexes["time"].tolist() == [pd.Timestamp(f"2001-01-0{d}") for d in (1, 5, 9)]
    anonymous = tmp_path / "sif.nc"
    raw_grid({"SIF_740": (0.0, 2.0, "")}).isel(time=0, drop=True).to_netcdf(anonymous)
    with pytest.raises(InputError, match="time: expected dates"):
        read_cube("gome2", [anonymous])


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("MOD13C2.A2010032.061.2020345123456.hdf", "2010-02-01"),
        ("AVHRR-Land_v005_AVH09C1_NOAA-07_19810624_c20170610041337.nc", "1981-06-24"),
        ("gosat_2010-02.nc", "2010-02-01"),
        ("era5_monthly_2016.nc", None),
        ("map_2010400.nc", None),
        ("x_20101341.nc", None),
    ],
)
def test_dates_in_names(name, date):
    assert date_in_name(name) == (pd.Timestamp(date) if date else None)


def test_composites_of_eight_days_become_months_by_days(raw_grid, tmp_path):
    """The last one of a year is shorter; February has parts of five composites."""
    days = [
        d for year in (2001, 2002) for d in pd.date_range(f"{year}", f"{year}-12-31", freq="8D")
    ]
    data = raw_grid({"SIF_740": (0.0, 1.0, "")}, time=pd.DatetimeIndex(days))
    values = np.arange(len(days), dtype="float32") / 100
    data["SIF_740"][:] = values[:, None, None]
    data.to_netcdf(tmp_path / "eight.nc")
    cube = read_cube("gome2", [tmp_path / "eight.nc"])
    lengths = (cube["time_bnds"][:, 1] - cube["time_bnds"][:, 0]) / np.timedelta64(1, "D")
    assert lengths.to_numpy().tolist() == ([8.0] * 45 + [5.0]) * 2
    months = means_over(cube, "gome2", "month")
    by_day = pd.Series(values, pd.DatetimeIndex(days)).reindex(pd.date_range("2001", "2002-12-31"), method="ffill")  # fmt: skip
    np.testing.assert_allclose(months["SIF"][:, 0, 0], by_day.resample("MS").mean(), rtol=1e-5)


@pytest.mark.parametrize(
    ("names", "step"),
    [
        (["MCD43C4.A2010001.061.2020.hdf"], "day"),
        (["MCD43C4.A2010001.061.2020.hdf", "MCD43C4.A2010032.061.2020.hdf"], "day"),
        (["AVHRR-Land_v005_AVH09C1_NOAA-14_20010101_c20170614.nc"], "day"),
        (["MOD13C1.A2010001.061.2020.hdf"], "16 days"),
        (["GOSIF_2010001.tif"], "8 days"),
        (["GOSIF_2010.M01.tif"], "month"),
        (["MCD43C4_2010.nc"], None),
        (["MCD43C4.A2010001.061.2020.hdf", "mine.nc"], None),
    ],
)
def test_the_step_of_an_archives_product(names, step):
    steps = ("month", "16 days", "8 days", "day")
    assert step_of_product(names, steps) == step
    assert step_of_product(names, ("hour",)) is None


def test_single_days_a_month_apart_are_days(tmp_path):
    fields = reflectance("Nadir_Reflectance_I1", "Nadir_Reflectance_I2")
    paths = [
        write_hdf5(tmp_path / f"VNP43C4.A2013{day}.002.2021.h5", "G", {k: dict(v) for k, v in fields.items()})
        for day in ("001", "032")
    ]  # fmt: skip
    cube = read_cube("viirs", paths)
    assert (cube["time_bnds"][:, 1] - cube["time_bnds"][:, 0] == np.timedelta64(1, "D")).all()


def write_geotiff(path, stored, crs="EPSG:4326"):
    rasterio = pytest.importorskip("rasterio", reason="needs the extra raster")
    side = 360 / stored.shape[1]
    options = {"driver": "GTiff", "height": stored.shape[0], "width": stored.shape[1], "count": 1}
    transform = rasterio.Affine(side, 0, -180, 0, -side, 90)
    with rasterio.open(path, "w", dtype=stored.dtype, crs=crs, transform=transform, **options) as file:  # fmt: skip
        file.write(stored, 1)
    return path


def test_gosif_is_read_from_geotiff(tmp_path):
    stored = STORED.copy()
    stored[0, :2] = 32766, 32767
    days = [write_geotiff(tmp_path / f"GOSIF_2001{day}.tif", stored) for day in ("001", "009")]
    cube = read_cube("csif", days)
    assert cube["time_bnds"][0].to_numpy().astype("M8[D]").astype(str).tolist() == ["2001-01-01", "2001-01-09"]  # fmt: skip
    north_first = cube["CSIF"][0].to_numpy()[::-1]
    assert np.isnan(north_first[0, :2]).all()
    np.testing.assert_allclose(north_first.ravel()[2:], STORED.ravel()[2:] * 1e-4, rtol=1e-6)
    month = write_geotiff(tmp_path / "GOSIF_2001.M03.tif", stored)
    assert read_cube("csif", [month]).indexes["time"].tolist() == [pd.Timestamp("2001-03-01")]


def test_geotiffs_that_cannot_be_read_say_what_to_do(tmp_path):
    metres = write_geotiff(tmp_path / "GOSIF_2001001.tif", STORED, "EPSG:3035")
    with pytest.raises(InputError, match=r"one band on latitude and longitude.*gdalwarp"):
        read_cube("csif", [metres])
    with pytest.raises(
        InputError, match=r"netCDF or HDF with the variables BLUE, NIR, RED; found a G"
    ):
        read_cube("modis", [write_geotiff(tmp_path / "MCD43C4_200101.tif", STORED)])


def test_a_geotiff_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "GOSIF_2001001.tif"
    path.write_bytes(b"II*\x00 and more")
    monkeypatch.setitem(__import__("sys").modules, "rioxarray", None)
    with pytest.raises(ConfigurationError, match=r"install uflux_kedro\[raster\]"):
        read_cube("csif", [path])
