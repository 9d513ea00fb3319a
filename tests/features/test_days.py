"""Towers by day have the numbers of the daily product's cells, and nothing from after the day."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.ensemble import Member
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.features import days, products
from uflux_kedro.features.antecedent import LEAD
from uflux_kedro.features.days import days_at_sites
from uflux_kedro.features.products import product_drivers
from uflux_kedro.features.training_table import build_training_table
from uflux_kedro.gridding.grids import TargetGrid
from uflux_kedro.gridding.means import means_of_steps
from uflux_kedro.pipelines.feature_engineering.nodes import join_days_at_towers, make_drivers

GRID = TargetGrid(resolution=5.0)
DAYS = pd.date_range("2003-01-01", "2003-05-24")
PREDICTORS = [
    *("ERA5_TA", "ERA5_TA_MEAN30", "ERA5_P_DRY", "ERA5_P_PET90", "ERA5_VPD_MEAN7"),
    *("MODIS_NIRv", "MODIS_NIRv_MEAN90", "DoY_sin", "Latitude"),
]


def _cube(fields, starts, ends):
    latitude, longitude = np.arange(-85.0, 90, 10), np.arange(-175.0, 180, 10)
    dims = ("time", "latitude", "longitude")
    coords = {"time": starts, "latitude": latitude, "longitude": longitude}
    made = {n: (dims, v.astype("float32")) for n, v in fields.items()}
    bounds = (("time", "bnds"), np.column_stack([starts, ends]))
    return xr.Dataset(made, coords).assign_coords(time_bnds=bounds)


@pytest.fixture(scope="module")
def cubes():
    """Weather by day, reflectances of eight days, and land, on ten degrees."""
    rng = np.random.default_rng(1)
    shape = (len(DAYS), 18, 36)
    ta = rng.normal(10, 8, shape)
    weather = {"TA": ta, "TD": ta - rng.uniform(1, 8, shape), "P": rng.gamma(0.4, 4, shape),
               "SW_IN": rng.uniform(20, 300, shape)}  # fmt: skip
    starts = DAYS[::8]
    red = rng.uniform(0.02, 0.1, (len(starts), 18, 36))
    bands = {"RED": red, "NIR": red + rng.uniform(0, 0.4, red.shape)}
    land = _cube({"IGBP": np.ones((1, 18, 36))}, DAYS[:1], DAYS[1:2]).isel(time=0, drop=True)
    return {
        "ERA5": _cube(weather, DAYS, DAYS + pd.offsets.Day()),
        "MODIS": _cube(bands, starts, starts + pd.offsets.Day(8)),
        "IGBP": land.drop_vars("time_bnds", errors="ignore").astype("int8"),
    }


@pytest.fixture(scope="module")
def sites():
    places = {"latitude": [2.1, 47.3, -33.0], "longitude": [-61.0, 8.4, 150.2]}
    return pd.DataFrame({"site_id": ["A", "B", "C"], **places, "IGBP": "ENF", "climate": "Cfb"})


@pytest.fixture(scope="module")
def towers(sites):
    days = pd.date_range("2003-04-28", "2003-05-10")
    rows = pd.MultiIndex.from_product([sites["site_id"], days], names=["site_id", "time"])
    table = pd.DataFrame({"GPP": 1.0, "GPP_QC": 0.9}, index=rows).reset_index()
    table.attrs["resolution"] = "DD"
    return table


@pytest.fixture(scope="module")
def sampled(cubes, towers, sites):
    return days_at_sites(cubes, GRID, towers, sites, PREDICTORS)


def test_a_tower_has_the_numbers_of_its_cell_in_the_product(cubes, sites, sampled):
    edges = pd.date_range("2003-05-01", "2003-05-05")
    product = product_drivers(cubes, GRID, edges, PREDICTORS).compute()
    days = sampled[sampled["time"].between("2003-05-01", "2003-05-04")]
    for site, rows in days.groupby("site_id"):
        place = sites.set_index("site_id").loc[site]
        cell = product.sel(
            latitude=place["latitude"], longitude=place["longitude"], method="nearest"
        )
        for name in PREDICTORS:
            values = np.broadcast_to(cell[name].values, len(rows))
            assert np.isfinite(values).all()
            np.testing.assert_array_equal(rows[name], values, err_msg=name)


def test_each_day_is_read_once_however_small_the_blocks(cubes, towers, sites, sampled, monkeypatch):
    read = []

    def counted(cube, edges, source, maps=1):
        if len(edges) - 1 != 2:  # of the days before, not of a block of two days
            read.extend(edges[:-1])
        return means_of_steps(cube, edges, source, maps)

    monkeypatch.setattr(days, "_BLOCK_BYTES", 2 * 4 * 36 * 72)
    monkeypatch.setattr(products, "means_of_steps", counted)
    last = towers[towers["time"] > towers["time"].max() - pd.Timedelta("4D")]
    wanted = ["ERA5_TA_MEAN30", "ERA5_P_DRY", "ERA5_P_PET90"]
    weather = {name: cubes[name] for name in ("ERA5", "IGBP")}
    found = days.days_at_sites(weather, GRID, last, sites, wanted)
    known = sampled.merge(found[["site_id", "time"]])[found.columns]
    pd.testing.assert_frame_equal(found, known, check_exact=True)
    # Days of the second block alone are not counted.
    assert len(read) == len(set(read)) == LEAD + 2


def test_the_days_before_a_product_are_read(cubes):
    """The first day of a product has the windows that it would have within a longer one."""
    names = ["ERA5_TA_MEAN30", "ERA5_VPD_MEAN7", "MODIS_NIRv_MEAN90"]
    grid = TargetGrid(resolution=10.0)
    edges = pd.date_range("2003-05-01", "2003-05-05")
    long, short = (product_drivers(cubes, grid, e, names).compute() for e in (edges, edges[2:]))
    for name in names:
        np.testing.assert_array_equal(long[name][2:], short[name], err_msg=name)
        assert long[name].dtype == np.float32
    mean = cubes["ERA5"]["TA"].sel(time=slice("2003-04-05", "2003-05-04")).mean("time")
    np.testing.assert_allclose(long["ERA5_TA_MEAN30"][3], mean, rtol=1e-4)
    start = product_drivers(cubes, grid, pd.date_range("2003-01-10", "2003-01-11"), names)
    assert start["ERA5_TA_MEAN30"].isnull().all()  # ten days of thirty are too few
    assert start["ERA5_VPD_MEAN7"].notnull().all()


def test_the_training_table_is_of_days_with_its_fluxes(towers, sites, sampled):
    table = build_training_table(towers, sites, sampled=sampled, predictors=PREDICTORS)
    assert table.attrs["resolution"] == "DD"
    assert len(table) == len(towers)
    assert {"GPP", "GPP_QC", "IGBP", *PREDICTORS} <= set(table)
    assert table["IGBP"].eq(1).all()
    days = pd.date_range("2003-05-01", periods=1)
    angle = 2 * np.pi * (days.day_of_year[0] - (365.25 / 12 - 1) / 2) / 365.25
    row = table[table["time"] == days[0]].iloc[0]
    assert row["DoY_sin"] == pytest.approx(np.sin(angle), abs=1e-6)


def test_only_days_that_sources_and_towers_share_are_sampled(cubes, towers, sites):
    later = towers.assign(time=towers["time"] + pd.Timedelta("20D"))
    found = days_at_sites(cubes, GRID, later, sites, ["ERA5_TA"])
    assert found["time"].agg(["min", "max"]).tolist() == [later["time"].min(), DAYS[-1]]
    with pytest.raises(InputError, match="expected days that the sources cover"):
        days_at_sites(cubes, GRID, later.assign(time=later["time"] + pd.Timedelta("300D")), sites, ["ERA5_TA"])  # fmt: skip


def test_predictors_of_months_and_of_days_are_told_apart(cubes, towers, sites):
    from uflux_kedro.features.parameters import FeatureParameters

    features = FeatureParameters.model_validate(
        {"target_grid": {"resolution": 5}, "carry_over": {"climate": "ERA5", "vegetation": {}}}
    )
    months = (Member("A", "GPP", "XGB", ("ERA5_FT",)),)
    with pytest.raises(ConfigurationError, match="works on months"):
        join_days_at_towers(months, towers, sites, features, **cubes)
    days = (Member("A", "GPP", "XGB", ("ERA5_TA_MEAN30",)),)
    with pytest.raises(ConfigurationError, match="expected DD, since ERA5_TA_MEAN30 are"):
        make_drivers(days, features, **cubes)
    edges = pd.date_range("2003-02-01", "2003-05-01", freq="MS")
    with pytest.raises(ConfigurationError, match="expected products, and members, of days"):
        product_drivers(cubes, GRID, edges, ["ERA5_TA_MEAN30"])
