"""Direct reads give the same values as zarr-python, and no others."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from uflux_kedro.errors import InputError
from uflux_kedro.products.store import fast_encoding
from uflux_kedro.products.zarr_reads import DirectArray, with_direct_arrays

SHAPE = (5, 7, 11)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Chunks that do not divide the axes evenly; one of them holds no value."""
    rng = np.random.default_rng(0)
    dims = ("time", "y", "x")
    real = rng.normal(size=SHAPE).astype("float32")
    real[rng.random(SHAPE) < 0.3] = np.nan
    real[2:4, :3, 8:] = np.nan
    cube = xr.Dataset(
        {
            "real": (dims, real, {"units": "degC"}),
            "lag": ("y", np.arange(7).astype("timedelta64[h]")),
            "counts": (dims, rng.integers(-9, 9, SHAPE).astype("int16")),
            "classes": (dims[1:], rng.integers(0, 17, SHAPE[1:]).astype("int8")),
            "packed": (dims, real),
            "other_codec": (dims, real),
            "unchecked": (dims, real),
        },
        {"time": np.arange(5), "y": np.arange(7.0)},
    )
    encoding = {n: fast_encoding() | {"chunks": (2, 3, 4)} for n in ("real", "counts", "packed")}
    encoding["lag"] = fast_encoding()
    encoding["classes"] = fast_encoding() | {"chunks": (3, 4)}
    encoding["unchecked"] = {"compressors": fast_encoding()["compressors"][:1]}
    encoding["packed"] |= {"dtype": "int16", "scale_factor": 0.01, "_FillValue": -9999}
    folder = tmp_path_factory.mktemp("store") / "cube.zarr"
    cube.to_zarr(folder, zarr_format=3, consolidated=False, encoding=encoding)
    return str(folder)


@pytest.fixture(scope="module")
def both(store):
    plain = xr.open_dataset(store, engine="zarr", chunks=None, cache=False, consolidated=False)
    return plain, with_direct_arrays(plain, store)


def test_only_checked_numbers_under_blosc_are_read_directly(both, monkeypatch):
    read = []
    monkeypatch.setattr(DirectArray, "_chunk", lambda self, place: read.append(self) or 1 / 0)
    _, quick = both
    for name in ("packed", "other_codec", "unchecked", "lag"):
        quick[name].load()
    assert not read
    for name in ("real", "counts", "classes"):
        with pytest.raises(ZeroDivisionError):
            quick[name].load()


def test_whole_arrays_are_the_same(both):
    plain, quick = both
    xr.testing.assert_identical(quick.copy().load(), plain.copy().load())


def indexers(size):
    return st.one_of(
        st.integers(-size, size - 1),
        # xarray itself fails on an empty slice with a negative step.
        st.slices(size).filter(lambda part: (part.step or 1) > 0 or range(size)[part]),
        st.lists(st.integers(0, size - 1), max_size=4),
    )


@given(st.tuples(*map(indexers, SHAPE)), st.sampled_from(["real", "counts"]))
def test_any_part_is_the_same(both, key, name):
    plain, quick = both
    part = dict(zip(("time", "y", "x"), key, strict=True))
    xr.testing.assert_identical(quick[name].isel(part).load(), plain[name].isel(part).load())


def test_a_chunk_without_any_value_is_written(store):
    assert (Path(store) / "real" / "c" / "1" / "0" / "2").is_file()


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (lambda chunk: chunk.unlink(), "no such file"),
        (lambda chunk: chunk.write_bytes(chunk.read_bytes()[:-9]), "a damaged one"),
        (lambda chunk: chunk.write_bytes(b""), "a damaged one"),
    ],
)
def test_a_lost_chunk_is_no_empty_one(store, tmp_path, harm, found):
    copy = tmp_path / "cube.zarr"
    shutil.copytree(store, copy)
    harm(copy / "real" / "c" / "1" / "0" / "2")
    plain = xr.open_dataset(copy, engine="zarr", chunks=None, cache=False, consolidated=False)
    real = with_direct_arrays(plain, str(copy))["real"]
    real.isel(time=0).load()
    with pytest.raises(InputError, match=rf"cube\.zarr: real, chunk c/1/0/2: .*{found}"):
        real.isel(time=2).load()
