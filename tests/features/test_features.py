from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.biophysics.pmodel import iwue
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.features.calendar import calendar_features
from uflux_kedro.features.derived import derive_predictors
from uflux_kedro.features.drivers import build_drivers
from uflux_kedro.features.training_table import build_training_table, igbp_codes
from uflux_kedro.gridding.grids import TargetGrid
from uflux_kedro.gridding.sampling import sample_at_sites
from uflux_kedro.variables import IGBP_CLASSES, VARIABLES

GRID = TargetGrid(resolution=30)
RANGES = {
    "TA": (-10, 30), "TD": (-15, 5), "QV": (0.001, 0.01), "PA": (70, 101), "SW_IN": (50, 300),
    "RED": (0.02, 0.2), "NIR": (0.2, 0.5), "SIF": (0, 2),
}  # fmt: skip


def source(names: list[str], resolution: float = 30, first: str = "2001-01", count: int = 6):
    """A canonical cube with plausible, place- and month-dependent numbers."""
    axes = TargetGrid(resolution=resolution).coordinates()
    time = pd.date_range(first, periods=count, freq="MS")
    bounds = np.column_stack([time, time + pd.offsets.MonthBegin(1)])
    cube = axes.assign_coords(time=time, time_bnds=(("time", "bnds"), bounds))
    rng = np.random.default_rng(len(names))
    shape = (count, axes.latitude.size, axes.longitude.size)
    for name in names:
        values = rng.uniform(*RANGES[name], shape).astype("float32")
        cube[name] = (("time", "latitude", "longitude"), values, {"units": VARIABLES[name].unit})
    return cube.chunk(time=2)


@pytest.fixture
def land_cover() -> xr.Dataset:
    axes = GRID.coordinates()
    codes = np.full((6, 12), IGBP_CLASSES["ENF"], dtype="int8")
    codes[0] = IGBP_CLASSES["WAT"]
    return axes.assign(IGBP=(("latitude", "longitude"), codes))


@pytest.fixture
def co2() -> xr.Dataset:
    record = source(["TA"], count=12).drop_vars(["TA", "latitude", "longitude"])
    return record.assign(CO2=("time", np.linspace(370, 375, 12, dtype="float32")))


@pytest.fixture
def cubes(land_cover, co2) -> dict[str, xr.Dataset]:
    return {
        "ERA5": source(["TA", "TD", "PA", "SW_IN"]),
        "CFSV2": source(["TA", "QV", "PA"]),
        "MODIS": source(["RED", "NIR"], first="2000-11", count=8),
        "GOSAT755": source(["SIF"], resolution=60),
        "IGBP": land_cover,
        "CO2": co2,
    }


@pytest.fixture
def towers() -> pd.DataFrame:
    time = pd.date_range("2001-01-01", periods=6, freq="MS")
    rows = [(site, t) for site in ("AA-One", "BB-Two") for t in time]
    towers = pd.DataFrame(rows, columns=["site_id", "time"])
    towers = towers.assign(GPP=np.arange(12.0), GPP_QC=0.9, TA=15.0)
    towers.attrs["resolution"] = "MM"
    return towers


@pytest.fixture
def sites() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "site_id": ["AA-One", "BB-Two"],
            "latitude": [50.0, -10.0],
            "longitude": [10.0, -60.0],
            "elevation": [100.0, np.nan],
            "IGBP": ["DBF", "EBF"],
            "climate": ["Temperate", "Tropical"],
        }
    )


def test_indices_deficit_and_efficiency_by_hand():
    cube = source(["RED", "NIR", "TA", "TD", "PA"])
    cube = cube.map(lambda v: v * 0 + {"RED": 0.1, "NIR": 0.4, "TA": 20.0, "TD": 10.0, "PA": 101.3}[v.name])  # fmt: skip
    derived = derive_predictors(cube, co2=xr.DataArray(np.full(6, 400.0), dims="time"))
    point = derived.isel(time=0, latitude=0, longitude=0)
    assert float(point["NDVI"]) == pytest.approx(0.6)
    assert float(point["NIRv"]) == pytest.approx(0.24)
    assert float(point["EVI2"]) == pytest.approx(2.5 * 0.3 / 1.64)
    es = [6.112 * np.exp(17.67 * t / (t + 243.5)) for t in (20, 10)]
    assert float(point["VPD"]) == pytest.approx(es[0] - es[1], rel=1e-5)
    # 76.4 umol mol-1 at 10 hPa; a slightly larger deficit gives a little more.
    assert 76.4 < float(point["iWUE"]) < 85
    assert derived["iWUE"].attrs["units"] == "umol mol-1"


