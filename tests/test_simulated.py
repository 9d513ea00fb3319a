"""The mark of simulated data: who has it, and what carries it on."""

from __future__ import annotations

import gzip
import shutil
import zipfile

import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.demo_world import DemoWorldParameters, write_demo_world
from uflux_kedro.features import build_drivers
from uflux_kedro.features.training_table import build_training_table
from uflux_kedro.gridding.grids import TargetGrid
from uflux_kedro.origins import collections_of
from uflux_kedro.readers import read_cube, read_towers
from uflux_kedro.simulated import is_simulated, mark_of, notice, titled


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    small = DemoWorldParameters(resolution=10, first_year=2020, last_year=2020, n_towers=3)
    write_demo_world(small, folder / "raw", folder / "truth")
    return folder / "raw"


@pytest.fixture
def real(raw, tmp_path):
    """Return a tower's table as its network would send it: without the mark."""
    first = sorted((raw / "towers").glob("*.zip"))[0]
    with zipfile.ZipFile(first) as archive:
        (name,) = archive.namelist()
        table = pd.read_csv(archive.open(name)).iloc[:, :-1]
    folder = tmp_path / "real"
    folder.mkdir()
    path = folder / name.replace("-D", "-R").replace("_1-4", "_2-4")
    table.to_csv(path, index=False)
    site = path.name.split("_")[1]
    sites = pd.read_csv(raw / "towers" / "sites.csv").iloc[:1].assign(SITE_ID=site)
    sites.to_csv(folder / "sites.csv", index=False)
    return folder


def test_every_file_of_the_demo_world_says_so_wherever_it_is(raw, tmp_path):
    files = [path for path in raw.glob("*/*.*") if path.name != "sites.csv"]
    assert len(files) == 13
    assert all(map(is_simulated, files))
    with zipfile.ZipFile(next(path for path in files if path.suffix == ".zip")) as archive:
        (name,) = archive.namelist()
        archive.extract(name, tmp_path)
    table = tmp_path / name
    assert is_simulated(table)
    packed = tmp_path / "renamed.csv.gz"
    packed.write_bytes(gzip.compress(table.read_bytes()))
    assert is_simulated(packed)


def test_other_files_do_not(raw, real, tmp_path):
    shutil.copy(raw / ".demo_world", tmp_path)
    plain = tmp_path / "era5.nc"
    xr.Dataset({"t2m": ((), 1.0)}, attrs={"institution": "ECMWF"}).to_netcdf(plain)
    damaged = tmp_path / "FLX_damaged.zip"
    damaged.write_bytes(b"PK, and no more")
    others = [plain, damaged, tmp_path / "absent.nc", tmp_path / "a.hdf", *real.iterdir()]
    assert not any(map(is_simulated, others))


def test_towers_say_whether_all_or_some_are_simulated(raw, real):
    towers, sites = read_towers(raw / "towers", collection="FLUXNET2015")
    assert mark_of(towers) == "towers"
    assert "collection" not in sites, "simulated towers are of no collection"
    assert not towers.attrs["products"]
    assert mark_of(read_towers(real)[0]) == ""
    assert "simulated" not in read_towers(real)[0].attrs
    mixed, _ = read_towers([raw / "towers", *sorted(real.glob("FLX*")), real / "sites.csv"])
    assert mark_of(mixed) == "some towers"


def test_the_mark_reaches_the_training_table(raw, real):
    cubes = {
        "ERA5": read_cube("era5", raw / "ERA5"),
        "IGBP": read_cube("igbp", raw / "IGBP"),
    }
    assert all(map(mark_of, cubes.values()))
    grid = TargetGrid(resolution=10)
    drivers = build_drivers(cubes, grid)
    assert drivers.attrs["simulated"] == "ERA5, IGBP"
    measured, places = read_towers(real)
    table = build_training_table(measured, places, drivers)
    assert mark_of(table) == "ERA5, IGBP"
    assert collections_of(table) == ("FLUXNET2015",)
    cubes["ERA5"] = cubes["ERA5"].drop_attrs(deep=False)
    assert mark_of(build_drivers(cubes, grid)) == "IGBP"


def test_marks_are_joined_once():
    table = pd.DataFrame()
    table.attrs["simulated"] = "towers, ERA5"
    cube = xr.Dataset(attrs={"simulated": "ERA5, MODIS"})
    assert mark_of(table, cube, {"simulated": "towers"}, {"flux": "GPP"}) == "towers, ERA5, MODIS"
    assert mark_of(table, None) == mark_of(table)
    assert mark_of() == notice("") == ""
    assert titled("Page", "") == "Page"
    assert titled("Page", "towers") == "Simulated data: Page"
    assert notice("towers").startswith("Simulated data: towers come from the demo world")
