"""Downloads of ERA5 with the store's own client, from a fake store."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
import xarray as xr

from tests.testing.servers import QUICK, Broken, Corrupted, Running, Stalled, size_of
from tests.testing.store_server import ClimateDataStore
from uflux_kedro.downloads import ClimateDataStoreFetcher, ClimateDataStoreYears, download
from uflux_kedro.downloads.manifest import Manifest
from uflux_kedro.downloads.parameters import FLUXES, STATES
from uflux_kedro.errors import ConfigurationError, InputError

cdsapi = pytest.importorskip("cdsapi", reason="the extra era5 is not installed")

SHORT = {
    "2m_temperature": ("t2m", "K", 290.0),
    "2m_dewpoint_temperature": ("d2m", "K", 280.0),
    "soil_temperature_level_1": ("stl1", "K", 289.0),
    "surface_pressure": ("sp", "Pa", 1e5),
    "10m_u_component_of_wind": ("u10", "m s**-1", 1.0),
    "10m_v_component_of_wind": ("v10", "m s**-1", -1.0),
    "surface_solar_radiation_downwards": ("ssrd", "J m**-2", 1.728e7),
    "surface_thermal_radiation_downwards": ("strd", "J m**-2", 2.592e7),
    "total_precipitation": ("tp", "m", 0.002),
}
"""Variable of a request -> its name, unit and one possible value in the files."""


def archive(request) -> bytes:
    """Return the zip of a request: one netCDF file of 2 x 4 cells, like new archives."""
    time = np.array([f"{request['year'][0]}-{month}" for month in request["month"]], "M8[ns]")
    coordinates = {
        "valid_time": time,
        "latitude": [45.0, -45.0],
        "longitude": [0.0, 90.0, 180.0, 270.0],
        "number": 0,
        "expver": ("valid_time", ["0001"] * 12),
    }
    dimensions = ("valid_time", "latitude", "longitude")
    noise = np.random.default_rng(1).uniform(0.99, 1.0, (12, 2, 4))
    cube = xr.Dataset(coords=coordinates)
    for variable in request["variable"]:
        name, unit, value = SHORT[variable]
        cube[name] = (dimensions, (value * noise).astype("float32"), {"units": unit})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        member = zipfile.ZipInfo("data_stream-moda.nc", (2026, 1, 1, 0, 0, 0))
        zipped.writestr(member, bytes(cube.to_netcdf(engine="scipy")) + bytes(200_000))
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(("CDSAPI_", "ECMWF_DATASTORES_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def store():
    with Running(ClimateDataStore(archive)) as running:
        yield running


@pytest.fixture
def fetcher(store):
    return ClimateDataStoreFetcher(f"{store.address}/api", store.key, QUICK)


@pytest.fixture
def order():
    return ClimateDataStoreYears(first_year=2019, last_year=2020)


def one(**changes):
    settings = {"first_year": 2019, "last_year": 2019, "variables": {"flux": FLUXES}}
    return ClimateDataStoreYears(**settings | changes)


ZIP = "era5-single-levels-monthly-means_2019_flux.zip"


def test_years_and_groups_are_files_of_their_own_that_the_reader_reads(
    store, fetcher, order, tmp_path
):
    rows = download([(fetcher, order)], tmp_path)
    folder = tmp_path / "ERA5"
    names = [f"era5-single-levels-monthly-means_{y}_{g}.zip" for y in (2019, 2020)
             for g in ("state", "flux")]  # fmt: skip
    assert [row["file"] for row in rows] == names
    assert sorted(p.name for p in folder.glob("*.zip")) == sorted(names)

    asked = list(store.jobs.values())
    assert [a["year"] for a in asked] == [["2019"], ["2019"], ["2020"], ["2020"]]
    assert asked[0]["variable"] == list(STATES)
    assert asked[1]["variable"] == list(FLUXES)
    assert asked[0]["dataset"] == "reanalysis-era5-single-levels-monthly-means"
    assert asked[0]["product_type"] == ["monthly_averaged_reanalysis"]
    assert len(asked[0]["month"]) == 12

    from uflux_kedro.readers import read_cube

    cube = read_cube("era5", sorted(folder.glob("*.zip")))
    assert cube.sizes["time"] == 24
    assert set(cube.data_vars) >= {"TA", "TD", "TS", "PA", "SW_IN", "LW_IN", "P", "U", "V"}
    assert float(cube.SW_IN.max()) == pytest.approx(1.728e7 / 86400, rel=0.01)


def test_a_second_run_asks_for_nothing(store, fetcher, tmp_path):
    download([(fetcher, one())], tmp_path)
    (row,) = download([(fetcher, one())], tmp_path)
    assert row["action"] == "kept"
    assert len(store.jobs) == 1
    entry = json.loads((tmp_path / "ERA5" / "manifest.json").read_text())["files"][ZIP]
    assert entry["request"]["year"] == ["2019"]
    assert entry["dataset"] == "reanalysis-era5-single-levels-monthly-means"
    assert entry["size"] == len(archive(next(iter(store.jobs.values()))))


def test_another_request_for_the_same_file_is_noticed(store, fetcher, tmp_path):
    download([(fetcher, one())], tmp_path)
    europe = one(area=(72, -25, 34, 45))
    with pytest.raises(InputError, match=ZIP):
        download([(fetcher, europe)], tmp_path)
    download([(fetcher, europe)], tmp_path, changed="refetch")
    assert [job.get("area") for job in store.jobs.values()] == [None, [72.0, -25.0, 34.0, 45.0]]


def test_a_broken_connection_is_resumed(store, fetcher, tmp_path):
    path = "/store/00000000-0000-0000-0000-000000000001.zip"
    store.faults[path] += [Broken(after=150_000)]
    download([(fetcher, one())], tmp_path)
    assert [a.status for a in store.requests_for(path)] == [200, 206]
    assert (tmp_path / "ERA5" / ZIP).read_bytes() == archive(next(iter(store.jobs.values())))


@pytest.mark.parametrize("damage", ["cut", "spoilt"])
def test_a_damaged_zip_is_refused(store, fetcher, tmp_path, damage):
    if damage == "cut":
        store.made = lambda request: archive(request)[:-50]
    else:
        store.faults["/store/00000000-0000-0000-0000-000000000001.zip"] += [Corrupted()]
    with pytest.raises(InputError, match="intact zip archive"):
        download([(fetcher, one())], tmp_path)
    assert not (tmp_path / "ERA5" / ZIP).exists()


def test_a_run_that_ends_at_the_last_moment_has_lost_nothing(store, fetcher, tmp_path, monkeypatch):
    def end(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Manifest, "add", end)
        with pytest.raises(KeyboardInterrupt):
            download([(fetcher, one())], tmp_path)
    store.received.clear()
    download([(fetcher, one())], tmp_path)
    assert (tmp_path / "ERA5" / ZIP).exists()
    assert not [a for a in store.received if a.path.startswith("/store/")]
    assert len(store.jobs) == 1


def test_a_request_that_fails_says_why(store, fetcher, tmp_path):
    store.fails = True
    with pytest.raises(InputError, match=f"{ZIP}.*none of it is available yet"):
        download([(fetcher, one())], tmp_path)


def test_a_wrong_key_is_named(store, tmp_path):
    fetcher = ClimateDataStoreFetcher(f"{store.address}/api", "wrong", QUICK)
    with pytest.raises(InputError, match="Authentication failed"):
        download([(fetcher, one())], tmp_path)


def test_without_credentials_nothing_is_begun(tmp_path):
    with pytest.raises(ConfigurationError, match="CDSAPI_KEY"):
        download([(ClimateDataStoreFetcher(), one())], tmp_path)


def test_without_the_package_the_extra_is_named(store, fetcher, monkeypatch):
    monkeypatch.setitem(sys.modules, "cdsapi", None)
    with pytest.raises(ConfigurationError, match=r"uflux_kedro\[era5\]"):
        fetcher.plan(one())


CHILD = """
import sys
from pathlib import Path
from uflux_kedro.downloads import ClimateDataStoreFetcher, ClimateDataStoreYears, download
order = ClimateDataStoreYears(
    first_year=2019, last_year=2019, variables={"flux": ["total_precipitation"]}
)
download([(ClimateDataStoreFetcher(sys.argv[1], sys.argv[2]), order)], Path(sys.argv[3]))
"""


@pytest.mark.parametrize("killed", ["in the queue", "in mid-file"])
def test_a_killed_run_waits_for_the_same_request_again(store, tmp_path, killed):
    path = "/store/00000000-0000-0000-0000-000000000001.zip"
    if killed == "in the queue":
        store.waits = 10**6
    else:
        store.faults[path] += [Stalled(after=150_000)]
    command = [sys.executable, "-c", CHILD, f"{store.address}/api", store.key, str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    part = tmp_path / "ERA5" / f"{ZIP}.part"
    until = time.monotonic() + 30

    def waits():
        if killed == "in mid-file":
            return size_of(part) < 2**16
        return not any(a.path.endswith("000001") for a in store.received)

    while waits() and time.monotonic() < until:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    kept = size_of(part)
    store.waits = 0
    assert not (tmp_path / "ERA5" / ZIP).exists()

    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(store.jobs) == 1, "the store is not asked twice"
    assert (tmp_path / "ERA5" / ZIP).read_bytes() == archive(next(iter(store.jobs.values())))
    last = store.requests_for(path)[-1]
    assert last.headers.get("Range") == (f"bytes={kept}-" if kept else None)


def test_a_request_that_the_store_has_forgotten_is_made_anew(store, fetcher, tmp_path):
    store.fails = True
    with pytest.raises(InputError):
        download([(fetcher, one())], tmp_path)
    store.fails = False
    forgotten = store.jobs.pop("00000000-0000-0000-0000-000000000001")
    store.jobs["00000000-0000-0000-0000-00000000000x"] = forgotten
    download([(fetcher, one())], tmp_path)
    assert (tmp_path / "ERA5" / ZIP).exists()
