"""ET and WUE, and the budgets of carbon and energy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.cells import cell_area
from uflux_kedro.products.cf import finish_product, write_netcdf
from uflux_kedro.products.derived import air_temperature, evapotranspiration, water_use_efficiency
from uflux_kedro.products.geotiff import write_geotiffs
from uflux_kedro.statistics.budgets import budget_residuals

AXES = {"latitude": np.arange(-85.0, 90, 10), "longitude": np.arange(-175.0, 180, 10)}
SHAPE = (12, 18, 36)
DIMS = ("time", "latitude", "longitude")
TIME = pd.date_range("2003-01-01", periods=12, freq="MS")


def field(value, unit="W m-2"):
    return DIMS, np.broadcast_to(value, SHAPE).astype("float32"), {"units": unit}


def product(flux, value, unit="W m-2", **others):
    bounds = np.stack([TIME, TIME + pd.offsets.MonthBegin()], axis=1)
    return xr.Dataset(
        {flux: field(value, unit), "time_bnds": (("time", "bnds"), bounds), **others},
        {"time": TIME, **AXES},
        {"members": "A.LE.XGB, B.LE.XGB", "product_checksum": "abc"},
    )


def drivers(**fields):
    return xr.Dataset({k: field(v) for k, v in fields.items()}, {"time": TIME, **AXES})


def test_et_is_le_by_the_latent_heat():
    members = np.stack([np.full(SHAPE, 50.0), np.full(SHAPE, 70.0)])
    latent = product("LE", 60.0, LE_std=field(10.0), LE_member=(("member", *DIMS), members))
    latent["LE"][0, 0, 0] = np.nan
    found = evapotranspiration(latent, drivers(ERA5_TA=20.0)["ERA5_TA"])
    # 2.501 - 0.00237 x 20 = 2.4536 MJ kg-1; a watt is 0.0864 MJ d-1.
    factor = 0.0864 / 2.4536
    np.testing.assert_allclose(found["ET"].values[1:], 60 * factor, rtol=1e-6)
    np.testing.assert_allclose(found["ET_std"], 10 * factor, rtol=1e-6)
    np.testing.assert_allclose(found["ET_member"][1], 70 * factor, rtol=1e-6)
    assert np.isnan(found["ET"][0, 0, 0])
    assert found["ET"].attrs["units"] == "mm d-1"
    assert found["ET"].attrs["standard_name"] == "lwe_water_evaporation_rate"
    assert "standard_name" not in found["ET_std"].attrs
    assert found.attrs["Conventions"] == "CF-1.11"
    assert '"LE": "abc"' in found.attrs["input_checksums"]


def test_what_follows_from_simulated_products_is_simulated_too(tmp_path):
    latent, gpp = product("LE", 60.0), product("GPP", 4.0, "gC m-2 d-1")
    warmth = drivers(ERA5_TA=20.0)["ERA5_TA"]
    assert "simulated" not in water_use_efficiency(gpp, evapotranspiration(latent, warmth)).attrs
    water = evapotranspiration(latent.assign_attrs(simulated="towers"), warmth)
    both = water_use_efficiency(gpp.assign_attrs(simulated="ERA5"), water)
    assert [found.attrs["simulated"] for found in (water, both)] == ["towers", "ERA5, towers"]
    assert water.attrs["title"] == "Simulated data: UFLUX ensemble: ET from LE"
    write_netcdf(water, tmp_path / "ET.nc")
    with xr.open_dataset(tmp_path / "ET.nc") as read:
        assert read.attrs["simulated"] == "towers"


def test_wue_is_missing_where_et_is_small(tmp_path):
    latent = product("LE", 60.0)
    latent["LE"][:, 0] = 1.0
    latent["LE"][:, 1] = -5.0
    water = evapotranspiration(latent, drivers(ERA5_TA=20.0)["ERA5_TA"])
    gpp = product("GPP", 4.0, "gC m-2 d-1")
    gpp["GPP"].attrs["ancillary_variables"] = "GPP_std"
    found = water_use_efficiency(gpp, water)
    np.testing.assert_allclose(found["WUE"].values[:, 2:], 4 / (60 * 0.0864 / 2.4536), rtol=1e-5)
    assert found["WUE"].values[:, :2].size
    assert np.isnan(found["WUE"].values[:, :2]).all()
    assert found["WUE"].attrs["units"] == "g kg-1"
    assert "ancillary_variables" not in found["WUE"].attrs
    write_netcdf(found, tmp_path / "WUE.nc")
    with xr.open_dataset(tmp_path / "WUE.nc") as read:
        np.testing.assert_allclose(read["WUE"], found["WUE"])


def test_et_in_a_projection_is_a_geotiff(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    axes = {"y": 2_900_050 + 100 * np.arange(8.0), "x": 4_200_050 + 100 * np.arange(6.0)}
    dims, shape = ("time", "y", "x"), (12, 8, 6)
    bounds = np.stack([TIME, TIME + pd.offsets.MonthBegin()], axis=1)
    latent = finish_product(
        xr.Dataset(
            {
                "LE": (dims, np.full(shape, 60.0, "float32"), {"units": "W m-2"}),
                "time_bnds": (("time", "bnds"), bounds),
            },
            {"time": TIME, **axes},
            {"crs": "EPSG:3035"},
        ),
        title="LE",
        members=["A"],
        parameters={},
        checksums={},
        simulated="towers",
    )
    warmth = xr.DataArray(np.full(shape, 20.0), {"time": TIME, **axes}, dims, name="ERA5_TA")
    # The drivers have latitude and longitude of the projection's cells; the product has not.
    warmth = warmth.assign_coords(latitude=(("y", "x"), np.full(shape[1:], 50.0)))
    found = evapotranspiration(latent, warmth)
    assert "latitude" not in found.variables
    assert found["ET"].attrs["grid_mapping"] == "crs"
    files = write_geotiffs(found, tmp_path / "ET")
    assert [f.name for f in files][:1] == ["ET_2003-01-01.tif"]
    with rasterio.open(files[0]) as file:
        assert file.crs.to_epsg() == 3035
        assert file.tags()["title"] == "Simulated data: UFLUX ensemble: ET from LE"
        assert file.tags()["simulated"] == "towers"
        assert "FLUXNET2015" not in file.tags()["references"]
        np.testing.assert_allclose(file.read(1), 60 * 0.0864 / 2.4536, rtol=1e-6)


def test_the_air_temperature_of_the_members_takes_precedence():
    given = drivers(CFSV2_TA=10.0, ERA5_TA=20.0)
    assert air_temperature(given, ["MODIS_NIRv", "ERA5_TA"]).name == "ERA5_TA"
    assert air_temperature(given, ["MODIS_NIRv"]).name == "CFSV2_TA"
    with pytest.raises(InputError, match="the air temperature of a source"):
        air_temperature(drivers(ERA5_TS=1.0), [])


def test_the_carbon_residual_is_weighted_by_area_over_common_cells():
    carbon = {f: product(f, v, "gC m-2 d-1") for f, v in {"GPP": 3.0, "RECO": 2.0, "NEE": -0.75}.items()}  # fmt: skip
    carbon["NEE"]["NEE"][:, 9:] = -1.25  # north
    carbon["RECO"]["RECO"][:, :, 0] = np.nan
    table = budget_residuals(carbon, drivers(ERA5_TA=1.0)).set_index("quantity")["value"]
    assert table["NEE"] == pytest.approx(-1)
    assert table["RECO less GPP"] == pytest.approx(-1)
    assert table["residual, NEE less (RECO less GPP)"] == pytest.approx(0, abs=1e-6)
    assert table["residual, root mean square of cells and periods"] == pytest.approx(0.25)
    carbon["NEE"]["NEE"][:] = -1.0
    carbon["NEE"]["NEE"][:, 0] = 1.0  # a row at the pole
    share = float(cell_area(carbon["NEE"])[0].sum() / cell_area(carbon["NEE"]).sum())
    found = budget_residuals(carbon, drivers(ERA5_TA=1.0)).set_index("quantity")["value"]
    assert found["residual, NEE less (RECO less GPP)"] == pytest.approx(2 * share, rel=1e-5)


def test_energy_is_compared_with_estimated_net_radiation():
    energy = {"H": product("H", 30.0), "LE": product("LE", 40.0)}
    given = drivers(CFSV2_SW_IN=1.0, ERA5_SW_IN=200.0, ERA5_LW_IN=330.0, ERA5_TS=15.0)
    table = budget_residuals(energy, given).set_index("quantity")["value"]
    net = 0.77 * 200 + 0.98 * (330 - 5.670374419e-8 * 288.15**4)
    name = "net radiation, estimated from ERA5 with albedo 0.23"
    assert table["H plus LE"] == pytest.approx(70)
    assert table["ERA5_SW_IN plus ERA5_LW_IN"] == pytest.approx(530)
    assert table[name] == pytest.approx(net, rel=1e-5)
    assert table[f"H plus LE by {name}"] == pytest.approx(70 / net, rel=1e-5)
    without = budget_residuals(energy, drivers(CFSV2_SW_IN=1.0))
    assert without["quantity"].tolist() == ["H plus LE"]


def test_a_budget_needs_all_its_fluxes():
    assert budget_residuals({"GPP": product("GPP", 1.0)}, drivers(ERA5_TA=1.0)).empty
