from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.landcover import read_igbp

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
    with pytest.raises(InputError, match=r"expected a variable named Majority.* found NDVI"):
        read_igbp([write(land_cover(codes, "NDVI"), tmp_path / "a.nc")])


def test_a_measured_map_whose_codes_are_shifted_is_refused_with_its_evidence(shared_data):
    path = shared_data / "land_cover/modis_landcover__LPDAAC__v5.1__0.5deg__2010.nc"
    evidence = (
        r"water .* as the most common class of the globe; found class 1 \(67% of the cells\); "
        r"stored are Pacific 1 where WAT is 0, .*Sahara 17 where BSV is 16.*"
        r"Every landmark is shifted by 1: set class_offset -1"
    )
    with pytest.raises(InputError, match=evidence):
        read_igbp([path])
    with pytest.raises(InputError, match=r"class 2 .*with class_offset 1.*set class_offset -1"):
        read_igbp([path], class_offset=1)


def test_a_shifted_map_is_mended_where_it_is_asked_for(shared_data, caplog):
    path = shared_data / "land_cover/modis_landcover__LPDAAC__v5.1__0.5deg__2010.nc"
    igbp = read_igbp([path], class_offset=-1)["IGBP"]
    assert "-1 was added to every code" in caplog.text
    # Towers of a known class in wide surroundings of the same class.
    places = {
        (61.8, 24.3): 5,
        (23.5, 12.0): 16,
        (-3.0, -60.0): 2,
        (-33.5, -63.0): 12,
        (0.0, -150.0): 0,
    }
    for (latitude, longitude), code in places.items():
        found = igbp.sel(latitude=latitude, longitude=longitude, method="nearest")
        assert int(found) == code, (latitude, longitude)
    assert float((igbp > 0).mean()) == pytest.approx(0.33, abs=0.01)
    area = np.cos(np.deg2rad(igbp.latitude))
    # The Earth's land, Antarctica included, is 29 % of its surface.
    assert float((igbp > 0).weighted(area).mean()) == pytest.approx(0.29, abs=0.01)


LANDMARKS = {  # the cells of the coarse map that hold them, and their classes
    "Pacific": (15, -165, 0),
    "Antarctica": (-75, 45, 15),
    "Greenland": (75, -45, 15),
    "Sahara": (15, 15, 16),
    "Amazonia": (-15, -75, 2),
}


@pytest.fixture
def globe(codes):
    """A map of the globe whose landmarks have their classes."""
    cube = land_cover(np.where(codes > 0, codes, 0))
    for latitude, longitude, code in LANDMARKS.values():
        cube[str(next(iter(cube)))].loc[{"lat": latitude, "lon": longitude}] = code
    return cube


def test_a_map_whose_codes_are_all_shifted_is_refused_and_told_how_to_be_read(globe, tmp_path):
    path = write(globe + 1, tmp_path / "a.nc")
    stored = "Pacific 1 where WAT is 0, Antarctica 16 where SNO is 15, Greenland 16 where SNO is 15"
    with pytest.raises(
        InputError, match=rf"found class 1 \(89% of the cells\); stored are {stored}"
    ):
        read_igbp([path])
    with pytest.raises(InputError, match="shifted by 1: set class_offset -1"):
        read_igbp([path])
    found = read_igbp([path], class_offset=-1)["IGBP"]
    for latitude, longitude, code in LANDMARKS.values():
        assert int(found.sel(latitude=latitude, longitude=longitude)) == code
    with pytest.raises(InputError, match=r"class 3 \(89% of the cells, with class_offset 2\)"):
        read_igbp([path], class_offset=2)


def test_landmarks_that_disagree_are_asked_about(globe, tmp_path):
    shifted = globe + 1
    shifted[str(next(iter(shifted)))].loc[{"lat": 15, "lon": 15}] = 5
    with pytest.raises(
        InputError, match=r"Sahara 5 where BSV is 16.*Check whether the codes are shifted by one"
    ):
        read_igbp([write(shifted, tmp_path / "a.nc")])


def test_what_is_unclassified_is_not_shifted(globe, tmp_path):
    shifted = globe + 1
    shifted[str(next(iter(shifted)))].loc[{"lat": 75, "lon": 75}] = 255
    found = read_igbp([write(shifted, tmp_path / "a.nc")], class_offset=-1)["IGBP"]
    assert int(found.sel(latitude=75, longitude=75)) == 0


