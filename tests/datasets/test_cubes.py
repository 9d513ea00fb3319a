"""Cubes in Zarr are written one chunk of time after the other and read back unchanged."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from kedro.io import DatasetError

from uflux_kedro.datasets import ZarrCubeDataset

PERIODS, CHUNK = 30, 12


@pytest.fixture
def cube():
    time = pd.date_range("2001-01-01", periods=PERIODS, freq="MS")
    values = np.random.default_rng(0).normal(size=(PERIODS, 4, 5)).astype("float32")
    return xr.Dataset(
        {
            "TA": (("time", "latitude", "longitude"), da.from_array(values, (1, 4, 5))),
            "IGBP": (("latitude", "longitude"), da.full((4, 5), 7.0, chunks=(2, 5))),
        },
        {
            "time": time,
            "latitude": np.arange(4.0),
            "longitude": np.arange(5.0),
            "time_bnds": (
                ("time", "bnds"),
                np.stack([time, time + pd.offsets.MonthBegin()], axis=1),
            ),
        },
        {"source": "a test"},
    )


@pytest.mark.parametrize("chunks", [{"time": CHUNK}, {"time": 1}, {"time": 100}, None])
@pytest.mark.parametrize("loaded", [False, True])
def test_what_is_saved_comes_back(tmp_path, cube, chunks, loaded):
    dataset = ZarrCubeDataset(filepath=str(tmp_path / "cube.zarr"), chunks=chunks)
    dataset.save(cube.compute() if loaded else cube)
    xr.testing.assert_identical(dataset.load().compute(), cube.compute())


@pytest.mark.parametrize("kept", [["IGBP"], ["TA"]])
def test_cubes_without_time_or_without_place(tmp_path, cube, kept):
    cube = cube[kept]
    dataset = ZarrCubeDataset(filepath=str(tmp_path / "cube.zarr"), chunks={"time": CHUNK})
    dataset.save(cube)
    xr.testing.assert_identical(dataset.load().compute(), cube.compute())


def test_chunks_of_time_are_computed_one_after_the_other(tmp_path, cube):
    """Memory holds one chunk, however long the record."""
    computed: list[int] = []

    def note(block: np.ndarray, block_info: dict) -> np.ndarray:
        computed.append(block_info[0]["chunk-location"][0])
        return block

    cube["TA"] = cube["TA"].copy(data=cube["TA"].data.map_blocks(note, dtype="float32"))
    ZarrCubeDataset(filepath=str(tmp_path / "cube.zarr"), chunks={"time": CHUNK}).save(cube)
    assert sorted(computed) == list(range(PERIODS)), "each once"
    stretches = [place // CHUNK for place in computed]
    assert stretches == sorted(stretches)


def test_a_failed_cube_keeps_the_old_one(tmp_path, cube):
    dataset = ZarrCubeDataset(filepath=str(tmp_path / "cube.zarr"), chunks={"time": CHUNK})
    dataset.save(cube)

    def fail(block: np.ndarray, block_info: dict) -> np.ndarray:
        if block_info[0]["chunk-location"][0] == PERIODS - 1:
            raise ValueError("a damaged file")
        return block * 2

    broken = cube.assign(TA=cube["TA"].copy(data=cube["TA"].data.map_blocks(fail, dtype="float32")))
    with pytest.raises(DatasetError, match="a damaged file"):
        dataset.save(broken)
    xr.testing.assert_identical(dataset.load().compute(), cube.compute())
    assert [p.name for p in tmp_path.iterdir()] == ["cube.zarr"]
