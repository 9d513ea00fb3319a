"""Arrays that stay in their file until dask asks for a block."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError

VALUES_PER_CHUNK = 2**22
"""16 MiB in single precision: small beside memory, large beside what a task costs."""

_MOST_VALUES_PER_CHUNK = 2**25
"""Where the file keeps many times in one piece, whole maps of them may be so large."""


class _Stored:
    """A variable of a file; what goes wrong as it is read names the file."""

    def __init__(self, path: Path, data: xr.DataArray) -> None:
        self._path = path
        self._data = data.variable
        self.name = str(data.name)
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim

    def __getitem__(self, key: Any) -> np.ndarray:
        try:
            return self._data[key].to_numpy()
        # The libraries beneath have no exception in common.
        except Exception as error:
            raise InputError(
                self._path,
                self.name,
                expected="data that can be read",
                found=f"{type(error).__name__}: {error}",
                hint="The file is damaged: fetch it again",
            ) from error


def from_file(dataset: xr.Dataset, path: Path, most_times: int) -> xr.Dataset:
    """Let the variables of an open file wait on dask.

    Blocks are whole maps, a multiple of what the file keeps in one piece, so that nothing is
    unpacked twice; where the file's own pieces hold too many times for that, they are bands of
    latitude. Axes are turned later, in memory: netCDF libraries read a turned or rolled axis
    element by element.

    Args:
        dataset: Opened without dask.
        path: Its file, for messages.
        most_times: Times of a block, at most.

    Returns:
        The same dataset; computing it raises InputError where the file is damaged.
    """
    lazy = {
        name: lazily(data, path, _chunks(data, most_times))
        for name, data in dataset.data_vars.items()
    }
    return dataset.assign(lazy)


def lazily(data: xr.DataArray, path: Path, chunks: tuple[int, ...]) -> xr.DataArray:
    """Let one variable of an open file wait on dask in blocks of these sizes."""
    blocks = da.from_array(_Stored(path, data), chunks=chunks, asarray=False, fancy=False)
    return data.copy(data=blocks)


def _chunks(data: xr.DataArray, most_times: int) -> tuple[int, ...]:
    kept = dict(zip(data.dims, data.encoding.get("chunksizes") or (), strict=False))
    sizes: Mapping[Any, int] = data.sizes
    cells = max(1, sizes.get("latitude", 1) * sizes.get("longitude", 1))
    chunks = dict(sizes)
    if "time" in sizes:
        times = max(1, min(most_times, VALUES_PER_CHUNK // cells))
        together = min(kept.get("time", 1), sizes["time"])
        chunks["time"] = min(max(times // together, 1) * together, sizes["time"])
        if chunks["time"] * cells > _MOST_VALUES_PER_CHUNK and "latitude" in sizes:
            rows = VALUES_PER_CHUNK // (chunks["time"] * sizes.get("longitude", 1))
            band = kept.get("latitude", 1)
            chunks["latitude"] = min(max(rows // band, 1) * band, sizes["latitude"])
    return tuple(max(1, chunks[d]) for d in data.dims)
