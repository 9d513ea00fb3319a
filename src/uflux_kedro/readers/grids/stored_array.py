"""Dask arrays that read their blocks from a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError

VALUES_PER_CHUNK = 2**22
"""16 MiB in single precision: small compared with memory, large enough for dask tasks."""

_MOST_VALUES_PER_CHUNK = 2**25
"""Limit for blocks of whole maps where the chunks of the file hold many times."""


class Stored:
    """A variable of a file; errors while reading it name the file."""

    def __init__(self, path: Path, data: xr.DataArray) -> None:
        self._path = path
        self._data = data.variable
        self.name = str(data.name)
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim

    def __getitem__(self, key: Any) -> np.ndarray:
        try:
            return self._data[key].to_numpy()
        # The libraries that read files have no common exception.
        except Exception as error:
            raise InputError(
                self._path,
                self.name,
                expected="data that can be read",
                found=f"{type(error).__name__}: {error}",
                hint="The file is damaged: download it again",
            ) from error


def from_file(dataset: xr.Dataset, path: Path, most_times: int) -> xr.Dataset:
    """Make dask arrays of the variables of an open file.

    Blocks are whole maps and multiples of the file's chunks, so that no chunk is unpacked twice.
    If these chunks hold too many times, blocks are bands of latitude. Axes are reversed later, in
    memory, since netCDF libraries read a reversed or rolled axis element by element.

    Args:
        dataset: Opened without dask.
        path: Path of the file, for messages.
        most_times: Most times in a block.

    Returns:
        The same dataset; computing it raises InputError if the file is damaged.
    """
    lazy = {
        name: lazily(data, path, _chunks(data, most_times))
        for name, data in dataset.data_vars.items()
    }
    return dataset.assign(lazy)


def lazily(data: xr.DataArray, path: Path, chunks: tuple[int, ...]) -> xr.DataArray:
    """Make a dask array of one variable of an open file, in blocks of these sizes."""
    blocks = da.from_array(Stored(path, data), chunks=chunks, asarray=False, fancy=False)
    return data.copy(data=blocks)


def _chunks(data: xr.DataArray, most_times: int) -> tuple[int, ...]:
    kept = dict(zip(data.dims, data.encoding.get("chunksizes") or (), strict=False))
    sizes: Mapping[Any, int] = data.sizes
    shape = tuple(sizes.get(d, 1) for d in ("time", "latitude", "longitude"))
    together = (kept.get("time", 1), kept.get("latitude", 1))
    times, rows, _ = chunks_of_maps(shape, together, most_times)  # type: ignore[arg-type]
    chunks = dict(sizes) | {d: n for d, n in (("time", times), ("latitude", rows)) if d in sizes}
    return tuple(max(1, chunks[d]) for d in data.dims)


def chunks_of_maps(
    shape: tuple[int, int, int], stored: tuple[int, int], most_times: int
) -> tuple[int, int, int]:
    """Return the sizes of blocks of maps (time, latitude, longitude).

    Args:
        shape: Shape of all maps.
        stored: Times and rows of the file's chunks.
        most_times: Most times in a block.
    """
    n, rows, columns = shape
    times = max(1, min(most_times, VALUES_PER_CHUNK // max(1, rows * columns)))
    together = min(stored[0], n)
    times = min(max(times // max(together, 1), 1) * together, n)
    if times * rows * columns > _MOST_VALUES_PER_CHUNK:
        wanted = VALUES_PER_CHUNK // (times * columns)
        rows = min(max(wanted // stored[1], 1) * stored[1], rows)
    return times, rows, columns
