from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import netCDF4
import numpy as np
import pytest
import xarray as xr
from pyproj import CRS

from tests.testing.drivers import Sum, make_drivers
from uflux_kedro.errors import InputError
from uflux_kedro.files import sha256
from uflux_kedro.origins import collections_of
from uflux_kedro.products.cf import finish_product, write_netcdf
from uflux_kedro.products.prediction import predict_cube


@pytest.fixture(scope="module")
def product():
    members = {"a": Sum("ERA5_TA"), "b": Sum("ERA5_TA", "MODIS_NIRv")}
    cube = predict_cube(members, make_drivers(), variable="GPP", keep_members=True)
    return finish_product(
        cube,
        title="GPP of a small world",
        members=list(members),
        parameters={"seed": 1, "scheme": "loso"},
        checksums={"drivers": "0f" * 32},
    )


def test_global_attributes_hold_the_provenance(product):
    attributes = product.attrs
    assert attributes["Conventions"] == "CF-1.11"
    assert attributes["title"] == "GPP of a small world"
    assert attributes["members"] == "a, b"
    assert json.loads(attributes["parameters"]) == {"scheme": "loso", "seed": 1}
    assert json.loads(attributes["input_checksums"]) == {"drivers": "0f" * 32}
    assert json.loads(attributes["software_versions"])["xarray"] == xr.__version__
    for name in ("institution", "source", "history", "references"):
        assert attributes[name]


@pytest.mark.parametrize(
    ("mark", "source", "cites"),
    [
        ("", "trained on eddy-covariance towers", True),
        ("ERA5, MODIS", "trained on eddy-covariance towers", True),
        ("some towers, ERA5", "trained on towers, some of them simulated", True),
        ("towers, ERA5", "trained on simulated towers", False),
    ],
)
def test_simulated_data_are_said_to_be(product, mark, source, cites):
    settings = {"members": ["a"], "parameters": {}, "checksums": {}, "simulated": mark}
    settings |= {} if mark == "towers, ERA5" else {"collections": ("FLUXNET2015",)}
    attributes = finish_product(product, title="GPP", **settings).attrs
    assert attributes["source"].endswith(source)
    assert ("FLUXNET2015" in attributes["references"]) == cites
    if mark:
        assert attributes["title"] == "Simulated data: GPP"
        assert attributes["comment"].startswith(f"Simulated data: {mark} come from the demo world")
        assert attributes["simulated"] == mark
    else:
        assert attributes["title"] == "GPP"
        assert not {"comment", "simulated"} & set(attributes)


@pytest.mark.parametrize(
    ("collections", "says"),
    [
        ((), "their source is not stated"),
        (
            ("FLUXNET",),
            "FLUXNET (https://doi.org/10.1038/s41597-020-0534-3); each tower's product has",
        ),
        (
            ("OzFlux",),
            "OzFlux (https://doi.org/10.5194/bg-13-5895-2016, https://doi.org/10.5194/bg-14",
        ),
        (
            ("FluxDataKit", "PLUMBER2"),
            "data: FluxDataKit, PLUMBER2 (https://doi.org/10.5194/essd-14",
        ),
    ],
)
def test_references_are_those_of_the_towers_collections(product, collections, says):
    settings = {"members": ["a"], "parameters": {}, "checksums": {}, "collections": collections}
    made = finish_product(product, title="GPP", **settings)
    assert says in made.attrs["references"]
    assert "FLUXNET2015" not in made.attrs["references"]
    assert collections_of(made) == collections


def test_units_are_those_that_cf_tools_read(product):
    for name in ("GPP", "GPP_std", "GPP_member"):
        assert product[name].attrs["units"] == "g m-2 d-1"
        assert "carbon" in product[name].attrs["comment"]


def test_the_input_is_not_changed():
    cube = predict_cube({"a": Sum("ERA5_TA")}, make_drivers(), variable="GPP")
    before = cube.copy(deep=True)
    finish_product(cube, title="t", members=["a"], parameters={}, checksums={})
    xr.testing.assert_identical(cube, before)


@pytest.mark.parametrize("name", ["time_bnds", "latitude"])
def test_missing_variables_are_named(product, name):
    with pytest.raises(InputError, match=f"{name}: expected a variable"):
        finish_product(
            product.drop_vars(name), title="t", members=["a"], parameters={}, checksums={}
        )


def named_members(found):
    """Return the product of a file with its members by name, before time as in a store."""
    names = found["realization"].attrs["flag_meanings"].split()
    found = found.load().rename_dims(realization="member").drop_vars("realization")
    return found.assign_coords(member=names).transpose("member", ...)


