"""The cube of predictors: every source on one grid and one record of months."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from tests.testing.cubes import GRID
from uflux_kedro.biophysics.pmodel import iwue
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.features.drivers import build_drivers
from uflux_kedro.gridding.grids import TargetGrid


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


def test_strict_names_the_missing_months_of_a_source(cubes):
    with pytest.raises(InputError, match=r"ERA5: time: .* found 2000-11 to 2000-12, 2001-07"):
        build_drivers(cubes, GRID, "strict")


def test_drivers_without_land_cover_are_refused(cubes):
    with pytest.raises(ConfigurationError, match="land cover map IGBP"):
        build_drivers({"ERA5": cubes["ERA5"]}, GRID)
    with pytest.raises(ConfigurationError, match="at least one other source"):
        build_drivers({"IGBP": cubes["IGBP"]}, GRID)
