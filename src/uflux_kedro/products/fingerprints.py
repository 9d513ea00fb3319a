"""Fingerprints of drivers, which tell whether a region's inputs have changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from uuid import uuid4

import numpy as np
import xarray as xr

from uflux_kedro.files import sha256
from uflux_kedro.products.integrity import chunk_keys
from uflux_kedro.products.zarr_reads import with_direct_arrays

SOURCES = "sources"
"""Attribute of drivers computed as they are read: the fingerprint of their sources."""

STORES = "source_stores"
"""Part of the encoding of such drivers: the stores of their sources and these stores' fingerprints."""


@dataclass(frozen=True)
class StoredDrivers:
    """Drivers in a Zarr store, opened by each worker, without dask.

    Attributes:
        url: The store.
        first: Index of the first period.
        last: Index after the last one.
        production: Key of the production in the cache of opened stores: a store may be replaced
            between two productions of one process.
    """

    url: str
    first: int
    last: int
    production: str

    def open(self) -> xr.Dataset:
        """Open the drivers lazily."""
        return _open(self.url, self.production).isel(time=slice(self.first, self.last))


@lru_cache(maxsize=4)
def _open(url: str, production: str) -> xr.Dataset:
    del production  # a key of the cache only
    # Without xarray's own cache, in which memory would grow with every region.
    opened = xr.open_dataset(url, engine="zarr", chunks=None, cache=False, consolidated=False)
    return with_direct_arrays(opened, url)


def stored(drivers: xr.Dataset, names: Sequence[str]) -> StoredDrivers | None:
    """Return the store from which drivers were opened.

    None if they were not opened from one, or changed since by more than a selection in time: then
    the store does not have their values.

    Args:
        drivers: The drivers.
        names: Variables that are read.
    """
    url = drivers.encoding.get("source")
    if url is None or not all(_unchanged(drivers[n].variable, n) for n in names):
        return None
    production = uuid4().hex
    store = _open(str(url), production)
    axes = [dim for dim in ("latitude", "longitude", "y", "x") if dim in drivers.dims]
    if any(not drivers.indexes[a].equals(store.indexes[a]) for a in axes):
        return None
    first = store.indexes["time"].get_indexer(drivers.indexes["time"][:1])[0]
    last = first + drivers.sizes["time"]
    if first < 0 or not store.indexes["time"][first:last].equals(drivers.indexes["time"]):
        return None
    return StoredDrivers(str(url), int(first), int(last), production)


def _unchanged(variable: xr.Variable, name: str) -> bool:
    """Return whether a lazy variable is that of the store it was opened from, or a part of it.

    Values in memory may have been changed in place. Of dask's layers only those that open the
    variable and select from it leave the values as they are; xarray drops the encoding of whatever
    it computes without dask.
    """
    if variable._in_memory or "chunks" not in variable.encoding:
        return False
    layers = getattr(variable.chunks and variable.data.dask, "layers", ())
    kept = (f"original-open_dataset-{name}-", f"open_dataset-{name}-", "getitem-")
    return all(layer.startswith(kept) for layer in layers)


class DriverFingerprints:
    """Fingerprints of the drivers of each region.

    For drivers in a store it covers the arrays' metadata and the checksums (in a remote store the
    ETags) of the chunks under a region, for drivers computed as they are read their sources, for
    others their values.

    Args:
        drivers: The drivers.
        names: Variables to cover; ``IGBP`` always is.

    Attributes:
        store: The store from which the drivers were opened, unless they were changed since.
    """

    def __init__(self, drivers: xr.Dataset, names: Sequence[str]) -> None:
        self._drivers = drivers
        self._names = [*dict.fromkeys([*names, "IGBP"])]
        self.store = stored(drivers, self._names)
        self._arrays: dict[str, _StoredArray] = {}
        if self.store is not None:
            self._arrays = {n: _StoredArray(self.store.url, n) for n in self._names}

    def of(self, region: Mapping[str, slice]) -> str:
        """Return the fingerprint of a region, given by index ranges along each axis."""
        if self.store is None:
            if SOURCES in self._drivers.attrs:
                return fingerprint(self._drivers.attrs[SOURCES])
            return values_fingerprint(self._drivers[self._names].isel(region))
        shift = self.store.first
        steps = slice(region["time"].start + shift, region["time"].stop + shift)
        return fingerprint([a.of({**region, "time": steps}) for a in self._arrays.values()])

    def changed(self) -> bool:
        """Return whether files that the drivers are read from were replaced since.

        Those that kept their size and date are not read again.
        """
        try:
            if self.store is not None:
                url = self.store.url
                return any(vars(a) != vars(_StoredArray(url, n)) for n, a in self._arrays.items())
            stores = self._drivers.encoding.get(STORES, {})
            return any(store_fingerprint(url) != known for url, known in stores.items())
        except OSError:  # such as a store that is gone
            return True


class _StoredArray:
    """One array of a store: its metadata and a stamp of each chunk."""

    def __init__(self, url: str, name: str) -> None:
        import fsspec

        fs, path = fsspec.core.url_to_fs(f"{url}/{name}")
        self._metadata = json.loads(fs.cat_file(f"{path}/zarr.json"))
        self._dims = self._metadata["dimension_names"]
        self._chunks = self._metadata["chunk_grid"]["configuration"]["chunk_shape"]
        self._path = path
        self._stamps = _stamps(fs, path)

    def of(self, region: Mapping[str, slice]) -> list[Any]:
        """Return the metadata and the stamps of the chunks under a region."""
        ranges = [
            range(region[dim].start // size, (region[dim].stop - 1) // size + 1)
            for dim, size in zip(self._dims, self._chunks, strict=True)
        ]
        keys = chunk_keys(ranges)
        return [self._metadata, *(self._stamps.get(f"{self._path}/{key}") for key in keys)]


def _stamps(fs: Any, path: str) -> dict[str, str]:
    """Return a stamp of each object below a path: its checksum, or a remote store's own."""
    found = fs.find(path, detail=True)
    if "file" in fs.protocol:
        with ThreadPoolExecutor() as pool:
            sums = pool.map(lambda k: file_checksum(k, found[k]["size"], found[k]["mtime"]), found)
            return dict(zip(found, sums, strict=True))
    return {key: _remote_stamp(info) for key, info in found.items()}


@cache
def file_checksum(path: str, size: int, date: float) -> str:
    """Return the SHA-256 of a file, cached while its size and date stay the same.

    Five fluxes share their drivers, whose files are read once for this.
    """
    return sha256(path)


def _remote_stamp(info: Mapping[str, Any]) -> str:
    when = info.get("ETag") or info.get("mtime") or info.get("created")
    return f"{info['size']} {when}"


def store_fingerprint(url: str) -> str:
    """Return the fingerprint of all objects of a store."""
    import fsspec

    fs, path = fsspec.core.url_to_fs(url)
    stamps = _stamps(fs, path)
    return fingerprint({key.removeprefix(path): stamp for key, stamp in stamps.items()})


def values_fingerprint(data: xr.Dataset) -> str:
    """Return the SHA-256 of the values of all variables."""
    digest = hashlib.sha256()
    for name in sorted(map(str, data.variables)):
        values = data[name].to_numpy()
        if values.dtype == object:
            values = values.astype(str)  # names: the bytes of an object array are addresses
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of a value as JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
