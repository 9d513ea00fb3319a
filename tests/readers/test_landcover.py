from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.landcover import read_igbp

LATITUDES, LONGITUDES = np.arange(75.0, -76.0, -30.0), np.arange(-165.0, 180.0, 30.0)


def land_cover(codes: np.ndarray, name: str = "Majority_Land_Cover_Type_1") -> xr.Dataset:
    coordinates = {"lat": LATITUDES, "lon": LONGITUDES}
    return xr.Dataset({name: (("lat", "lon"), codes)}, coordinates)


@pytest.fixture
def codes() -> np.ndarray:
    codes = np.zeros((6, 12), dtype="uint8")
    codes[0, :4] = [1, 16, 13, 5]
    return codes


def write(data: xr.Dataset, path, **options):
    data.to_netcdf(path, **options)
    return path


def test_codes_become_a_map(codes, tmp_path):
    cube = read_igbp([write(land_cover(codes), tmp_path / "MCD12C1_2010.nc")])
    assert cube["IGBP"].dims == ("latitude", "longitude")
    assert cube["IGBP"].dtype == np.int8
    assert cube["IGBP"].sel(latitude=75, longitude=[-165, -135, -105, -75]).values.tolist() == [1, 16, 13, 5]  # fmt: skip
    assert int((cube["IGBP"] > 0).sum()) == 4
    meanings = cube["IGBP"].attrs["flag_meanings"].split()
    assert meanings[list(cube["IGBP"].attrs["flag_values"]).index(16)] == "BSV"


def test_the_other_products_water_and_fill_are_water(codes, tmp_path):
    codes[codes == 0] = 17
    codes[5] = 255
    plain = write(land_cover(codes, "LC_Type1"), tmp_path / "a.nc")
    packed = write(
        land_cover(codes, "LC_Type1").astype(float).where(lambda c: c != 255),
        tmp_path / "b.nc",
        encoding={"LC_Type1": {"dtype": "uint8", "_FillValue": 255}},
    )
    for path in (plain, packed):
        igbp = read_igbp([path])["IGBP"]
        assert sorted(np.unique(igbp).tolist()) == [0, 1, 5, 13, 16]


def test_of_several_years_the_latest_is_read(codes, tmp_path):
    paths = []
    for year, code in ((2010, 2), (2012, 4), (2011, 3)):
        codes[0, 0] = code
        paths.append(write(land_cover(codes), tmp_path / f"MCD12C1.A{year}001.061.nc"))
    cube = read_igbp(paths)
    assert int(cube["IGBP"].sel(latitude=75, longitude=-165)) == 4
    assert cube.attrs["file"] == "MCD12C1.A2012001.061.nc"


def test_unknown_codes_are_named(codes, tmp_path):
    codes[1, 1:3] = [18, 99]
    with pytest.raises(InputError, match=r"2010\.nc: IGBP: expected codes 0 to 16.*found 18, 99"):
        read_igbp([write(land_cover(codes), tmp_path / "MCD12C1_2010.nc")])


def test_a_foreign_variable_is_named(codes, tmp_path):
    with pytest.raises(InputError, match=r"expected a variable named Majority.* found Band1"):
        read_igbp([write(land_cover(codes, "Band1"), tmp_path / "a.nc")])


def test_a_measured_map_whose_codes_are_shifted_is_refused(shared_data, tmp_path):
    path = shared_data / "land_cover/modis_landcover__LPDAAC__v5.1__0.5deg__2010.nc"
    raw = xr.open_dataset(path)[["Band1"]].rename(Band1="LC_Type1")
    with pytest.raises(InputError, match=r"water .* as the commonest class .* found class 1"):
        read_igbp([write(raw, tmp_path / "shifted_2010.nc")])
    mended = read_igbp([write(raw - 1, tmp_path / "mended_2010.nc")])["IGBP"]
    helsinki_forest = mended.sel(latitude=61.8, longitude=24.3, method="nearest")
    assert int(helsinki_forest) == 5
    assert float((mended > 0).mean()) == pytest.approx(0.33, abs=0.01)
