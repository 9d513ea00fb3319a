"""Downloads with Earth Engine's own client, from a fake Earth Engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

ee = pytest.importorskip("ee", reason="the extra earth_engine is not installed")
rasterio = pytest.importorskip("rasterio", reason="needs the extra raster")

from google.oauth2.credentials import Credentials  # noqa: E402

from tests.testing.engine_server import EarthEngine, Image  # noqa: E402
from tests.testing.servers import QUICK, Broken, Corrupted, Refused, Running, Stalled  # noqa: E402
from uflux_kedro.downloads import EarthEngineFetcher, EarthEngineImages, download  # noqa: E402
from uflux_kedro.errors import ConfigurationError, InputError  # noqa: E402
from uflux_kedro.readers import read_cube  # noqa: E402

COLLECTION = "COPERNICUS/S2_SR_HARMONIZED"
GRID = {
    "crs": "EPSG:32632", "resolution": 10,
    "west": 600_000, "south": 5_250_000, "east": 600_400, "north": 5_250_240,
}  # fmt: skip
WEST, SOUTH = GRID["west"], GRID["south"]
VEGETATION, CLOUD = 4, 9
LEVEL = {"B02": 300, "B04": 500, "B08": 3000}


def reflectance(band, x, y, step):
    """Return a value that is different for each cell, band and image."""
    return LEVEL[band] + step + np.floor((x - WEST) / 10) + 100 * (np.floor((y - SOUTH) / 10) % 3)


def scene(day: str, step: int, cloudy_from: float, extent=(0, 0, 1e6, 1e7)) -> Image:
    """An image that is cloudy east of a place."""

    def at(band, x, y):
        beyond = (x < extent[0]) | (x > extent[2])
        cloud = x > cloudy_from
        if band == "SCL":
            values = np.where(cloud, CLOUD, VEGETATION)
        else:
            values = np.where(cloud, 9000, reflectance(band, x, y, step))
        return np.ma.masked_where(beyond, values)

    return Image(datetime.fromisoformat(f"{day}T10:36:00").replace(tzinfo=UTC), extent, at)


@pytest.fixture
def engine():
    far = scene("2022-07-09", 90, 0, extent=(0, 0, 1000, 1000))
    images = [
        scene("2022-07-01", 10, WEST + 300),
        scene("2022-07-06", 20, WEST + 200),
        scene("2022-07-06", 30, WEST + 200, extent=(WEST + 100, 0, 1e6, 1e7)),
        far,
        scene("2022-08-02", 40, WEST - 1),
        scene("2022-08-12", 50, WEST + 400),
    ]
    with Running(EarthEngine({COLLECTION: images})) as running:
        yield running


def connected(engine, tile: int = 2048, token: str | None = None) -> EarthEngineFetcher:
    credentials = Credentials(token or engine.token)
    return EarthEngineFetcher(engine.address, credentials, QUICK, tile)


@pytest.fixture
def fetcher(engine):
    return connected(engine)


def order(**changes) -> EarthEngineImages:
    settings = {
        "project": "my-project", "grid": GRID, "first": "2022-07-01", "last": "2022-07-31",
    }  # fmt: skip
    return EarthEngineImages(**settings | changes)


FIRST = "S2_SR_HARMONIZED_20220701_B02.tif"


def expected(cube, band: str, step: int) -> np.ndarray:
    x, y = np.meshgrid(cube.x, cube.y)
    return reflectance(band, x, y, step) / 10_000


def test_days_that_have_images_are_fetched_and_read(engine, fetcher, tmp_path):
    rows = download([(fetcher, order())], tmp_path)
    assert [row["file"] for row in rows] == [
        f"S2_SR_HARMONIZED_202207{day}_{band}.tif"
        for day in ("01", "06")
        for band in ("B02", "B04", "B08", "SCL")
    ]
    cube = read_cube("sentinel2", sorted((tmp_path / "S2").glob("*.tif")), offset=0)
    assert cube.attrs["crs"] == "EPSG:32632"
    assert cube.indexes["time"].equals(pd.DatetimeIndex(["2022-07-01", "2022-07-06"]))
    assert cube.sizes == {"time": 2, "y": 24, "x": 40, "bnds": 2}
    assert (float(cube.x[0]), float(cube.y[0])) == (WEST + 5, SOUTH + 5)
    for name, band in (("BLUE", "B02"), ("RED", "B04"), ("NIR", "B08")):
        first, second = cube[name].to_numpy()
        np.testing.assert_allclose(
            first, np.where(cube.x > WEST + 300, np.nan, expected(cube, band, 10)), atol=1e-6
        )
        # Of two images of a day the later one lies on top, where it is.
        on_top = np.where(cube.x > WEST + 100, expected(cube, band, 30), expected(cube, band, 20))
        np.testing.assert_allclose(second, np.where(cube.x > WEST + 200, np.nan, on_top), atol=1e-6)


def test_months_are_composites_of_clear_pixels(engine, fetcher, tmp_path):
    clear = {"band": "SCL", "classes": [4, 5]}
    months = order(step="month", reducer="median", clear=clear, last="2022-08-31")
    rows = download([(fetcher, months)], tmp_path)
    assert [row["file"] for row in rows][:1] == ["S2_SR_HARMONIZED_2022-07_B02.tif"]
    assert len(rows) == 8
    cube = read_cube("sentinel2", sorted((tmp_path / "S2").glob("*.tif")), offset=0, step="month")
    assert cube["time_bnds"].to_numpy().astype("M8[D]").astype(str).tolist() == [
        ["2022-07-01", "2022-08-01"],
        ["2022-08-01", "2022-09-01"],
    ]
    july, august = cube["RED"].to_numpy()
    x = cube.x.to_numpy() - WEST
    median = np.select(
        [x < 100, x < 200, x < 300],
        [expected(cube, "B04", 15), expected(cube, "B04", 20), expected(cube, "B04", 10)],
        np.nan,
    )
    np.testing.assert_allclose(july, median, atol=1e-6)
    np.testing.assert_allclose(august, expected(cube, "B04", 50), atol=1e-6)
    with rasterio.open(tmp_path / "S2" / "S2_SR_HARMONIZED_2022-07_SCL.tif") as raster:
        assert np.unique(raster.read(1)).tolist() == [0, VEGETATION]


def test_a_grid_larger_than_an_answer_is_put_together(engine, tmp_path):
    download([(connected(engine), order())], tmp_path / "whole")
    engine.expressions.clear()
    download([(connected(engine, tile=16), order())], tmp_path / "parts")
    sizes = [tuple(a["grid"]["dimensions"].values()) for a in engine.expressions if "grid" in a]
    assert sizes[:6] == [(16, 16), (16, 16), (8, 16), (16, 8), (16, 8), (8, 8)]
    for path in (tmp_path / "whole" / "S2").glob("*.tif"):
        with (
            rasterio.open(path) as whole,
            rasterio.open(tmp_path / "parts/S2" / path.name) as parts,
        ):
            np.testing.assert_array_equal(whole.read(1), parts.read(1))
            assert whole.transform == parts.transform


def test_a_busy_service_is_waited_for(engine, fetcher, tmp_path):
    engine.faults[engine.pixels] += [Refused(429, retry_after=0), Refused(503)]
    download([(fetcher, order(bands=("B02",), last="2022-07-01"))], tmp_path)
    assert (tmp_path / "S2" / FIRST).exists()
    assert [a.status for a in engine.requests_for(engine.pixels)] == [429, 503, 200]


def test_a_service_that_stays_broken_is_named(engine, fetcher, tmp_path):
    engine.faults[engine.pixels] += [Refused(500)] * (QUICK.retries + 1)
    with pytest.raises(InputError, match=rf"Earth Engine, {FIRST}: expected a response"):
        download([(fetcher, order())], tmp_path)
    assert len(engine.requests_for(engine.pixels)) == QUICK.retries + 1
    assert not list((tmp_path / "S2").glob("*.tif"))


def test_a_connection_that_breaks_is_asked_again(engine, fetcher, tmp_path):
    engine.faults[engine.pixels] += [Broken(after=300)]
    download([(fetcher, order(bands=("B02",), last="2022-07-01"))], tmp_path)
    with rasterio.open(tmp_path / "S2" / FIRST) as raster:
        assert raster.read(1).min() >= LEVEL["B02"]


def test_an_answer_that_is_no_image_is_asked_for_again(engine, fetcher, tmp_path):
    engine.faults[engine.pixels] += [Corrupted()]
    download([(fetcher, order(bands=("B02",), last="2022-07-01"))], tmp_path)
    assert len(engine.requests_for(engine.pixels)) == 2
    with rasterio.open(tmp_path / "S2" / FIRST) as raster:
        assert raster.read(1).min() >= LEVEL["B02"]


@pytest.mark.parametrize("kept", [0, 60, 700])
def test_a_truncated_image_never_becomes_a_file(engine, fetcher, tmp_path, kept):
    engine.made = lambda data: data[:kept]
    with pytest.raises(InputError, match=r"a GeoTIFF of 24 x 40 cells; found \d+ bytes"):
        download([(fetcher, order())], tmp_path)
    assert not list((tmp_path / "S2").glob("*.tif"))
    engine.made = lambda data: data
    download([(fetcher, order())], tmp_path)
    assert len(list((tmp_path / "S2").glob("*.tif"))) == 8
    assert not list((tmp_path / "S2").glob("*.part*"))


def test_a_second_run_computes_nothing(engine, tmp_path):
    download([(connected(engine), order())], tmp_path)
    engine.received.clear()
    rows = download([(connected(engine, tile=16), order())], tmp_path)
    assert {row["action"] for row in rows} == {"kept"}
    assert not engine.requests_for(engine.pixels)
    entry = json.loads((tmp_path / "S2" / "manifest.json").read_text())["files"][FIRST]
    assert entry["request"]["start"] == "2022-07-01"
    assert entry["dataset"] == COLLECTION


@pytest.mark.parametrize(
    "change", [{"grid": GRID | {"resolution": 20}}, {"reducer": "mean"}, {"fill": 7}]
)
def test_another_order_for_the_same_file_is_noticed(engine, fetcher, tmp_path, change):
    one = {"bands": ("B02",), "last": "2022-07-01"}
    download([(fetcher, order(**one))], tmp_path)
    with pytest.raises(InputError, match=FIRST):
        download([(fetcher, order(**one, **change))], tmp_path)
    (row,) = download([(fetcher, order(**one, **change))], tmp_path, changed="refetch")
    assert row["action"] == "fetched"


def test_no_images_is_an_error(fetcher, tmp_path):
    with pytest.raises(InputError, match=r"expected images of 2021-07-01 .*; found none"):
        download([(fetcher, order(first="2021-07-01", last="2021-07-31"))], tmp_path)


def test_what_the_service_refuses_is_said(fetcher, tmp_path):
    with pytest.raises(InputError, match="asset 'COPERNICUS/S3' not found"):
        download([(fetcher, order(collection="COPERNICUS/S3"))], tmp_path)
    with pytest.raises(InputError, match=r"'B99' did not match any bands"):
        download([(fetcher, order(bands=("B99",)))], tmp_path)
    with pytest.raises(InputError, match=r"permission to use project.*registered for Earth Engine"):
        download([(fetcher, order(project="another-project"))], tmp_path)


def test_a_wrong_token_is_named(engine, tmp_path):
    with pytest.raises(InputError, match=r"Earth Engine, .*refresh the access token"):
        download([(connected(engine, token="wrong"), order())], tmp_path)


def test_without_credentials_nothing_is_begun(engine, tmp_path, monkeypatch):
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="earthengine authenticate"):
        EarthEngineFetcher(engine.address, patience=QUICK).plan(order())
    assert not engine.received


def test_without_the_package_the_extra_is_named(fetcher, monkeypatch):
    monkeypatch.setitem(sys.modules, "ee", None)
    with pytest.raises(ConfigurationError, match=r"uflux_kedro\[earth_engine\]"):
        fetcher.plan(order())


CHILD = """
import json, sys
from pathlib import Path
from google.oauth2.credentials import Credentials
from uflux_kedro.downloads import EarthEngineFetcher, EarthEngineImages, download
url, token, folder, order = sys.argv[1:]
fetcher = EarthEngineFetcher(url, Credentials(token), tile=16)
download([(fetcher, EarthEngineImages(**json.loads(order)))], Path(folder))
"""


def test_a_killed_run_goes_on_with_the_file_it_was_at(engine, tmp_path):
    # Six parts a file: the tenth lies within the second file.
    for _ in range(9):
        engine.faults[engine.pixels].append(None)
    engine.faults[engine.pixels].append(Stalled(after=200))
    asked = order(bands=("B02", "B04"), last="2022-07-01").model_dump_json()
    command = [sys.executable, "-c", CHILD, engine.address, engine.token, str(tmp_path), asked]
    process = subprocess.Popen(command, env=os.environ, stderr=subprocess.PIPE)
    assert engine.stalled.wait(60)
    process.kill()
    process.communicate()
    folder = tmp_path / "S2"
    until = time.monotonic() + 5
    while not (folder / FIRST).exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert [p.name for p in folder.glob("*.tif")] == [FIRST]
    before = (folder / FIRST).stat().st_mtime_ns

    engine.received.clear()
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(engine.requests_for(engine.pixels)) == 6, "only the second file is made"
    assert (folder / FIRST).stat().st_mtime_ns == before
    assert len(list(folder.glob("*.tif"))) == 2
    assert not list(folder.glob("*.part*"))


def test_orders_that_cannot_be_met_are_refused():
    with pytest.raises(ValidationError, match="expected first"):
        order(last="2022-06-01")
    with pytest.raises(ValidationError, match="whole months"):
        order(step="month", last="2022-07-30")
    with pytest.raises(ValidationError, match="whole cells"):
        order(grid=GRID | {"resolution": 7})
