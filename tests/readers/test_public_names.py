"""Public names of the readers and formulas, used without Kedro."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

import uflux_kedro.biophysics
import uflux_kedro.readers
from tests.testing.project import PROJECT
from uflux_kedro.errors import InputError
from uflux_kedro.readers import TowerParameters, read_cube, read_towers
from uflux_kedro.readers.grids.read import GRID_PATTERNS
from uflux_kedro.readers.towers.tower_files import TOWER_PATTERNS

USE = """
import sys
from uflux_kedro.readers import read_cube, read_towers
towers, sites = read_towers({folder!r}, resolution="MM")
print(len(towers), sites["site_id"].tolist(), towers["GPP"].iloc[0])
cube = read_cube("era5", {folder!r}, pattern="era5*.nc", variables=["TA"])
print(cube["TA"].dims, cube["TA"].shape)
print([m for m in ("kedro", "mlflow") if m in sys.modules])
"""


@pytest.fixture
def folder(tmp_path, fluxnet_table, fluxnet_zip, era5):
    """An archive and its site table, and two years of ERA5."""
    fluxnet_zip(fluxnet_table())
    header = "SITE_ID,LOCATION_LAT,LOCATION_LONG,IGBP\n"
    (tmp_path / "sites.csv").write_text(header + "XX-Aaa,50,10,ENF\n")
    for year in (2001, 2002):
        era5(year).to_netcdf(tmp_path / f"era5_{year}.nc")
    return tmp_path


def test_archives_and_grids_are_read_without_kedro(folder):
    done = subprocess.run(
        [sys.executable, "-c", USE.format(folder=str(folder))],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    towers, cube, loaded = done.stdout.splitlines()
    assert towers == "12 ['XX-Aaa'] 5.0"
    assert cube == "('time', 'latitude', 'longitude') (24, 7, 8)"
    assert loaded == "[]"


def test_settings_override_the_parameters(folder):
    night, _ = read_towers(folder)
    day, _ = read_towers(folder, TowerParameters(partition="DT", reader="fluxnet"))
    again, _ = read_towers(folder, TowerParameters(partition="DT"), partition="NT")
    assert night["GPP"].equals(again["GPP"])
    assert not night["GPP"].equals(day["GPP"])
    with pytest.raises(ValueError, match="resolutoin"):
        read_towers(folder, resolutoin="DD")


def test_a_folder_without_towers_is_an_error(tmp_path):
    with pytest.raises(InputError, match="expected at least one file of towers"):
        read_towers(tmp_path)
    with pytest.raises(InputError, match="expected at least one file"):
        read_cube("era5", tmp_path)


def test_the_catalog_lists_the_files_that_the_library_lists():
    catalog = yaml.safe_load((PROJECT / "conf/base/catalog.yml").read_text())
    assert catalog["raw_towers"]["patterns"] == list(TOWER_PATTERNS)
    assert catalog["raw_{source}"]["patterns"] == list(GRID_PATTERNS)


@pytest.mark.parametrize("package", [uflux_kedro.readers, uflux_kedro.biophysics])
def test_every_exported_name_is_there_and_described(package):
    assert package.__all__
    for name in package.__all__:
        assert getattr(package, name).__doc__, name
