"""Direct writes of Zarr shards to a local disk, in the calling thread.

zarr-python passes every chunk of a shard between threads. For a map that takes longer than compressing
it. The bytes are the same.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs import Zstd
from numcodecs.checksum32 import CRC32C
from numpy.typing import NDArray

from uflux_kedro.files import replacing

_ABSENT = np.iinfo(np.uint64).max
"""Offset and length of a chunk of fill values, which is left out."""

_CRC = CRC32C(location="end")


def with_direct_writes(array: Any, url: str) -> Any:
    """Return something to assign values to, as to the array: its shards are written directly if they can.

    Args:
        array: The array, opened by zarr-python.
        url: Its store, Zarr v3.
    """
    if "://" in url or not DirectShards.supports(array):
        return array
    return DirectShards(array, Path(url) / array.name.lstrip("/"))


class DirectShards:
    """An array whose shards are files of chunks of numbers, compressed by zstd.

    Args:
        array: The array, opened by zarr-python, which writes whatever is not one whole shard.
        folder: Folder of the array.
    """

    def __init__(self, array: Any, folder: Path) -> None:
        self._array, self._folder = array, folder
        [sharding] = array.metadata.codecs
        self._shape = array.shards
        self._zstd = Zstd.from_config(sharding.codecs[1].to_dict()["configuration"])
        self._counts = tuple(n // c for n, c in zip(array.shards, array.chunks, strict=True))
        self._places = sorted(product(*map(range, self._counts)), key=self._morton)

    @staticmethod
    def supports(array: Any) -> bool:
        """Return whether the shards of an array are such files."""
        [*others, last] = array.metadata.codecs
        if others or type(last).__name__ != "ShardingCodec" or last.index_location.value != "end":
            return False
        names = [[type(c).__name__ for c in codecs] for codecs in (last.codecs, last.index_codecs)]
        return (
            names == [["BytesCodec", "ZstdCodec"], ["BytesCodec", "Crc32cCodec"]]
            and array.dtype.kind in "fi"
            and array.dtype.isnative
            and not array.config.write_empty_chunks
        )

    def __setitem__(self, where: tuple[slice, ...], values: NDArray) -> None:
        ranges = [range(*s.indices(n)) for s, n in zip(where, self._array.shape, strict=True)]
        whole = all(
            len(r) == n and r.step == 1 and r.start % n == 0
            for r, n in zip(ranges, self._shape, strict=True)
        )
        if not whole or values.shape != self._shape or values.dtype != self._array.dtype:
            self._array[where] = values
            return
        place = tuple(r.start // n for r, n in zip(ranges, self._shape, strict=True))
        path = self._folder / self._array.metadata.encode_chunk_key(place)
        content = self._encoded(values)
        if content is None:
            path.unlink(missing_ok=True)
            return
        with replacing(path) as temporary:
            temporary.write_bytes(content)

    def _encoded(self, values: NDArray) -> bytes | None:
        """Return the bytes of a shard; None if all its values are fill values."""
        index = np.full((*self._counts, 2), _ABSENT, dtype="<u8")
        parts: list[bytes] = []
        offset = 0
        for place in self._places:
            chunk = values[
                tuple(
                    slice(i * n, (i + 1) * n)
                    for i, n in zip(place, self._array.chunks, strict=True)
                )
            ]
            if self._empty(chunk):
                continue
            part = self._zstd.encode(np.ascontiguousarray(chunk))
            parts.append(part)
            index[place] = offset, len(part)
            offset += len(part)
        return b"".join([*parts, bytes(_CRC.encode(index))]) if parts else None

    def _empty(self, chunk: NDArray) -> bool:
        fill = self._array.fill_value
        return bool((np.isnan(chunk) if np.isnan(fill) else chunk == fill).all())

    def _morton(self, place: tuple[int, ...]) -> int:
        """Return the number of a chunk along the Z-order curve, along which zarr-python writes them."""
        bits = [(n - 1).bit_length() for n in self._counts]
        code = shift = 0
        for bit in range(max(bits, default=0)):
            for index, wanted in zip(place, bits, strict=True):
                if bit < wanted:
                    code |= (index >> bit & 1) << shift
                    shift += 1
        return code
