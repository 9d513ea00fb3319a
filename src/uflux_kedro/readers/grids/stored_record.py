"""A record of maps over files as a lazy array, whose means over time are made while unpacking."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal
from uuid import uuid4
from weakref import WeakValueDictionary

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from uflux_kedro.readers.grids.accumulations import refuse_rising_days
from uflux_kedro.readers.grids.guards import check_bounds
from uflux_kedro.readers.grids.stored_array import chunks_of_maps
from uflux_kedro.readers.grids.stored_maps import StoredMaps


@dataclass(frozen=True)
class Geometry:
    """Where the rows and columns of a cube are in its files.

    Attributes:
        rows: Stored row of each latitude.
        columns: Stored column of each longitude; -1 where there is none.
    """

    rows: np.ndarray
    columns: np.ndarray

    def arrange(self, maps: np.ndarray) -> np.ndarray:
        """Return stored maps (..., rows, columns) in the order of the cube."""
        arranged = maps[..., self.rows[:, None], self.columns]
        if (self.columns < 0).any():
            arranged[..., self.columns < 0] = np.nan
        return arranged

    def same(self, other: Geometry) -> bool:
        """Return whether another one is the same."""
        return np.array_equal(self.rows, other.rows) and np.array_equal(self.columns, other.columns)


@dataclass(frozen=True, eq=False)
class StoredRecord:
    """Maps of a variable over files, in order of time; what dask reads its blocks from.

    Attributes:
        pieces: The maps by file.
        geometry: Where their rows and columns are.
        times: Stored times (n,), datetime64.
        rate: Sums of an hour or since 00 UTC that become means of the hour that starts at each time; None
            if they are no sums. See :func:`accumulations.rates`.
        where: Files, for messages.
    """

    pieces: tuple[StoredMaps, ...]
    geometry: Geometry
    times: np.ndarray
    rate: Literal["hour", "day"] | None = None
    where: str = ""

    @cached_property
    def starts(self) -> np.ndarray:
        """Number of the first map of each file, and of all maps."""
        return np.cumsum([0, *(piece.chunks.shape[0] for piece in self.pieces)])

    @cached_property
    def hours(self) -> np.ndarray:
        """Hour of each stored time."""
        return pd.DatetimeIndex(self.times).hour.to_numpy()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (time, latitude, longitude)."""
        return len(self.times), self.geometry.rows.size, self.geometry.columns.size

    ndim = 3
    dtype = np.dtype(np.float32)

    def overlapping(self, first: int, last: int) -> list[tuple[StoredMaps, int, int]]:
        """Return the files of stored maps, with the first and last of each, counted in the file."""
        found = []
        for piece, start in zip(self.pieces, self.starts[:-1].tolist(), strict=True):
            low, high = max(first - start, 0), min(last - start, piece.chunks.shape[0])
            if low < high:
                found.append((piece, low, high))
        return found

    def values(self, first: int, last: int, rows: slice = slice(None)) -> np.ndarray:
        """Return maps in the order of the files, in the canonical unit, checked.

        Args:
            first: First time.
            last: Time after the last.
            rows: Stored rows that are wanted.

        Raises:
            InputError: If a file is damaged, or values are not what they should be.
        """
        if self.rate is None:
            return self._stored(first, last, rows)
        end = min(last + 1, len(self.times))
        begin = first + 1 if self.rate == "hour" else first
        stored = self._stored(begin, end, rows)
        hours = self.hours[begin:end]
        if self.rate == "hour":
            level = np.asarray(np.nansum(stored, axis=(1, 2), dtype=np.float64))
            refuse_rising_days(level, hours, self.pieces[0].variable, self.where)
            means = stored
        else:
            begun = np.where((hours[:-1] != 0)[:, None, None], stored[:-1], np.float32(0))
            means = stored[1:] - begun
        missing = last - first - len(means)
        if missing:  # the sum of the last hour would be stored at the next time
            unknown = np.full((missing, *stored.shape[1:]), np.nan, np.float32)
            means = np.concatenate([means, unknown])
        label = f"sum of the {self.rate}"
        return check_bounds(means, self.pieces[0].variable, self.where, label, "hour")

    def _stored(self, first: int, last: int, rows: slice) -> np.ndarray:
        parts = [piece.values(a, b, rows) for piece, a, b in self.overlapping(first, last)]
        if not parts:
            from_row, to_row, _ = rows.indices(self.pieces[0].chunks.shape[1])
            return np.empty((0, to_row - from_row, self.pieces[0].chunks.shape[2]), np.float32)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def __getitem__(self, key: Any) -> np.ndarray:
        keys = key if isinstance(key, tuple) else (key,)
        keys = (*keys, *(slice(None),) * (3 - len(keys)))
        times, latitudes = (np.arange(n)[k] for n, k in zip(self.shape, keys[:2], strict=False))
        if not times.size or not latitudes.size:
            return np.empty(self.shape, np.float32)[keys]
        first, rows = int(times.min()), self.geometry.rows[latitudes]
        low = int(rows.min())
        maps = self.values(first, int(times.max()) + 1, slice(low, int(rows.max()) + 1))
        arranged = Geometry(np.atleast_1d(rows - low), self.geometry.columns).arrange(maps)
        chosen = arranged[times - first]
        if not np.ndim(latitudes):
            chosen = chosen[..., 0, :]
        return chosen[..., keys[2]]


_RECORDS: WeakValueDictionary[str, StoredRecord] = WeakValueDictionary()
"""Name of a dask array -> the record that it reads, unchanged."""


def lazily_of(record: StoredRecord, most_times: int) -> da.Array:
    """Return a record as a dask array in blocks of whole maps, or bands of latitude."""
    name = f"maps-{uuid4().hex}"
    chunks = chunks_of_maps(record.shape, record.pieces[0].chunks.sizes[:2], most_times)
    array = da.from_array(record, chunks=chunks, name=name, asarray=False, fancy=False)
    _RECORDS[array.name] = record
    return array


def record_of(data: xr.DataArray) -> StoredRecord | None:
    """Return the record that a lazy array reads without any change, if there is one."""
    return _RECORDS.get(getattr(data.data, "name", ""))


def joined(parts: list[StoredRecord]) -> StoredRecord | None:
    """Return records of files as one; None if their rows and columns differ."""
    first = parts[0]
    shape = first.pieces[0].chunks.shape[1:]
    for part in parts:
        if not part.geometry.same(first.geometry) or part.pieces[0].chunks.shape[1:] != shape:
            return None
    times = np.concatenate([part.times for part in parts])
    return StoredRecord(sum((part.pieces for part in parts), ()), first.geometry, times)
