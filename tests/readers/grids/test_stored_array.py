"""Sizes of the blocks in which arrays wait in their files."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.stored_array import from_file


def blocks(times, rows, columns, pieces=None, most=12):
    """Sizes of blocks of an array that the file keeps in such pieces."""
    values = da.zeros((times, rows, columns), chunks=-1, dtype="float32")
    data = xr.DataArray(values, dims=("time", "latitude", "longitude"), name="TA")
    if pieces is not None:
        data.encoding["chunksizes"] = pieces
    found = from_file(data.to_dataset(), Path("f.nc"), most)["TA"].data
    return found.chunksize


@pytest.mark.parametrize(
    ("times", "pieces", "most", "expected"),
    [
        # A map of 2^20 values: four of them make the 2^22 of a block.
        (100, None, 12, (4, 1024, 1024)),
        (100, None, 3, (3, 1024, 1024)),
        (2, None, 12, (2, 1024, 1024)),
        # Whole pieces: three times, or ten since one piece is larger than a block.
        (100, (3, 64, 64), 12, (3, 1024, 1024)),
        (100, (2, 64, 64), 12, (4, 1024, 1024)),
        (100, (10, 64, 64), 12, (10, 1024, 1024)),
        # Up to 2^25 values, 32 maps; beyond, bands of latitude of whole pieces.
        (100, (32, 64, 64), 12, (32, 1024, 1024)),
        (100, (33, 64, 64), 12, (33, 64, 1024)),
        (100, (33, 50, 64), 12, (33, 100, 1024)),
        (100, (33, 500, 64), 12, (33, 500, 1024)),
        (100, (744, 16, 64), 12, (100, 32, 1024)),
    ],
)
def test_blocks_are_whole_pieces_of_the_file(times, pieces, most, expected):
    assert blocks(times, 1024, 1024, pieces, most) == expected


def test_a_map_larger_than_a_block_is_one():
    assert blocks(10, 3600, 7200) == (1, 3600, 7200)


def test_what_goes_wrong_in_reading_names_the_file():
    class Damaged(xr.backends.BackendArray):
        shape, dtype = (2, 2), np.dtype("float32")

        def __getitem__(self, key):
            raise RuntimeError("HDF error")

    lazy = xr.core.indexing.LazilyIndexedArray(Damaged())
    data = xr.Dataset({"TA": (("latitude", "longitude"), lazy)})
    waiting = from_file(data, Path("f.nc"), 12)
    with pytest.raises(InputError, match=r"f.nc: TA: expected data that can be read.*HDF error"):
        waiting.compute(scheduler="synchronous")
