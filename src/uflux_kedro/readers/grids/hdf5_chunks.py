"""Chunks of HDF5 files, read by their place in the file and unpacked by a fast library.

The HDF5 library unpacks one chunk at a time with a lock held. By their places, chunks are read and
unpacked in as many threads as there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

_DEFLATE, _SHUFFLE = 1, 2
"""Numbers of the filters in HDF5."""


class UnreadableChunkError(Exception):
    """A chunk is damaged, or the file ends before it."""


@dataclass(frozen=True)
class Chunks:
    """Where the chunks of a variable (time, rows, columns) are in their file, and how they are packed.

    Attributes:
        path: The file.
        dtype: Type of the stored numbers.
        shape: Shape of the variable.
        sizes: Shape of a chunk; chunks at the ends of the axes have it too.
        places: First byte and number of bytes (chunks along time, rows, columns, 2).
        filters: Numbers of HDF5's filters, in the order in which they were applied.
    """

    path: Path
    dtype: np.dtype
    shape: tuple[int, int, int]
    sizes: tuple[int, int, int]
    places: np.ndarray
    filters: tuple[int, ...]

    @property
    def shuffled(self) -> bool:
        """Whether the first bytes of all numbers come first, then all second ones and so on."""
        return _SHUFFLE in self.filters

    def read(self, stream: BinaryIO, time: int, row: int, column: int) -> np.ndarray:
        """Return the bytes of one chunk, unpacked but still shuffled.

        Args:
            stream: The file, open.
            time: Number of the chunk along time.
            row: Number of the chunk along rows.
            column: Number of the chunk along columns.

        Raises:
            UnreadableChunkError: If the chunk is damaged, or the file ends before it.
        """
        import deflate

        first, length = self.places[time, row, column].tolist()
        full = int(np.prod(self.sizes)) * self.dtype.itemsize
        try:
            stream.seek(first)
            stored = stream.read(length)
            unpack = _DEFLATE in self.filters
            content = deflate.zlib_decompress(stored, full) if unpack else bytearray(stored)
        except (OSError, deflate.DeflateError) as error:
            raise UnreadableChunkError(f"{type(error).__name__}: {error}") from error
        if len(content) != full:
            raise UnreadableChunkError(f"{len(content)} bytes in a chunk of {full}")
        return np.frombuffer(content, dtype=np.uint8)


def locate(path: Path, names: list[str]) -> dict[str, Chunks]:
    """Locate the chunks of variables.

    Args:
        path: A netCDF-4 file.
        names: Names of variables (time, rows, columns).

    Returns:
        Chunks by name; without the variables that are stored in another way: contiguously, by
        other filters, with chunks that were never written, or in an order of bytes or a part of
        the format that is unknown here.
    """
    import pyfive

    found = {}
    # A file may have parts that the library does not know, and which the HDF5 library reads.
    try:
        with pyfive.File(str(path)) as file:
            for name in names:
                chunks = _chunks_of(path, file[name])
                if chunks is not None:
                    found[name] = chunks
    except Exception:
        return {}
    return found


def _chunks_of(path: Path, stored: object) -> Chunks | None:
    dataset = stored.id  # type: ignore[attr-defined]
    shape, sizes, dtype = dataset.shape, dataset.chunks, np.dtype(dataset.dtype)
    if sizes is None or len(shape) != 3 or not dtype.isnative or dtype.kind not in "fiu":
        return None
    filters = tuple(one["filter_id"] for one in dataset.filter_pipeline or ())
    if filters not in ((), (_DEFLATE,), (_SHUFFLE,), (_SHUFFLE, _DEFLATE)):
        return None
    numbers = tuple(-(-n // size) for n, size in zip(shape, sizes, strict=True))
    if dataset.get_num_chunks() != int(np.prod(numbers)):
        return None
    places = np.full((*numbers, 2), -1, dtype=np.int64)
    for number in range(dataset.get_num_chunks()):
        chunk = dataset.get_chunk_info(number)
        if chunk.filter_mask:  # a filter was skipped for this chunk
            return None
        places[tuple(o // s for o, s in zip(chunk.chunk_offset, sizes, strict=True))] = (
            chunk.byte_offset,
            chunk.size,
        )
    return (
        Chunks(path, dtype, shape, tuple(sizes), places, filters) if (places >= 0).all() else None
    )
