"""Direct, checked reads of Zarr arrays on a local disk, in the calling thread.

zarr-python passes every chunk between threads. For a map that takes longer than decoding it, and on
a busy machine many times as long.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numcodecs import blosc
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from uflux_kedro.products.integrity import payload

_DECODED = {"scale_factor", "add_offset", "missing_value", "_Unsigned"}
"""Attributes with which xarray decodes stored values, possibly without a change of type. (Time units
change the type.)"""


def with_direct_arrays(opened: xr.Dataset, url: str) -> xr.Dataset:
    """Return the dataset with those variables that :class:`DirectArray` supports read by it.

    Args:
        opened: As ``xarray.open_dataset`` opens the store without dask.
        url: The store, Zarr v3.
    """
    import zarr

    if "://" in url:
        return opened
    group: Any = zarr.open_group(url, mode="r")
    direct: dict[str, Any] = {}
    for name, variable in opened.data_vars.items():
        array = group[str(name)]
        if variable.dtype == array.dtype and DirectArray.supports(array):
            lazy = indexing.LazilyIndexedArray(DirectArray(array, Path(url) / str(name)))
            direct[str(name)] = variable.variable._replace(data=lazy)
    return opened.assign(direct)


class DirectArray(BackendArray):
    """An array whose chunks are files of numbers compressed by Blosc, with their checksums.

    All chunks must be there: one of fill values is written too.

    Args:
        array: The array, opened by zarr-python.
        folder: Folder of the array.
    """

    def __init__(self, array: Any, folder: Path) -> None:
        self.shape = array.shape
        self.dtype = array.dtype
        self._chunks = array.chunks
        self._key = array.metadata.encode_chunk_key
        self._folder = folder

    @staticmethod
    def supports(array: Any) -> bool:
        """Return whether the chunks of an array are such files, and not decoded further."""
        names = [type(codec).__name__ for codec in array.metadata.codecs]
        missing = array.attrs.get("_FillValue")
        return (
            names == ["BytesCodec", "BloscCodec", "Crc32cCodec"]
            and array.dtype.kind in "fi"
            and array.dtype.isnative
            and not _DECODED & set(array.attrs)
            and (missing is None or (array.dtype.kind == "f" and np.isnan(array.fill_value)))
        )

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self._read
        )

    def _read(self, key: tuple[int | slice, ...]) -> NDArray:
        ranges = [
            range(n)[k] if isinstance(k, slice) else range(int(k), int(k) + 1)
            for k, n in zip(key, self.shape, strict=True)
        ]
        if not all(ranges):
            wanted = [len(r) for r, k in zip(ranges, key, strict=True) if isinstance(k, slice)]
            return np.empty(wanted, self.dtype)
        box = self._box([(min(r[0], r[-1]), max(r[0], r[-1]) + 1) for r in ranges])
        # Apply the steps of slices; along an axis with a single index the box has one element.
        return box[tuple(slice(None, None, k.step) if isinstance(k, slice) else 0 for k in key)]

    def _box(self, edges: list[tuple[int, int]]) -> NDArray:
        """Return the elements of a box, given by its edges along each axis."""
        places = [
            range(low // size, (high - 1) // size + 1)
            for (low, high), size in zip(edges, self._chunks, strict=True)
        ]
        shape = tuple(high - low for low, high in edges)
        box = np.empty(shape, self.dtype) if np.prod([len(p) for p in places]) > 1 else None
        for place in product(*places):
            # Along each axis: where the chunk begins, and its part within the box.
            starts = [i * size for i, size in zip(place, self._chunks, strict=True)]
            wanted = [
                (max(low, start), min(high, start + size))
                for (low, high), start, size in zip(edges, starts, self._chunks, strict=True)
            ]
            inside = tuple(
                slice(a - start, b - start) for (a, b), start in zip(wanted, starts, strict=True)
            )
            values = self._chunk(place)[inside]
            if box is None:
                return values
            target = tuple(
                slice(a - low, b - low) for (a, b), (low, _) in zip(wanted, edges, strict=True)
            )
            box[target] = values
        assert box is not None
        return box

    def _chunk(self, place: tuple[int, ...]) -> NDArray:
        """Return a chunk, in full size also at the array's edge.

        Raises:
            InputError: If it is absent or damaged.
        """
        key = self._key(place)
        try:
            stored: bytes | None = (self._folder / key).read_bytes()
        except FileNotFoundError:
            stored = None
        content = payload(stored, self._folder.parent, self._folder.name, key)
        return np.frombuffer(blosc.decompress(content), self.dtype).reshape(self._chunks)