def test_the_published_iwue_comes_from_right_units():
    frame = pd.DataFrame({"X_TA": [20.0], "X_VPD": [10.0], "X_PA": [101.3], "CO2": [400.0]})
    assert derive_predictors(frame, "X")["X_iWUE"].iloc[0] == pytest.approx(76.4, abs=0.1)


def test_specific_humidity_gives_the_deficit_too():
    frame = pd.DataFrame({"C_TA": [20.0], "C_QV": [0.007], "C_PA": [101.3]})
    vapour = 0.007 * 1013 / (0.622 + 0.378 * 0.007)
    expected = 6.112 * np.exp(17.67 * 20 / 263.5) - vapour
    derived = derive_predictors(frame, "C")
    assert derived["C_VPD"].iloc[0] == pytest.approx(expected)
    assert "C_iWUE" not in derived


def test_what_a_source_has_is_not_derived_again():
    frame = pd.DataFrame({"M_RED": [0.1], "M_NIR": [0.4], "M_NDVI": [0.5]})
    derived = derive_predictors(frame, "M")
    assert derived["M_NDVI"].tolist() == [0.5]
    assert {"M_EVI2", "M_NIRv"} < set(derived)


def test_a_table_and_a_cube_get_the_same_numbers():
    cube = source(["RED", "NIR", "TA", "TD", "PA"])
    co2 = xr.DataArray(np.full(6, 390.0, dtype="float32"), dims="time", coords={"time": cube.time})
    derived = derive_predictors(cube, co2=co2)
    frame = cube.drop_vars("time_bnds").to_dataframe().reset_index()
    frame = frame.rename(columns={n: f"S_{n}" for n in cube.data_vars}).assign(CO2=390.0)
    table = derive_predictors(frame, "S")
    for name in ("NDVI", "EVI2", "NIRv", "VPD", "iWUE"):
        expected = derived[name].to_numpy().ravel()
        found = table.sort_values(["time", "latitude", "longitude"])[f"S_{name}"]
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5, err_msg=name)


def test_the_year_turns_once_around():
    time = pd.DatetimeIndex(["2001-01-01", "2001-07-01", "2004-12-01"])
    features = calendar_features(time)
    angle = 2 * np.pi * np.array([1, 182, 336]) / 365.25
    np.testing.assert_allclose(features["DoY_sin"], np.sin(angle), atol=1e-6)
    np.testing.assert_allclose(features["DoY_cos"], np.cos(angle), atol=1e-6)
    assert features["Year"].tolist() == [2001, 2001, 2004]
    assert all(values.dtype == np.float32 for values in features.values())


def test_classes_become_codes():
    codes = igbp_codes(pd.Series(["ENF", "WAT", "BSV"]))
    assert codes.tolist() == [1, 0, 16]
    assert codes.dtype == np.int8


def test_drivers_hold_every_source_by_its_predictors_names(cubes):
    drivers = build_drivers(cubes, GRID)
    assert set(drivers.data_vars) == {
        "ERA5_TA", "ERA5_TD", "ERA5_PA", "ERA5_SW_IN", "ERA5_VPD", "ERA5_iWUE", "CFSV2_TA",
        "CFSV2_QV", "CFSV2_PA", "CFSV2_VPD", "CFSV2_iWUE", "MODIS_RED", "MODIS_NIR",
        "MODIS_NDVI", "MODIS_EVI2", "MODIS_NIRv", "GOSAT755_SIF", "IGBP", "Latitude", "DoY_sin",
        "DoY_cos", "Year",
    }  # fmt: skip
    assert dict(drivers.sizes) == {"time": 6, "latitude": 6, "longitude": 12, "bnds": 2}
    assert drivers["IGBP"].dims == ("latitude", "longitude")
    assert drivers["IGBP"].dtype == np.int8
    assert drivers["Latitude"].dims == ("latitude",)
    assert drivers["DoY_sin"].dims == ("time",)
    for name in ("ERA5_TA", "ERA5_iWUE", "GOSAT755_SIF", "MODIS_NIRv"):
        assert drivers[name].dims == ("time", "latitude", "longitude")
        assert drivers[name].dtype == np.float32
        assert isinstance(drivers[name].data, da.Array)
    assert drivers["ERA5_iWUE"].attrs["units"] == "umol mol-1"
    assert drivers.time_bnds.shape == (6, 2)


