from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.readers import read_cube

rasterio = pytest.importorskip("rasterio", reason="needs the extra raster")
pytest.importorskip("rioxarray", reason="needs the extra raster")

SIDE = 8
WEST, NORTH = 600_000.0, 5_700_000.0
RED = np.linspace(0.02, 0.4, SIDE * SIDE).reshape(SIDE, SIDE)
NIR = RED[::-1] + 0.3


def write(path, values: np.ndarray, side: float, crs: str = "EPSG:32630"):
    path.parent.mkdir(parents=True, exist_ok=True)
    transform = rasterio.transform.from_origin(WEST, NORTH, side, side)
    with rasterio.open(
        path, "w", driver="GTiff", height=len(values), width=values.shape[1], count=1,
        dtype=values.dtype, crs=crs, transform=transform, tiled=True, blockxsize=16, blockysize=16,
    ) as file:  # fmt: skip
        file.write(values, 1)
    return path


def scene(folder, day: str, baseline: str = "0400", scl: np.ndarray | None = None, **kwargs):
    """A scene of level 2A with the names of the Copernicus archive."""
    product = f"S2A_MSIL2A_{day}T105631_N{baseline}_R094_T30UXC_{day}T170000.SAFE"
    name = f"T30UXC_{day}T105631"
    added = 1000 if int(baseline) >= 400 else 0
    scl = np.full((SIDE // 2, SIDE // 2), 4, dtype="uint8") if scl is None else scl
    bands = {"B04_10m": RED, "B08_10m": NIR, "B02_10m": RED / 2}
    paths = []
    for band, values in bands.items():
        stored = np.round(values * 10_000 + added).astype("uint16")
        stored[0, 0] = 0  # no data
        paths.append(
            write(folder / product / "IMG_DATA" / f"{name}_{band}.tif", stored, 10, **kwargs)
        )
    return [*paths, write(folder / product / "IMG_DATA" / f"{name}_SCL_20m.tif", scl, 20, **kwargs)]


@pytest.mark.parametrize("baseline", ["0209", "0400", "0510"])
def test_reflectance_whatever_the_baseline(tmp_path, baseline):
    cube = read_cube("sentinel2", scene(tmp_path, "20220701", baseline))
    assert cube["NIR"].dims == ("time", "y", "x")
    assert isinstance(cube["NIR"].data, da.Array)
    assert cube["NIR"].dtype == np.float32
    assert cube.attrs["crs"] == "EPSG:32630"
    # The file runs from north to south.
    for name, truth in {"RED": RED, "NIR": NIR, "BLUE": RED / 2}.items():
        values = cube[name][0].to_numpy()[::-1].ravel()
        np.testing.assert_allclose(values[1:], truth.ravel()[1:], atol=6e-5)
        assert np.isnan(values[0])
    assert cube.y.to_numpy()[[0, -1]].tolist() == [NORTH - 75, NORTH - 5]
    assert cube.indexes["time"].tolist() == [pd.Timestamp("2022-07-01")]
    assert cube.time_bnds.to_numpy()[0, 1] == np.datetime64("2022-07-02")


def test_cloud_shadow_and_snow_are_left_out(tmp_path):
    scl = np.array([[4, 5, 6, 7], [3, 8, 9, 10], [11, 1, 2, 0], [4, 4, 4, 4]], dtype="uint8")
    paths = scene(tmp_path, "20220701", scl=scl)
    kept = np.isin(scl, (4, 5, 6, 7)).repeat(2, 0).repeat(2, 1)
    kept[0, 0] = False
    cube = read_cube("sentinel2", paths)
    np.testing.assert_array_equal(~np.isnan(cube["RED"][0].to_numpy()[::-1]), kept)
    with_snow = read_cube("sentinel2", paths, clear=[4, 5, 6, 7, 11])
    assert int(with_snow["RED"].notnull().sum()) == kept.sum() + 4


def test_scenes_become_a_record(tmp_path):
    paths = [
        p
        for day in ("20220711", "20220701", "20210701")
        for p in scene(tmp_path, day, "0301" if day < "2022" else "0400")
    ]
    cube = read_cube("sentinel2", paths)
    assert [f"{t:%Y%m%d}" for t in cube.indexes["time"]] == ["20210701", "20220701", "20220711"]
    # The offset was introduced between the two scenes.
    np.testing.assert_allclose(cube["RED"][0], cube["RED"][2], atol=1e-6)


def test_without_a_baseline_the_offset_must_be_named(tmp_path):
    paths = []
    for path in scene(tmp_path, "20230701"):
        plain = tmp_path / "S2B_30UXC_20230701_0_L2A" / path.name
        plain.parent.mkdir(exist_ok=True)
        paths.append(path.rename(plain))
    with pytest.raises(InputError, match="expected the processing baseline in the name"):
        read_cube("sentinel2", paths)
    cube = read_cube("sentinel2", paths, offset=-1000)
    np.testing.assert_allclose(cube["NIR"][0, -1, 1:], NIR[0, 1:], atol=6e-5)
    with pytest.raises(InputError, match=r"(RED|NIR|BLUE): expected -0.02 to 1.6 1"):
        read_cube("sentinel2", paths, offset=-20000).load()


def test_what_a_scene_lacks_is_named(tmp_path):
    paths = scene(tmp_path, "20220701")
    with pytest.raises(InputError, match="expected B04, B08 and SCL of 2022-07-01; found B04, B08"):
        read_cube("sentinel2", [p for p in paths if "SCL" not in p.name and "B02" not in p.name])
    with pytest.raises(InputError, match="expected a band in the name"):
        read_cube("sentinel2", [tmp_path / "T30UXC_20220701T105631_TCI.tif"])
    with pytest.raises(InputError, match="expected at least one file"):
        read_cube("sentinel2", [])


def test_tiles_are_read_one_by_one(tmp_path):
    paths = scene(tmp_path, "20220701") + scene(tmp_path, "20220711", crs="EPSG:32631")
    with pytest.raises(
        InputError, match=r"expected the grid of .*found EPSG:32631.* Read each tile"
    ):
        read_cube("sentinel2", paths)


@pytest.mark.parametrize("kept", [0, 3, 200])
def test_damaged_rasters(tmp_path, kept):
    paths = scene(tmp_path, "20220701")
    paths[0].write_bytes(paths[0].read_bytes()[:kept])
    with pytest.raises(InputError, match="B04"):
        read_cube("sentinel2", paths).load()


def test_a_damaged_block_names_its_file(tmp_path):
    big = np.random.default_rng(0).integers(1200, 5000, (256, 256)).astype("uint16")
    scl = np.full((128, 128), 4, dtype="uint8")
    folder = tmp_path / "S2A_MSIL2A_20220701T105631_N0400_R094_T30UXC.SAFE"
    bands = {"B04": (big, 10), "B08": (big, 10), "SCL": (scl, 20)}
    paths = [write(folder / f"T30UXC_20220701_{b}.tif", v, s) for b, (v, s) in bands.items()]
    with rasterio.open(
        paths[0], "w", driver="GTiff", height=256, width=256, count=1, dtype="uint16",
        crs="EPSG:32630", transform=rasterio.transform.from_origin(WEST, NORTH, 10, 10),
        compress="deflate",
    ) as file:  # fmt: skip
        file.write(big, 1)
    content = bytearray(paths[0].read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    paths[0].write_bytes(content)
    cube = read_cube("sentinel2", paths)
    with pytest.raises(InputError, match=r"B04\.tif: RED: expected data that can be read"):
        cube["RED"].load()


def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch):
    paths = scene(tmp_path, "20220701")
    monkeypatch.setitem(__import__("sys").modules, "rioxarray", None)
    with pytest.raises(ConfigurationError, match=r"install uflux_kedro\[raster\]"):
        read_cube("sentinel2", paths)


def test_two_tiles_of_a_day_are_refused(tmp_path):
    paths = scene(tmp_path, "20220701")
    other = [
        write(Path(str(p).replace("T30UXC", "T31UCT")), np.ones((SIDE, SIDE), "uint16"), 10, "EPSG:32631")
        for p in paths
    ]  # fmt: skip
    with pytest.raises(
        InputError, match="B02: expected one scene of 2022-07-01; found a second scene"
    ):
        read_cube("sentinel2", [*paths, *other])
    mixed = [p for p in other if "B08" in p.name] + [p for p in paths if "B08" not in p.name]
    with pytest.raises(InputError, match="NIR: expected the grid of B04, EPSG:32630, 8 x 8 cells"):
        read_cube("sentinel2", mixed)
    mixed = [p for p in other if "SCL" in p.name] + [p for p in paths if "SCL" not in p.name]
    with pytest.raises(InputError, match="SCL: expected whole cells of the bands' grid"):
        read_cube("sentinel2", mixed)


def test_of_a_scene_as_it_is_delivered_the_finest_bands_are_read(tmp_path):
    paths = scene(tmp_path, "20220701")
    coarse = [
        write(Path(str(p).replace("_10m", f"_{m}m").replace("_20m", f"_{m}m")), values, m)
        for p in paths
        for m, side in ((60, 2), (20, SIDE // 2))
        for values in [np.full((side, side), 9, "uint16")]
        if not (m == 20 and "SCL" in p.name)
    ]
    expected = read_cube("sentinel2", paths)
    xr.testing.assert_identical(read_cube("sentinel2", [*coarse, *paths]), expected)