def test_only_a_map_of_the_globe_must_have_water_as_its_commonest(tmp_path):
    forest = land_cover(np.ones((6, 12), dtype="uint8"))
    for part in (forest.isel(lat=slice(5)), forest.isel(lon=slice(10))):
        assert bool((read_igbp([write(part, tmp_path / "a.nc")])["IGBP"] == 1).all())
    # Of 150 degrees of latitude and 300 of longitude on it is one.
    with pytest.raises(InputError, match="most common class of the globe"):
        read_igbp([write(forest.isel(lon=slice(11)), tmp_path / "a.nc")])


@pytest.mark.parametrize("code", [17.0, 255.0, 0.0])
def test_any_kind_of_water_may_be_the_commonest(code, tmp_path):
    found = read_igbp([write(land_cover(np.full((6, 12), code)), tmp_path / "a.nc")])
    assert not found["IGBP"].any()


@pytest.mark.parametrize("code", [-1.0, 16.5, 18.0, 254.0])
def test_what_is_no_code_is_named(code, codes, tmp_path):
    values = codes.astype(float)
    values[2, 2] = code
    with pytest.raises(InputError, match=f"codes 0 to 16, 17 for water.*found {code:g}"):
        read_igbp([write(land_cover(values), tmp_path / "a.nc")])


def test_a_shifted_region_has_codes_that_no_class_has(codes, tmp_path):
    codes[0, 0] = 0
    path = write(land_cover(codes).isel(lat=[0, 1]), tmp_path / "MCD12C1_2010.nc")
    with pytest.raises(InputError, match=r"found -1"):
        read_igbp([path], class_offset=-1)


TURNS = {
    "turned upside down": lambda m: m[::-1],
    "rolled by 180 degrees": lambda m: np.roll(m, m.shape[1] // 2, axis=1),
    None: np.zeros_like,
}


@pytest.mark.parametrize("how", TURNS)
def test_a_measured_map_that_was_turned_is_refused(shared_data, tmp_path, how):
    path = shared_data / "land_cover/modis_landcover__LPDAAC__v5.1__0.5deg__2010.nc"
    with xr.open_dataset(path) as measured:
        codes = measured[["Band1"]].load().fillna(1) - 1
    wrong = codes.copy(data={"Band1": TURNS[how](codes["Band1"].to_numpy())})
    hint = f"It agrees if it is {how}" if how else "Check its latitudes"
    with pytest.raises(InputError, match=f"land and water where they are on Earth.*{hint}"):
        read_igbp([write(wrong, tmp_path / "2010.nc")])
    region = wrong.sel(lat=slice(34, 72), lon=slice(-25, 45))
    with pytest.raises(InputError, match="1 of 1 places: Poland is water"):
        read_igbp([write(region, tmp_path / "europe.nc")])


def test_the_map_that_passed_for_right_upside_down(faults, tmp_path):
    path = faults / "igbp_upside_down/MCD12C1_2016.nc"
    with pytest.raises(InputError, match=r"12 of 20 places: Sahara is water.*turned upside down"):
        read_igbp([path])
    with xr.open_dataset(path) as turned:
        right = turned.load().assign_coords(lat=-turned["lat"])
    assert read_igbp([write(right, tmp_path / "2016.nc")])["IGBP"].shape == (90, 180)


def test_a_map_of_a_country_has_no_class_outside(tmp_path):
    """The United States with Alaska lie around a landmark of Canada, which is none of theirs."""
    axes = {"lat": np.arange(18.5, 72), "lon": np.arange(-179.5, -66)}
    codes = xr.DataArray(np.full((54, 114), 255, "uint8"), axes, ("lat", "lon"))
    codes.loc[{"lat": slice(25, 49), "lon": slice(-125, -67)}] = 10
    codes.loc[{"lat": slice(41, 49), "lon": slice(-93, -76)}] = 0
    country = codes.to_dataset(name="LC_Type1")
    cube = read_igbp([write(country, tmp_path / "usa.nc")])
    assert int(cube["IGBP"].sel(latitude=55, longitude=-110, method="nearest")) == 0
    codes.loc[{"lat": slice(50, 60), "lon": slice(-120, -100)}] = 17
    with pytest.raises(InputError, match="1 of 1 places: Canada is water"):
        read_igbp([write(country, tmp_path / "lake.nc")])
    without_water = codes.where(codes == 10, 255).to_dataset(name="LC_Type1")
    with pytest.raises(InputError, match="Canada is water"):
        read_igbp([write(without_water, tmp_path / "sea.nc")])