def test_drivers_take_the_co2_of_their_own_month(cubes):
    drivers = build_drivers(cubes, GRID).isel(latitude=3, longitude=3).load()
    record = cubes["CO2"]["CO2"].to_numpy()[:6]
    expected = iwue(
        TA=drivers["ERA5_TA"].to_numpy(),
        VPD=drivers["ERA5_VPD"].to_numpy(),
        PA=drivers["ERA5_PA"].to_numpy(),
        CO2=record,
    )
    np.testing.assert_allclose(drivers["ERA5_iWUE"], expected, rtol=1e-5)


def test_derived_variables_agree_with_theirs_on_the_target_grid(cubes):
    fine = TargetGrid(resolution=15)
    drivers = build_drivers({s: cubes[s] for s in ("MODIS", "IGBP")}, fine).load()
    np.testing.assert_allclose(
        drivers["MODIS_NIRv"], drivers["MODIS_NDVI"] * drivers["MODIS_NIR"], rtol=1e-5
    )


def test_without_co2_there_is_no_efficiency(cubes):
    del cubes["CO2"]
    assert not {"ERA5_iWUE", "CFSV2_iWUE"} & set(build_drivers(cubes, GRID))


def test_months_that_a_source_lacks_are_named_when_strict(cubes):
    with pytest.raises(InputError, match=r"ERA5: time: .* found 2000-11 to 2000-12, 2001-07"):
        build_drivers(cubes, GRID, "strict")


def test_drivers_without_land_cover_are_refused(cubes):
    with pytest.raises(ConfigurationError, match="land cover map IGBP"):
        build_drivers({"ERA5": cubes["ERA5"]}, GRID)
    with pytest.raises(ConfigurationError, match="and a source besides"):
        build_drivers({"IGBP": cubes["IGBP"]}, GRID)


def test_towers_and_maps_share_names_and_numbers(cubes, towers, sites):
    """The rule of the house: one place and month, one number, wherever it stands."""
    drivers = build_drivers(cubes, GRID)
    table = build_training_table(towers, sites, drivers)
    assert len(table) == 12
    assert set(drivers.data_vars) < set(table)
    sampled = sample_at_sites(drivers, sites)
    places = {"AA-One": (45.0, 15.0), "BB-Two": (-15.0, -75.0)}
    for site, (latitude, longitude) in places.items():
        rows = table[table["site_id"] == site]
        cell = drivers.sel(latitude=latitude, longitude=longitude).load()
        for name in set(drivers.data_vars) - {"IGBP"}:
            expected = np.broadcast_to(cell[name].to_numpy(), 6)
            np.testing.assert_array_equal(rows[name], expected, err_msg=name)
            np.testing.assert_array_equal(sampled.loc[sampled["site_id"] == site, name], expected)


def test_a_footprint_is_what_sampling_averages(cubes, towers, sites):
    drivers = build_drivers(cubes, GRID)
    wide = build_training_table(towers, sites, drivers, footprint=4e6)
    table = build_training_table(towers, sites, drivers)
    sampled = sample_at_sites(drivers, sites, 4e6).set_index(["site_id", "time"])
    expected = sampled.loc[pd.MultiIndex.from_frame(wide[["site_id", "time"]]), "ERA5_TA"]
    np.testing.assert_array_equal(wide["ERA5_TA"], expected)
    assert not np.allclose(wide["ERA5_TA"], table["ERA5_TA"])


def test_the_towers_class_stands_before_the_maps(cubes, towers, sites):
    table = build_training_table(towers, sites, build_drivers(cubes, GRID))
    assert table.groupby("site_id")["IGBP"].first().to_dict() == {"AA-One": 4, "BB-Two": 2}
    assert table["IGBP"].dtype == np.int8


