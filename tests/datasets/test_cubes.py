"""Cubes in Zarr are written one chunk of time after the other and read back unchanged or not."""

from __future__ import annotations

import pickle

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from kedro.io import DatasetError

from uflux_kedro.datasets import ZarrCubeDataset
from uflux_kedro.errors import InputError

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


@pytest.fixture
def saved(tmp_path, cube):
    """A dataset with a cube that has names, and periods and a variable without any value."""
    cube = cube.compute().assign_coords(source=("source", np.array(["one", "other"], dtype=object)))
    cube["TA"][: 2 * CHUNK] = np.nan
    cube["P"] = cube["TA"] * np.nan
    dataset = ZarrCubeDataset(filepath=str(tmp_path / "cube.zarr"), chunks={"time": CHUNK})
    dataset.save(cube)
    return dataset, tmp_path / "cube.zarr"


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_every_chunk_is_written_and_any_reader_sees_the_same(saved):
    dataset, folder = saved
    places = {p.relative_to(folder).as_posix() for p in files_of(folder)}
    assert {f"{name}/c/{i}/0/0" for name in ("TA", "P") for i in range(3)} <= places
    plain = xr.open_zarr(folder, consolidated=False)
    xr.testing.assert_equal(dataset.load().compute(), plain.compute())


def test_any_lost_cut_or_changed_file_is_noticed(saved):
    """Every file in one of three ways, and random bits of random files."""
    dataset, folder = saved
    files = files_of(folder)
    rng = np.random.default_rng(0)
    harms = [(file, ("lost", "cut", "emptied")[i % 3]) for i, file in enumerate(files)]
    harms += [(file, "bit") for file in rng.choice(files, 40)]
    for file, harm in harms:
        content = file.read_bytes()
        if harm == "lost":
            file.unlink()
        elif harm == "cut":
            file.write_bytes(content[: -1 - int(rng.integers(len(content)))])
        elif harm == "emptied":
            file.write_bytes(b"")
        else:
            changed = bytearray(content)
            changed[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
            file.write_bytes(changed)
        with pytest.raises((DatasetError, InputError)) as caught:
            dataset.load().compute()
        message = str(caught.value)
        assert str(folder) in message, harm
        assert "Remove this folder and run again with --only-missing-outputs" in message
        array, _, chunk = file.relative_to(folder).as_posix().partition("/c/")
        if chunk:
            assert f"cube.zarr: {array}, chunk c/{chunk}: expected a whole chunk" in message
        assert dataset.exists() == (harm != "lost" if chunk else False)
        file.write_bytes(content)
    assert dataset.exists()
    dataset.load().compute()


def test_a_cube_without_checksums_is_made_again(saved, cube, caplog):
    dataset, folder = saved
    cube.compute().to_zarr(folder, mode="w", zarr_format=3, consolidated=False)
    assert not dataset.exists()
    assert "an earlier version wrote it" in caplog.text
    with pytest.raises(
        DatasetError, match="expected a Zarr store with checksums; found one without"
    ):
        dataset.load()


def test_lazy_cubes_are_checked_in_other_processes_too(saved):
    dataset, folder = saved
    lazy = pickle.loads(pickle.dumps(dataset.load()))
    xr.testing.assert_identical(lazy.compute(), dataset.load().compute())
    (folder / "TA" / "c" / "1" / "0" / "0").unlink()
    with pytest.raises(InputError, match="TA, chunk c/1/0/0: expected a whole chunk"):
        pickle.loads(pickle.dumps(lazy)).compute()


def test_a_replaced_cube_is_another_one_to_dask(saved):
    dataset, _ = saved
    before = dataset.load()
    dataset.save(before.compute() + 1)
    assert before["TA"].data.name != dataset.load()["TA"].data.name
