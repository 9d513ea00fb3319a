"""Drivers on a product's own grid and steps, and products in a projection."""

from __future__ import annotations

import json
import shutil
from datetime import date

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pydantic import ValidationError

from tests.testing.drivers import make_drivers
from tests.testing.products import write_member
from uflux_kedro.datasets import ZarrCubeDataset
from uflux_kedro.errors import InputError
from uflux_kedro.features.products import (
    product_drivers,
    require_months,
    step_edges,
)
from uflux_kedro.gridding.grids import ProjectedGrid, TargetGrid
from uflux_kedro.models.fitted import FittedMember
from uflux_kedro.products.cf import write_netcdf
from uflux_kedro.products.fingerprints import DriverFingerprints
from uflux_kedro.products.geotiff import write_geotiffs
from uflux_kedro.products.parameters import InferenceParameters
from uflux_kedro.products.plan import Plan
from uflux_kedro.products.production import produce
from uflux_kedro.products.stac import write_record
from uflux_kedro.products.store import ProductStore


@pytest.fixture
def cubes():
    """Sources on ten degrees, with two years of months, as ingestion returns them."""
    world = make_drivers(years=2, n_latitude=18, n_longitude=36)
    world = world.assign_coords(time_bnds=world["time_bnds"])
    climate = world[["ERA5_TA"]].rename(ERA5_TA="TA").assign_coords(time_bnds=world["time_bnds"])
    greenness = world[["MODIS_NIRv"]].rename(MODIS_NIRv="NIRv")
    greenness = greenness.assign_coords(time_bnds=world["time_bnds"])
    land = xr.ones_like(world["IGBP"]).to_dataset()
    return {"ERA5": climate, "MODIS": greenness, "IGBP": land}


def test_a_record_of_days_may_end_within_a_month():
    edges = step_edges("2001-02", "2001-03", "day", date(2001, 2, 2))
    assert list(edges.strftime("%m-%d")) == ["02-01", "02-02", "02-03"]
    days = {"first_month": "2001-02", "last_month": "2001-03", "step": "day"}
    grid = {"resolution": 0.25}
    found = InferenceParameters(grid=grid, last_day="2001-03-31", **days)
    assert found.last_day == date(2001, 3, 31)
    for wrong in ({"last_day": "2001-04-01"}, {"last_day": "2001-03-01", "step": "month"}):
        with pytest.raises(ValidationError, match="last_day"):
            InferenceParameters(grid=grid, **(days | wrong))


def test_an_incomplete_step_is_an_error():
    with pytest.raises(InputError, match="expected the end of a half-year"):
        step_edges("2001-01", "2001-08", "half-year")


def test_edges_of_steps():
    assert step_edges("2001-01", "2001-03", "month").strftime("%m-%d").tolist() == [
        "01-01", "02-01", "03-01", "04-01",
    ]  # fmt: skip
    assert len(step_edges("2000-02", "2000-02", "day")) == 30
    assert step_edges("2001-04", "2002-03", "half-year").strftime("%Y-%m").tolist() == [
        "2001-04", "2001-10", "2002-04",
    ]  # fmt: skip


def test_only_predictors_of_members_are_made(cubes):
    edges = step_edges("2001-01", "2001-02", "month")
    drivers = product_drivers(cubes, TargetGrid(resolution=5.0), edges, ["ERA5_TA", "DoY_sin"])
    assert set(drivers.data_vars) == {"ERA5_TA", "DoY_sin", "IGBP"}
    assert drivers["ERA5_TA"].shape == (2, 36, 72)
    assert "time_bnds" in drivers.coords
    # A small map of land cover is made once, not for every region of every step.
    assert drivers["IGBP"].chunks is None
    with pytest.raises(InputError, match="ERA5_SW_IN: expected predictors that can be made"):
        product_drivers(cubes, TargetGrid(resolution=5.0), edges, ["ERA5_SW_IN"])


def plan_of(cubes, grid, folder):
    edges = step_edges("2001-01", "2001-02", "month")
    if not (folder / "one").exists():
        write_member(folder, "one")
    member = FittedMember.load(folder / "one")
    drivers = product_drivers(cubes, grid, edges, member.predictors)
    regions = {"time": 1}
    return Plan("GPP", {member.name: member}, drivers, regions, quantiles=(0.5,), keep_members=True)


def a_product(cubes, grid, folder):
    store = ProductStore(str(folder / "GPP.zarr"))
    produce(plan_of(cubes, grid, folder), store)
    return store


