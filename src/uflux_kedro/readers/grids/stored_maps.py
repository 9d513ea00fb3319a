"""Maps of one variable in one netCDF-4 file, unpacked without the HDF5 library."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import BinaryIO

import numpy as np
import xarray as xr

from uflux_kedro.readers.grids.guards import check_bounds, open_netcdf, without_infinite
from uflux_kedro.readers.grids.hdf5_chunks import Chunks, UnreadableChunkError, locate
from uflux_kedro.readers.grids.map_kernels import add_maps, fill_maps
from uflux_kedro.readers.grids.periods import Step
from uflux_kedro.readers.grids.stored_array import Stored
from uflux_kedro.readers.units import to_canonical
from uflux_kedro.variables import VARIABLES

_KNOWN_ENCODING = {
    "dtype", "zlib", "szip", "zstd", "bzip2", "blosc", "shuffle", "complevel", "fletcher32", "contiguous",
    "chunksizes", "source", "original_shape", "preferred_chunks", "endian", "quantization",
    "significant_digits", "coordinates", "grid_mapping", "scale_factor", "add_offset", "_FillValue",
    "missing_value",
}  # fmt: skip
"""What xarray may say about a variable whose numbers are unpacked here as it does."""


@dataclass(frozen=True)
class Packing:
    """How numbers of a file become canonical values.

    Attributes:
        fills: Stored values that mean that a number is missing, in the stored type.
        numbers: Scale and offset of the file, factor and shift of the unit, in the precision of xarray.
    """

    fills: np.ndarray
    numbers: np.ndarray


@dataclass(frozen=True)
class StoredMaps:
    """The maps of a variable in a file.

    Attributes:
        chunks: Where they are.
        name: Name in the file.
        variable: Canonical name.
        unit: Unit that the file declares.
        step: Length of the periods.
        accumulated: Whether they are sums that still have to become rates, whose bounds are checked later.
        packing: How they are packed.
    """

    chunks: Chunks
    name: str
    variable: str
    unit: str
    step: Step
    accumulated: bool
    packing: Packing

    @property
    def path(self) -> Path:
        """The file."""
        return self.chunks.path

    def values(self, first: int, last: int, rows: slice = slice(None)) -> np.ndarray:
        """Return maps (times, rows, columns) in the order of the file, in the canonical unit.

        Args:
            first: First map.
            last: Map after the last.
            rows: Rows that are wanted.

        Raises:
            InputError: If the file is damaged, or values are out of bounds.
        """
        from_row, to_row, _ = rows.indices(self.chunks.shape[1])
        maps = np.empty((last - first, to_row - from_row, self.chunks.shape[2]), np.float32)
        try:
            self._fill(maps, first, from_row)
        except UnreadableChunkError:
            # The HDF5 library reads it, or says what is wrong.
            stored = Stored(self.path, open_netcdf(self.path)[self.name])
            found = to_canonical(
                stored[first:last, from_row:to_row], self.unit, VARIABLES[self.variable], self.path
            )
            maps = found.astype(np.float32)
        maps = without_infinite(maps, self.variable, str(self.path))
        if self.accumulated:
            return maps
        return check_bounds(maps, self.variable, str(self.path), self.unit, self.step)

    def _fill(self, maps: np.ndarray, first: int, from_row: int) -> None:
        to_row = from_row + maps.shape[1]
        with self.path.open("rb") as stream:
            for rows, columns, parts in self._tiles(first, first + len(maps)):
                low, high = max(rows.start, from_row), min(rows.stop, to_row)
                for number, begin, end in parts if low < high else ():
                    content = self._read(stream, number, rows, columns)
                    at = number * self.chunks.sizes[0] + begin - first
                    fill_maps(
                        content,
                        *self._layout(begin, columns.stop - columns.start),
                        (low - rows.start, high - rows.start),
                        (at, low - from_row, columns.start),
                        maps,
                        end - begin,
                    )

    def add(
        self,
        first: int,
        plan: tuple[np.ndarray, np.ndarray, np.ndarray],
        previous: np.ndarray,
        limits: np.ndarray,
        into: tuple[np.ndarray, np.ndarray, np.ndarray],
    ) -> int:
        """Add maps to sums over spans of time; see :func:`map_kernels.add_maps`.

        Args:
            first: First map; their number is that of the plan.
            plan: Span, weight, and whether the map before is subtracted (empty if never), of each map.
            previous: The map before the first; afterwards the last.
            limits: Lowest and highest allowed value.
            into: Sums and weights of missing values (spans, rows, columns), and the sum of each
                map (empty if not wanted); changed.

        Returns:
            Number of values outside the limits.

        Raises:
            UnreadableChunkError: If a chunk is damaged.
        """
        spans, weights, since = plan
        sums, missing, levels = into
        outside = 0
        with self.path.open("rb") as stream:
            for rows, columns, parts in self._tiles(first, first + len(spans)):
                for number, begin, end in parts:
                    content = self._read(stream, number, rows, columns)
                    at = number * self.chunks.sizes[0] + begin - first
                    now = slice(at, at + end - begin)
                    outside += add_maps(
                        content,
                        *self._layout(begin, columns.stop - columns.start),
                        rows.stop - rows.start,
                        (rows.start, columns.start),
                        np.empty(columns.stop - columns.start, np.float32),
                        spans[now], weights[now], since[now], previous, limits,
                        sums, missing, levels[now],
                    )  # fmt: skip
        return outside

    def _read(self, stream: BinaryIO, number: int, rows: slice, columns: slice) -> np.ndarray:
        _, high, wide = self.chunks.sizes
        return self.chunks.read(stream, number, rows.start // high, columns.start // wide)

    def _layout(self, first: int, width: int) -> tuple[object, ...]:
        dtype = self.chunks.dtype
        words = np.empty(width, f"u{dtype.itemsize}")
        return (
            self.chunks.shuffled, self.chunks.sizes, first,
            words, words.view(dtype), self.packing.fills, self.packing.numbers,
        )  # fmt: skip

    def _tiles(
        self, first: int, last: int
    ) -> Iterator[tuple[slice, slice, list[tuple[int, int, int]]]]:
        """Yield rows and columns of the chunks, and the number and used times of each along time."""
        long, high, wide = self.chunks.sizes
        _, n_rows, n_columns = self.chunks.shape
        parts = [
            (k, max(first - k * long, 0), min(last - k * long, long))
            for k in range(first // long, -(-last // long))
        ]
        for y, x in product(range(0, n_rows, high), range(0, n_columns, wide)):
            yield slice(y, min(y + high, n_rows)), slice(x, min(x + wide, n_columns)), parts


def packing_of(data: xr.DataArray, dtype: np.dtype, factor: float, shift: float) -> Packing | None:
    """Return how the numbers of an open variable are packed; None if it is not known exactly.

    Args:
        data: As decoded by xarray.
        dtype: Type in the file.
        factor: Factor of the conversion to the canonical unit.
        shift: Shift of it.
    """
    encoding = data.encoding
    if set(encoding) - _KNOWN_ENCODING or np.dtype(encoding.get("dtype", data.dtype)) != dtype:
        return None
    scale, offset = encoding.get("scale_factor"), encoding.get("add_offset")
    packed = scale is not None or offset is not None
    # In single precision xarray rounds between the steps of unpacking.
    if (packed and data.dtype != np.float64) or (not packed and data.dtype != dtype):
        return None
    fills = []
    for name in ("_FillValue", "missing_value"):
        for value in np.atleast_1d(encoding.get(name, [])):
            if not np.can_cast(value.dtype, dtype, "same_kind"):
                return None
            fills.append(value)
    numbers = (1.0 if scale is None else scale, 0.0 if offset is None else offset, factor, shift)
    return Packing(np.array(fills, dtype=dtype), np.array(numbers, dtype=data.dtype))


def located(dataset: xr.Dataset, path: Path, names: list[str]) -> dict[str, Chunks]:
    """Locate the chunks of variables on time, latitude and longitude; empty if any is unknown."""
    dims = ("time", "latitude", "longitude")
    if any(dataset[name].dims != dims for name in names):
        return {}
    found = locate(path, names)
    fits = all(name in found and found[name].shape == dataset[name].shape for name in names)
    return found if fits else {}