def test_the_training_tables_columns(cubes, towers, sites):
    table = build_training_table(towers, sites, build_drivers(cubes, GRID))
    assert list(table)[:7] == [
        "site_id", "time", "latitude", "longitude", "climate", "GPP", "GPP_QC",
    ]  # fmt: skip
    assert not {"TA", "elevation", "time_bnds"} & set(table)
    assert table["latitude"].unique().tolist() == [50.0, -10.0]
    assert table["Latitude"].unique().tolist() == [45.0, -15.0]
    assert table["GPP"].tolist() == list(range(12))
    assert table.attrs["resolution"] == "MM"


def test_months_outside_the_drivers_are_dropped_and_said(cubes, towers, sites, caplog):
    later = towers.assign(time=towers["time"] + pd.DateOffset(months=4))
    table = build_training_table(later, sites, build_drivers(cubes, GRID))
    assert len(table) == 4
    assert "8 of 12 rows of the towers lie outside" in caplog.text
    never = towers.assign(time=towers["time"] + pd.DateOffset(years=9))
    with pytest.raises(InputError, match="2001-01-01 to 2001-06-01; found 2010-01-01 to 2010-06"):
        build_training_table(never, sites, build_drivers(cubes, GRID))


def test_a_tower_without_metadata_is_an_error(towers, sites):
    with pytest.raises(InputError, match="found none for BB-Two"):
        build_training_table(towers, sites.iloc[:1])


def test_an_unknown_class_is_an_error(towers, sites):
    with pytest.raises(InputError, match="'Forest' at AA-One"):
        build_training_table(towers, sites.assign(IGBP=["Forest", "EBF"]))


def test_predictors_that_stand_in_the_towers_table(towers, sites):
    towers = towers.assign(
        ERA_TA=20.0, ERA_VPD=10.0, ERA_PA=101.3, CO2=400.0, EVI=0.3, GRID_TA_MIN=5.0, MODIS_NIRv=0.1
    )
    table = build_training_table(towers, sites)
    assert table["ERA_iWUE"].tolist() == pytest.approx([76.4] * 12, abs=0.1)
    assert {"ERA_TA", "EVI", "GRID_TA_MIN", "MODIS_NIRv"} < set(table)
    assert table["Latitude"].tolist() == table["latitude"].tolist()
    assert table["IGBP"].unique().tolist() == [4, 2]
    assert table["DoY_cos"].iloc[0] == pytest.approx(np.cos(2 * np.pi / 365.25))
    assert table["Year"].unique().tolist() == [2001]
    assert "elevation" not in table


def test_without_pressure_there_is_no_efficiency(towers, sites):
    table = build_training_table(towers.assign(GRID_TA=20.0, GRID_VPD=10.0, CO2=400.0), sites)
    assert not [c for c in table if c.endswith("iWUE")]


def test_a_day_and_half_a_year_have_the_season_of_a_month_about_their_middle():
    """What was learnt of months holds for them: 16 July is in the middle of July."""
    month = calendar_features(pd.DatetimeIndex(["2001-07-01"]), 31)
    np.testing.assert_equal(month, calendar_features(pd.DatetimeIndex(["2001-07-01"])))
    day = calendar_features(pd.DatetimeIndex(["2001-07-16"]), 1)
    half = calendar_features(pd.DatetimeIndex(["2001-04-16"]), 182)
    for one in (day, half):
        for name in ("DoY_sin", "DoY_cos"):
            np.testing.assert_allclose(one[name], month[name], atol=0.02)
    year = np.arange(1, 366, dtype=float)
    days = calendar_features(pd.date_range("2001-01-01", "2001-12-31"), np.ones(365))
    shifted = 2 * np.pi * (year - 365.25 / 24 + 0.5) / 365.25
    np.testing.assert_allclose(days["DoY_sin"], np.sin(shifted), atol=1e-6)


def test_days_of_towers_do_not_meet_months_of_grids(towers, sites, cubes):
    towers.attrs["resolution"] = "DD"
    with pytest.raises(ConfigurationError, match=r"months, towers\.resolution is DD: expected MM"):
        build_training_table(towers, sites, build_drivers(cubes, GRID))
