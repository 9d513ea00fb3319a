"""Products in the programs that people open them with, which are called where they are installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
import xarray as xr

from tests.testing.drivers import Sum, make_drivers
from uflux_kedro.products.cf import finish_product, write_netcdf
from uflux_kedro.products.prediction import predict_cube

ILAMB3 = "UFLUX_ILAMB3_PYTHON"

INTEGRATE = """
import sys, warnings
warnings.simplefilter("error")
import xarray
from ilamb3.dataset import integrate_space, integrate_time
total = integrate_time(xarray.open_dataset(sys.argv[1]), "GPP")
print(float(integrate_space(total, "GPP")))
"""


@pytest.fixture(scope="module")
def product():
    members = {"a": Sum("ERA5_TA"), "b": Sum("ERA5_TA", "MODIS_NIRv")}
    cube = predict_cube(
        members, make_drivers(), variable="GPP", keep_members=True, quantiles=(0.05, 0.95)
    )
    return finish_product(cube, title="GPP", members=list(members), parameters={}, checksums={})


@pytest.fixture(scope="module")
def file(product, tmp_path_factory):
    path = tmp_path_factory.mktemp("programs") / "GPP.nc"
    write_netcdf(product, path)
    return path


def in_silence(program, *arguments):
    """Return what a program prints; it must not warn."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_cdo_reads_all_fields(file, product):
    names = in_silence("cdo", "-s", "showname", str(file)).split()
    assert set(names) == {f"GPP{s}" for s in ("", "_flag", "_member", "_n_members", "_quantile", "_std")}  # fmt: skip
    assert in_silence("cdo", "-s", "nlevel", "-selname,GPP_member", str(file)).split() == ["2"]
    assert "latitude_longitude" in in_silence("cdo", "-s", "sinfo", str(file))
    second = ("-fldmean", "-seltimestep,3", "-sellevel,2", "-selname,GPP_member", str(file))
    mean = float(in_silence("cdo", "-s", "outputf,%.6g", *second))
    expected = product["GPP_member"].sel(member="b").isel(time=2).weighted(product["cell_area"])
    assert mean == pytest.approx(float(expected.mean()), rel=1e-5)


@pytest.mark.parametrize(
    ("field", "bands"), [("GPP", 12), ("GPP_flag", 12), ("GPP_member", 24), ("GPP_quantile", 24)]
)
def test_gdal_places_the_maps(file, product, field, bands):
    found = in_silence("gdalinfo", "-json", "-stats", f'NETCDF:"{file}":{field}')
    described = json.loads(found)
    assert 'ID["EPSG",4326]' in described["coordinateSystem"]["wkt"]
    assert described["geoTransform"] == [-180, 20, 0, 90, 0, -20]
    assert len(described["bands"]) == bands
    if field == "GPP":
        first = product["GPP"].isel(time=0)
        assert described["bands"][0]["noDataValue"] == -9999
        assert described["bands"][0]["maximum"] == pytest.approx(float(first.max()), rel=1e-3)


def test_ilamb3_integrates(file, product):
    """ilamb3 has an environment of its own: its requirements are not those of this project."""
    python = os.environ.get(ILAMB3)
    if not python:
        pytest.skip(f"set {ILAMB3} to a Python with `pip install ilamb3`")
    total = float(in_silence(python, "-c", INTEGRATE, str(file)))
    days = (product["time_bnds"][:, 1] - product["time_bnds"][:, 0]) / np.timedelta64(1, "D")
    assert total == pytest.approx(float((product["GPP"] * product["cell_area"] * days).sum()), rel=1e-3)  # fmt: skip


def test_xarray_finds_coordinates_and_bounds(file):
    with xr.open_dataset(file, decode_coords="all") as found:
        assert set(found.data_vars) == {f"GPP{s}" for s in ("", "_flag", "_member", "_n_members", "_quantile", "_std")}  # fmt: skip
        assert found["realization"].attrs["flag_meanings"].split() == ["a", "b"]


def test_gdal_places_a_projected_product(tmp_path):
    axes = {"y": 2_900_050 + 100 * np.arange(8.0), "x": 4_200_050 + 100 * np.arange(6.0)}
    time = np.array(["2003-01-01"], "datetime64[ns]")
    bounds = np.stack([time, time + np.timedelta64(31, "D")], axis=1)
    dims, values = ("time", *axes), np.arange(48, dtype="float32").reshape(1, 8, 6)
    product = finish_product(
        xr.Dataset(
            {"LE": (dims, values, {"units": "W m-2"}), "time_bnds": (("time", "bnds"), bounds)},
            {"time": time, **axes},
            {"crs": "EPSG:3035"},
        ),
        title="LE", members=["a"], parameters={}, checksums={},
    )  # fmt: skip
    write_netcdf(product, tmp_path / "LE.nc")
    found = json.loads(
        in_silence("gdalinfo", "-json", "-stats", f'NETCDF:"{tmp_path / "LE.nc"}":LE')
    )
    assert 'ID["EPSG",3035]' in found["coordinateSystem"]["wkt"]
    assert found["geoTransform"] == [4_200_000, 100, 0, 2_900_800, 0, -100]
    assert found["bands"][0]["maximum"] == 47