def test_the_file_reads_back(product, tmp_path):
    path = tmp_path / "new" / "gpp.nc"
    write_netcdf(product, path)
    with xr.open_dataset(path) as found:
        xr.testing.assert_equal(named_members(found), product)
        assert found.attrs == product.attrs
        assert found["GPP"].attrs == product["GPP"].attrs


def test_members_follow_time_as_numbered_realizations(product, tmp_path):
    write_netcdf(product, tmp_path / "gpp.nc")
    with netCDF4.Dataset(tmp_path / "gpp.nc") as file:
        assert file["GPP_member"].dimensions == ("time", "realization", "latitude", "longitude")
        assert file["realization"].standard_name == "realization"
        assert file["realization"][:].tolist() == [1, 2]
        assert file["realization"].flag_values.tolist() == [1, 2]
        assert not any(v.dtype is str for v in file.variables.values())


def test_fields_name_the_reference_system_of_their_grid(product, tmp_path):
    write_netcdf(product, tmp_path / "gpp.nc")
    with netCDF4.Dataset(tmp_path / "gpp.nc") as file:
        for name in ("GPP", "GPP_std", "GPP_flag", "GPP_n_members", "GPP_member"):
            assert file[name].grid_mapping == "crs"
        assert file["crs"].grid_mapping_name == "latitude_longitude"
        assert CRS.from_cf({k: file["crs"].getncattr(k) for k in file["crs"].ncattrs()}) == 4326


def test_how_the_file_is_written(product, tmp_path):
    path = tmp_path / "gpp.nc"
    write_netcdf(product, path)
    with netCDF4.Dataset(path) as file:
        gpp = file["GPP"]
        assert gpp.dtype == np.float32
        assert gpp._FillValue == np.float32(-9999)
        assert gpp.filters()["zlib"]
        assert gpp.chunking() == [1, 9, 18]
        assert file["GPP_n_members"].dtype == np.int16
        assert "_FillValue" not in file["GPP_n_members"].ncattrs()
        assert file["time"].units == "days since 1970-01-01"
        assert file["time"].bounds == "time_bnds"
        np.testing.assert_array_equal(file["time_bnds"][:, 0], file["time"][:])
        for name in ("latitude", "longitude"):
            assert file[name].bounds == f"{name}_bnds"
            assert file[f"{name}_bnds"].shape == (file[name].size, 2)
            assert "_FillValue" not in file[name].ncattrs()
        assert file["latitude_bnds"][0, 0] == -90


def test_the_file_does_not_follow_the_order_of_the_dataset(product, tmp_path):
    """A Zarr store lists its arrays in any order."""
    turned = xr.Dataset(
        {name: product[name].variable for name in reversed([*product.data_vars])},
        {name: product[name].variable for name in reversed([*product.coords])},
        product.attrs,
    )
    for name, dataset in (("one", product), ("other", turned)):
        write_netcdf(dataset, tmp_path / f"{name}.nc")
    with (
        netCDF4.Dataset(tmp_path / "one.nc") as one,
        netCDF4.Dataset(tmp_path / "other.nc") as other,
    ):
        assert [*one.variables] == [*other.variables]
        assert [*one.dimensions] == [*other.dimensions]


EXPORT = """
import sys, xarray
from uflux_kedro.products.cf import write_netcdf
write_netcdf(xarray.open_zarr(sys.argv[1], consolidated=False, chunks={}), sys.argv[2])
"""


def test_exports_of_a_store_are_the_same_bytes(product, tmp_path):
    """Under seven hash seeds, and at different seconds."""
    store = tmp_path / "cube.zarr"
    product.to_zarr(store, zarr_format=3, consolidated=False)

    def export(seed):
        path = tmp_path / f"{seed}.nc"
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        command = [sys.executable, "-c", EXPORT, str(store), str(path)]
        subprocess.run(command, env=environment, check=True)
        return sha256(path)

    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(export, range(7)))) == 1


def test_the_encoding_of_another_store_is_ignored(product, tmp_path):
    product.to_zarr(tmp_path / "cube.zarr", zarr_format=3, consolidated=False)
    stored = xr.open_zarr(tmp_path / "cube.zarr", consolidated=False, chunks={})
    write_netcdf(stored, tmp_path / "cube.nc")
    with xr.open_dataset(tmp_path / "cube.nc") as found:
        xr.testing.assert_equal(named_members(found), product)


def test_a_failed_write_keeps_the_old_file(product, tmp_path):
    path = tmp_path / "gpp.nc"
    write_netcdf(product, path)
    before = path.read_bytes()

    def fail(block):
        raise RuntimeError("read error")

    broken = product.chunk(time=1)
    broken["GPP"] = xr.apply_ufunc(
        fail, broken["GPP"], dask="parallelized", output_dtypes=["float32"]
    )
    with pytest.raises(RuntimeError, match="read error"):
        write_netcdf(broken, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
