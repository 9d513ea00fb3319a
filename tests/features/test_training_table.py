"""The training table: fluxes of towers with the predictors of the same place and period."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.testing.cubes import GRID
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.features.drivers import build_drivers
from uflux_kedro.features.training_table import build_training_table, igbp_codes
from uflux_kedro.gridding.sampling import sample_at_sites


def test_classes_become_codes():
    codes = igbp_codes(pd.Series(["ENF", "WAT", "BSV"]))
    assert codes.tolist() == [1, 0, 16]
    assert codes.dtype == np.int8


def test_towers_and_maps_share_names_and_numbers(cubes, towers, sites):
    """One place and month has one number, in the table of towers and on the map."""
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


def test_the_class_is_the_towers_own_and_not_the_maps(cubes, towers, sites):
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


def test_months_outside_the_drivers_are_dropped_and_logged(cubes, towers, sites, caplog):
    later = towers.assign(time=towers["time"] + pd.DateOffset(months=4))
    table = build_training_table(later, sites, build_drivers(cubes, GRID))
    assert len(table) == 4
    assert "8 of 12 rows of the towers are dropped" in caplog.text
    never = towers.assign(time=towers["time"] + pd.DateOffset(years=9))
    with pytest.raises(InputError, match="2001-01-01 to 2001-06-01; found 2010-01-01 to 2010-06"):
        build_training_table(never, sites, build_drivers(cubes, GRID))


def test_a_tower_without_metadata_is_an_error(towers, sites):
    with pytest.raises(InputError, match="found none for BB-Two"):
        build_training_table(towers, sites.iloc[:1])


def test_an_unknown_class_is_an_error(towers, sites):
    with pytest.raises(InputError, match="'Forest' at AA-One"):
        build_training_table(towers, sites.assign(IGBP=["Forest", "EBF"]))


def test_predictors_of_the_towers_own_table_are_kept_and_completed(towers, sites):
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


def test_days_of_towers_do_not_meet_months_of_grids(towers, sites, cubes):
    towers.attrs["resolution"] = "DD"
    with pytest.raises(ConfigurationError, match=r"towers\.resolution: expected MM.*found DD"):
        build_training_table(towers, sites, build_drivers(cubes, GRID))


def test_the_stated_uncertainty_of_a_flux_travels_with_it(cubes, towers, sites):
    stated = towers.assign(GPP_DT=towers["GPP"] + 1, GPP_RANDUNC=0.1)
    beside = ["GPP_DT", "GPP_RANDUNC"]
    for drivers in (None, build_drivers(cubes, GRID)):
        table = build_training_table(stated, sites, drivers)
        assert table[beside].notna().all(axis=None)
        plain = build_training_table(towers, sites, drivers)
        assert list(table.drop(columns=beside)) == list(plain)
