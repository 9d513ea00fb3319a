"""Carry-over predictors: one formula for maps and towers, no flux used, lazy inputs stay lazy."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pydantic import ValidationError

from uflux_kedro.biophysics.pmodel import light_use_efficiency
from uflux_kedro.biophysics.radiation import top_of_atmosphere_radiation
from uflux_kedro.configuration import PROJECT_PATH
from uflux_kedro.datasets.validators import TOWERS
from uflux_kedro.ensemble import EnsembleParameters, Member
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.features.carry_over import (
    apar,
    carry_over_at_towers,
    carry_over_names,
    carry_over_predictors,
    clearness,
    fapar_from_evi,
    fapar_from_lai,
    fill_gaps,
    potential_productivity,
    year_of,
)
from uflux_kedro.features.derived import offered_by_table
from uflux_kedro.features.drivers import build_drivers
from uflux_kedro.features.parameters import CarryOverParameters, FeatureParameters
from uflux_kedro.features.training_table import build_training_table
from uflux_kedro.gridding.grids import TargetGrid
from uflux_kedro.pipelines.feature_engineering.nodes import (
    join_tower_predictors,
    make_drivers,
)
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.variables import HISTORY, variable_of

VEGETATION = {"NIRv": "M_NIRv", "EVI": "EVI", "LAI": "LAI", "NDVI": "M_NDVI", "LSWI": "M_LSWI"}
PARAMETERS = CarryOverParameters(climate="ERA", vegetation=VEGETATION)
RANGES = {
    "ERA_TA": (-10, 30), "ERA_SW_IN": (20, 250), "ERA_VPD": (1, 20), "ERA_PA": (80, 101), "ERA_P": (0, 8),
    "M_NIRv": (0.0, 0.3), "EVI": (0.1, 0.6), "LAI": (0.2, 5), "M_NDVI": (0.1, 0.9),
    "M_LSWI": (-0.2, 0.4), "CO2": (370, 390),
}  # fmt: skip


def cube(months: int = 30, latitude=(-35.0, 5.0, 52.0, 75.0)) -> xr.Dataset:
    """Return the predictors of a small map, with gaps in the vegetation."""
    rng = np.random.default_rng(0)
    axes = {
        "time": pd.date_range("2001-03-01", periods=months, freq="MS"),
        "latitude": list(latitude),
        "longitude": [0.0, 10.0],
    }
    shape = tuple(len(values) for values in axes.values())
    data = xr.Dataset(coords=axes)
    for name, (low, high) in RANGES.items():
        data[name] = (tuple(axes), rng.uniform(low, high, shape))
        if name in VEGETATION.values():
            data[name] = data[name].where(rng.random(shape) > 0.1)
    return data


def towers_of(data: xr.Dataset) -> pd.DataFrame:
    """Return a tower for every cell; one of them starts to measure a year later."""
    table = data.to_dataframe().reset_index()
    table["site_id"] = "XX-" + (table.latitude * 100 + table.longitude).map("{:05.0f}".format)
    table = table.drop(columns="longitude").sort_values(["site_id", "time"], ignore_index=True)
    late = (table["site_id"] == "XX-05200") & (table["time"] < "2002-03-01")
    return table[~late].reset_index(drop=True)


def test_a_tower_has_the_numbers_of_its_cell():
    data = cube()
    table = carry_over_at_towers(towers_of(data), PARAMETERS)
    started_late = data["time"] >= np.datetime64("2002-03-01")
    for (latitude, longitude), site in {(5.0, 10.0): "XX-00510", (52.0, 0.0): "XX-05200"}.items():
        here = data.sel(latitude=[latitude], longitude=[longitude])
        if site == "XX-05200":
            here = here.sel(time=started_late)
        expected = carry_over_predictors(here, PARAMETERS).squeeze()
        rows = table[table["site_id"] == site]
        assert len(rows) == here.sizes["time"]
        assert set(expected.data_vars) == set(carry_over_names(PARAMETERS))
        for name in expected.data_vars:
            wanted = np.broadcast_to(expected[name].to_numpy(), len(rows))
            np.testing.assert_allclose(rows[name], wanted, rtol=1e-6, err_msg=str(name))


def test_lazy_inputs_stay_lazy():
    data = cube().chunk(time=12)

    def refuse(*_, **__):
        raise AssertionError("computed")

    with dask.config.set(scheduler=refuse):
        made = carry_over_predictors(data, PARAMETERS)
    lazy = [name for name in made.data_vars if name != "SW_POT"]
    assert all(isinstance(made[name].data, da.Array) for name in lazy)
    xr.testing.assert_allclose(made.compute(), carry_over_predictors(data.load(), PARAMETERS))


def test_every_predictor_has_its_unit_its_bounds_and_its_axes():
    made = carry_over_predictors(cube(), PARAMETERS)
    for name, values in made.data_vars.items():
        variable = variable_of(str(name))
        assert values.attrs["units"] == variable.unit
        assert values.dtype == np.float32
        assert variable.lower <= float(values.min())
        assert float(values.max()) <= variable.upper
        assert not values.isnull().any(), name
    assert made["CARRY_APAR"].dims == ("time", "latitude", "longitude")
    assert made["CARRY_EVI_MEAN"].dims == ("latitude", "longitude")
    assert made["SW_POT"].dims == ("time", "latitude")


def test_the_numbers_by_hand():
    data = cube(months=1, latitude=(45.0, 50.0)).isel(latitude=[0], longitude=[0])
    july = data.assign_coords(time=[np.datetime64("2001-07-01")]).map(np.zeros_like)
    for name, value in {"TA": 10.0, "SW_IN": 200.0, "VPD": 8.0, "PA": 100.0}.items():
        july[f"ERA_{name}"] += value
    july["CO2"] += 380
    july["EVI"] += 0.5
    july["LAI"] += 2
    made = {n: float(v.squeeze()) for n, v in carry_over_predictors(july, PARAMETERS).items()}
    days = np.array([186, 191, 196, 201, 206])  # mid-July, five and ten days to either side
    above = top_of_atmosphere_radiation(45.0, days).mean()
    photons = 200 * 2.04e-6 * 86400
    efficiency = light_use_efficiency(10.0, 8.0, 100.0, 380.0)
    expected = {
        "SW_POT": above,
        "ERA_CLEAR": 200 / above,
        "ERA_FT": 1.0,
        "CARRY_APAR": 50.0,
        "CARRY_APAR_LAI": 100 * (1 - np.exp(-1)),
        "CARRY_GPP_POT": efficiency * photons * 0.5,
        "CARRY_GPP_POT_LAI": efficiency * photons * (1 - np.exp(-1)),
        "CARRY_FT_LAI": 2.0,
        "CARRY_FT_EVI": 0.5,
        "CARRY_EVI_MEAN": 0.5,
        "CARRY_EVI_AMP": 0.0,
        "CARRY_LAI_MAX": 2.0,
        "CARRY_LAI_MIN": 2.0,
    }
    assert {n: made[n] for n in expected} == pytest.approx(expected, rel=1e-5)


def test_levels_of_a_place_are_of_its_mean_year():
    time = pd.date_range("2001-01-01", periods=24, freq="MS")
    year = np.r_[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2]
    two_years = xr.DataArray(np.r_[year - 0.05, year + 0.05], {"time": time}, ("time",))
    data = xr.Dataset({"EVI": two_years, "LAI": 10 * two_years, "M_LSWI": two_years - 0.5})
    made = carry_over_predictors(data.assign_coords(latitude=45.0), PARAMETERS)
    expected = {
        "CARRY_EVI_MEAN": 0.4, "CARRY_EVI_AMP": 0.6, "CARRY_LAI_MAX": 7.0, "CARRY_LAI_MIN": 1.0,
        "CARRY_LSWI_MEAN": -0.1,
    }  # fmt: skip
    assert {n: float(made[n]) for n in expected} == pytest.approx(expected, rel=1e-6)


def test_a_share_of_twilight_means_nothing():
    above = xr.DataArray([0.0, 14.9, 15.0, 15.1, 100.0, 100.0, 100.0], dims="time")
    ground = xr.DataArray([0.0, 7.0, 7.5, 7.55, -1.0, 73.0, 101.0], dims="time")
    np.testing.assert_allclose(clearness(ground, above), [0, 0, 0, 0.5, 0, 0.73, 1], rtol=1e-12)


def test_light_that_leaves_absorb():
    one = xr.DataArray([-0.2, 0.0, 0.4, 1.0, 1.2], dims="place")
    np.testing.assert_array_equal(fapar_from_evi(one), [0, 0, 0.4, 1, 1])
    # Half of the light goes through a leaf area of 2 ln 2; half of sunlight is photosynthetic.
    assert fapar_from_lai(2 * np.log(2)) == pytest.approx(0.5)
    assert apar(200.0, 0.3) == pytest.approx(30)


def test_what_leaves_might_take_up_goes_by_photons():
    # 100 W m-2 of sun: 204 umol of photons m-2 s-1, 17.6256 mol m-2 d-1.
    found = potential_productivity(20.0, 10.0, 101.3, 400.0, 100.0)
    assert found == pytest.approx(17.6256 * light_use_efficiency(20.0, 10.0, 101.3, 400.0))


def test_the_sky_of_polar_night_is_not_clear():
    made = carry_over_predictors(cube(months=12, latitude=(75.0, 80.0)), PARAMETERS)
    december = made.sel(time="2001-12-01")
    assert float(december["SW_POT"].max()) == 0
    assert float(december["ERA_CLEAR"].max()) == 0


def test_gaps_take_the_same_month_of_other_years_then_the_lowest():
    time = pd.date_range("2001-01-01", periods=36, freq="MS")
    index = xr.DataArray(np.tile(np.arange(1.0, 13), 3), coords={"time": time}, dims="time")
    index[13:24] += 1  # February to December of the second year
    index[[0, 12, 24]] = np.nan  # no January was ever seen
    index[5] = np.nan  # June of the first year
    year = year_of(index)
    assert year.sizes == {"month": 12}
    assert float(year.sel(month=1)) == float(year.min()) == pytest.approx(7 / 3)
    filled = fill_gaps(index, year)
    assert float(filled[5]) == pytest.approx((7 + 6) / 2)
    assert float(filled[0]) == pytest.approx(7 / 3)
    seen = index.notnull()
    xr.testing.assert_equal(filled.where(seen), index)
    never = index * np.nan
    assert fill_gaps(never, year_of(never)).isnull().all()


def test_a_record_of_one_year_and_of_a_part_of_one():
    for months in (12, 5):
        made = carry_over_predictors(cube(months=months), PARAMETERS)
        assert made.sizes["time"] == months
        assert made.to_array().notnull().mean() > 0.9


def test_what_needs_an_absent_input_is_not_offered():
    poor = CarryOverParameters(climate="ERA", vegetation={"NDVI": "M_NDVI", "EVI": "M_EVI2"})
    data = cube().rename(EVI="M_EVI2").drop_vars(["LAI", "CO2"])
    made = set(carry_over_predictors(data, poor).data_vars)
    assert made == {
        "FILLED_NDVI", "FILLED_EVI", "SW_POT", "ERA_CLEAR", "ERA_FT", "CARRY_APAR",
        "CARRY_FT_EVI", "CARRY_EVI_MEAN", "CARRY_EVI_AMP", "FILLED_EVI_ANOM", "FILLED_EVI_LAG1",
        *(f"ERA_{v}_ANOM" for v in ("TA", "SW_IN", "VPD", "P")),
        *(f"ERA_{v}_LAG1" for v in ("TA", "SW_IN", "VPD")), "ERA_P_RUN3",
    }  # fmt: skip
    assert made == set(carry_over_names(poor, {*map(str, data.variables)}))
    assert made | {"CARRY_GPP_POT"} == set(carry_over_names(poor))
    with pytest.raises(ValidationError, match="NDWI"):
        CarryOverParameters(climate="ERA", vegetation={"NDWI": "M_NDWI"})


@pytest.fixture
def towers() -> pd.DataFrame:
    table = towers_of(cube()).drop(columns="latitude")
    table["GPP"] = np.random.default_rng(1).uniform(0, 10, len(table))
    table.attrs["resolution"] = "MM"
    return table


@pytest.fixture
def sites() -> pd.DataFrame:
    places = towers_of(cube())[["site_id", "latitude"]].drop_duplicates(ignore_index=True)
    return places.assign(longitude=0.0, elevation=np.nan, IGBP="ENF", climate="Temperate")


def test_the_training_table_gets_them_if_configured_and_passes_the_catalogs_check(towers, sites):
    table = build_training_table(towers, sites, carry_over=PARAMETERS)
    assert set(carry_over_names(PARAMETERS)) < set(table)
    assert len(table) == len(towers)
    TOWERS.validate(table)
    assert not set(carry_over_names(PARAMETERS)) & set(build_training_table(towers, sites))


def test_no_flux_is_used(towers, sites):
    shuffled = towers.assign(GPP=towers["GPP"].sample(frac=1, random_state=0).to_numpy())
    names = list(carry_over_names(PARAMETERS))
    found = [build_training_table(t, sites, carry_over=PARAMETERS) for t in (towers, shuffled)]
    assert not found[0]["GPP"].equals(found[1]["GPP"])
    pd.testing.assert_frame_equal(found[0][names], found[1][names])


def test_only_months_are_accepted(towers, sites):
    towers.attrs["resolution"] = "DD"
    with pytest.raises(ConfigurationError, match=r"expected MM.*found DD"):
        build_training_table(towers, sites, carry_over=PARAMETERS)


def test_they_are_made_only_if_a_member_uses_one(towers, sites):
    features = FeatureParameters(target_grid=TargetGrid(resolution=30), carry_over=PARAMETERS)
    members = {n: (Member("SET", "GPP", "XGB", ("EVI", n)),) for n in ("ERA_TA", "CARRY_APAR")}
    without = join_tower_predictors(members["ERA_TA"], features, towers, sites)
    with_them = join_tower_predictors(members["CARRY_APAR"], features, towers, sites)
    assert set(with_them) - set(without) == set(carry_over_names(PARAMETERS))


def test_the_drivers_hold_them_by_the_same_names():
    grid = TargetGrid(resolution=30)
    axes = grid.coordinates()
    time = pd.date_range("2001-01-01", periods=14, freq="MS")
    bounds = np.column_stack([time, time + pd.offsets.MonthBegin(1)])
    empty = axes.assign_coords(time=time, time_bnds=(("time", "bnds"), bounds))
    shape = (14, axes.latitude.size, axes.longitude.size)

    def source(**values: float) -> xr.Dataset:
        rng = np.random.default_rng(0)
        fields = {
            name: (("time", "latitude", "longitude"), value * rng.uniform(0.9, 1, shape))
            for name, value in values.items()
        }
        return empty.assign(fields).astype("float32").chunk(time=6)

    cubes = {
        "ERA5": source(TA=20.0, SW_IN=200.0, VPD=10.0, PA=100.0, P=3.0),
        "MODIS": source(RED=0.1, NIR=0.4),
        "IGBP": axes.assign(IGBP=(("latitude", "longitude"), np.ones(shape[1:], "int8"))),
        "CO2": empty.drop_vars(["latitude", "longitude"]).assign(CO2=("time", np.full(14, 380.0))),
    }
    block = CarryOverParameters(climate="ERA5", vegetation={"EVI": "MODIS_EVI2"})
    drivers = build_drivers(cubes, grid, carry_over=block)
    made = set(drivers) - set(build_drivers(cubes, grid))
    assert made == set(carry_over_names(block))
    assert isinstance(drivers["CARRY_GPP_POT"].data, da.Array)
    assert float(drivers["CARRY_GPP_POT"].min()) > 0
    xr.testing.assert_allclose(drivers["FILLED_EVI"], drivers["MODIS_EVI2"])

    features = FeatureParameters(target_grid=grid, carry_over=block)
    member = Member("SET", "GPP", "XGB", ("MODIS_EVI2", "CARRY_APAR"))
    asked = make_drivers((member,), features, **cubes)
    assert set(asked) & made == {"CARRY_APAR"}
    xr.testing.assert_identical(asked["CARRY_APAR"], drivers["CARRY_APAR"])


def test_the_predictors_of_a_table_are_known_from_its_columns(tmp_path):
    columns = {n: n.lower() for n in (*RANGES, "site_id", "time", "latitude", "longitude", "IGBP")}
    table = towers_of(cube(months=2)).assign(longitude=0.0, IGBP="ENF")
    table = table.rename(columns=columns)
    table.to_csv(tmp_path / "all.csv")
    towers = TowerParameters(reader="tidy", columns=columns)
    assert set(carry_over_names(PARAMETERS)) < offered_by_table(
        tmp_path / "all.csv", towers, PARAMETERS
    )
    table.drop(columns="m_lswi").to_csv(tmp_path / "some.csv")
    offered = offered_by_table(tmp_path / "some.csv", towers, PARAMETERS)
    absent = set(carry_over_names(PARAMETERS)) - offered
    assert absent == {"FILLED_LSWI", "CARRY_LSWI_MEAN"}


@pytest.mark.parametrize(
    ("env", "name"), [("base", "RECORD-CARRY-ERA5"), ("fluxnet2015", "RECORD-CARRY-ERA")]
)
def test_the_configured_sets_can_be_made_and_run_only_if_selected(env, name):
    from kedro.config import OmegaConfigLoader

    from uflux_kedro.configuration import CONFIG_LOADER_ARGS

    loader = OmegaConfigLoader(str(PROJECT_PATH / "conf"), env=env, **CONFIG_LOADER_ARGS)
    parameters = loader["parameters"]
    ensemble = EnsembleParameters.model_validate(parameters["ensemble"])
    assert name not in {m.predictor_set for m in ensemble.members()}
    asked = ensemble.model_copy(update={"select": f"{name}.*"})
    block = FeatureParameters.model_validate(parameters["features"]).carry_over
    assert block is not None
    made = set(carry_over_names(block))
    for member in asked.members():
        assert made < set(member.predictors)
    without = ensemble.model_copy(
        update={"select": f"{name.removeprefix('RECORD-')}.* MODIS-CARRY*"}
    )
    kept = {p for member in without.members() for p in member.predictors}
    record = {p for p in made if p.rpartition("_")[2] in HISTORY}
    assert record
    assert made - record < kept
    assert not record & kept