def test_a_changed_source_changes_the_fingerprint_of_lazy_drivers(cubes, tmp_path):
    grid = TargetGrid(resolution=10.0)
    store = a_product(cubes, grid, tmp_path)
    assert produce(plan_of(cubes, grid, tmp_path), store).kept == 2
    cubes["ERA5"]["TA"][0, 0, 0] = 1
    assert produce(plan_of(cubes, grid, tmp_path), store).made == 2


def test_a_source_that_is_replaced_while_drivers_are_computed_is_noticed(cubes, tmp_path):
    climate = cubes["ERA5"]
    for name, cube in cubes.items():
        saved = ZarrCubeDataset(filepath=str(tmp_path / f"{name}.zarr"))
        saved.save(cube)
        cubes[name] = saved.load()
    edges = step_edges("2001-01", "2001-06", "month")
    drivers = product_drivers(cubes, TargetGrid(resolution=10), edges, ["ERA5_TA"])
    identity = DriverFingerprints(drivers.sel(time=slice("2001-02", "2001-04")), ["ERA5_TA"])
    assert not identity.changed()
    saved = ZarrCubeDataset(filepath=str(tmp_path / "ERA5.zarr"))
    saved.save(climate)
    assert not identity.changed(), "by the same bytes"
    saved.save(climate + 1)
    assert identity.changed()
    shutil.rmtree(tmp_path / "ERA5.zarr")
    assert identity.changed()


def test_a_projection_is_written_as_geotiff(cubes, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    pytest.importorskip("odc.geo")
    grid = ProjectedGrid(
        crs="EPSG:3035", resolution=50_000, west=4e6, south=3e6, east=4.5e6, north=3.4e6
    )
    store = a_product(cubes, grid, tmp_path)
    product = store.open()
    assert product["GPP"].shape == (2, 8, 10)
    assert product["GPP"].notnull().any()
    assert product["GPP"].attrs["grid_mapping"] == "crs"
    files = write_geotiffs(product, tmp_path / "geotiff")
    assert len(files) == 2 * 4
    first = next(f for f in files if f.name == "GPP_2001-01-01.tif")
    with rasterio.open(first) as file:
        assert file.crs.to_epsg() == 3035
        assert file.bounds == (4e6, 3e6, 4.5e6, 3.4e6)
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        np.testing.assert_array_equal(file.read(1), product["GPP"][0].to_numpy()[::-1])
    write_record(store)
    item = json.loads((tmp_path / "GPP.stac.json").read_text())
    west, south, east, north = item["bbox"]
    assert 5 < west < 12 < east < 20
    assert 48 < south < 51 < north < 55
    assert item["properties"]["end_datetime"] == "2001-03-01T00:00:00Z"


def test_the_netcdf_file_passes_the_compliance_checker(cubes, tmp_path):
    """IOOS compliance-checker, at CF 1.11: every requirement of the convention is met."""
    runner = pytest.importorskip("compliance_checker.runner")
    store = a_product(cubes, TargetGrid(resolution=10.0), tmp_path)
    product = store.open()
    assert pd.Timestamp(product["time"].to_numpy()[1]) == pd.Timestamp("2001-02-01")
    write_netcdf(product, tmp_path / "gpp.nc")
    runner.CheckSuite.load_all_available_checkers()
    report = tmp_path / "report.txt"
    passed, errors = runner.ComplianceChecker.run_checker(
        str(tmp_path / "gpp.nc"), ["cf:1.11"], 1, "normal", output_filename=str(report)
    )
    assert passed, report.read_text()
    assert not errors


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        ("2003-01", "2003-12", None),
        ("2003-02", "2003-05", None),
        ("2002-12", "2003-12", "2003-01-01 to 2004-01-01"),
        ("2003-01", "2004-01", "2003-01-01 to 2004-01-01"),
        ("2005-01", "2005-02", "nothing"),
    ],
)
def test_the_drivers_must_cover_all_months(first, last, found):
    time = pd.date_range("2003-01-01", periods=12, freq="MS")
    bounds = (("time", "bnds"), np.stack([time, time + pd.offsets.MonthBegin()], axis=1))
    drivers = xr.Dataset({}, {"time": time, "time_bnds": bounds})
    chosen = drivers.sel(time=slice(first, last))
    if found is None:
        require_months(chosen, first, last)
        require_months(chosen, first, last, date.fromisoformat(f"{last}-10"))
        if first == "2003-02":
            with pytest.raises(InputError, match="found 2003-02-01 to 2003-06-01, with gaps"):
                require_months(chosen.isel(time=[0, 1, 3]), first, last)
    else:
        with pytest.raises(InputError, match=f"drivers: time: expected periods .* found {found}"):
            require_months(chosen, first, last)
