"""What drivers are, so that a change is noticed: by region where they lie in a store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product
from typing import Any
from uuid import uuid4

import numpy as np
import xarray as xr

from uflux_kedro.files import sha256
from uflux_kedro.products.zarr_reads import with_quick_arrays

SOURCES = "sources"
"""Attribute of drivers made as they are read: the identity of what they are made from."""


@dataclass(frozen=True)
class StoredDrivers:
    """Drivers in a Zarr store, opened where they are needed, without dask.

    Attributes:
        url: The store.
        first: Place of the first period that is wanted.
        last: Place after the last one.
        production: Whose they are; each opens the store anew, which may have been replaced while
            the process that reads it lives on.
    """

    url: str
    first: int
    last: int
    production: str

    def open(self) -> xr.Dataset:
        """The drivers, lazily."""
        return _open(self.url, self.production).isel(time=slice(self.first, self.last))


@lru_cache(maxsize=4)
def _open(url: str, production: str) -> xr.Dataset:
    del production  # the cache's matter
    # Were values kept, memory would grow with every region.
    found = xr.open_dataset(url, engine="zarr", chunks=None, cache=False, consolidated=False)
    return with_quick_arrays(found, url)


def stored(drivers: xr.Dataset) -> StoredDrivers | None:
    """The store of drivers that were opened from one and cut in time alone; None for others."""
    url = drivers.encoding.get("source")
    if url is None:
        return None
    production = uuid4().hex
    whole = _open(str(url), production)
    axes = [dim for dim in ("latitude", "longitude", "y", "x") if dim in drivers.dims]
    if any(not drivers.indexes[a].equals(whole.indexes[a]) for a in axes):
        return None
    first = whole.indexes["time"].get_indexer(drivers.indexes["time"][:1])[0]
    last = first + drivers.sizes["time"]
    if first < 0 or not whole.indexes["time"][first:last].equals(drivers.indexes["time"]):
        return None
    return StoredDrivers(str(url), int(first), int(last), production)


class Identity:
    """Tells regions' drivers apart from those of another time.

    Drivers in a store are known by their arrays' metadata and by the checksums (in a remote store
    the ETags) of the chunks under a region; drivers made as they are read by what they are made from; others by
    their values.

    Args:
        drivers: The drivers.
        names: Variables that count.
    """

    def __init__(self, drivers: xr.Dataset, names: Sequence[str]) -> None:
        self._drivers = drivers
        self._names = [*dict.fromkeys([*names, "IGBP"])]
        self._store = stored(drivers)
        self._arrays: dict[str, _StoredArray] = {}
        if self._store is not None:
            self._arrays = {n: _StoredArray(self._store.url, n) for n in self._names}

    def of(self, region: Mapping[str, slice]) -> str:
        """Identity of a region, given by places on each axis."""
        if self._store is None:
            if SOURCES in self._drivers.attrs:
                return fingerprint(self._drivers.attrs[SOURCES])
            return values_identity(self._drivers[self._names].isel(region))
        shift = self._store.first
        steps = slice(region["time"].start + shift, region["time"].stop + shift)
        return fingerprint([a.of({**region, "time": steps}) for a in self._arrays.values()])


class _StoredArray:
    """One array of a store: its metadata and what its chunks are."""

    def __init__(self, url: str, name: str) -> None:
        import fsspec

        fs, path = fsspec.core.url_to_fs(f"{url}/{name}")
        self._metadata = json.loads(fs.cat_file(f"{path}/zarr.json"))
        self._dims = self._metadata["dimension_names"]
        self._chunks = self._metadata["chunk_grid"]["configuration"]["chunk_shape"]
        self._path = path
        self._stamps = _stamps(fs, path)

    def of(self, region: Mapping[str, slice]) -> list[Any]:
        ranges = [
            range(region[dim].start // size, (region[dim].stop - 1) // size + 1)
            for dim, size in zip(self._dims, self._chunks, strict=True)
        ]
        keys = ("/".join(map(str, ("c", *place))) for place in product(*ranges))
        return [self._metadata, *(self._stamps.get(f"{self._path}/{key}") for key in keys)]


def _stamps(fs: Any, path: str) -> dict[str, str]:
    """What each object below a path is: its checksum, or what a remote store says of it."""
    found = fs.find(path, detail=True)
    if "file" in fs.protocol:
        with ThreadPoolExecutor() as pool:
            sums = pool.map(lambda k: _checksum(k, found[k]["size"], found[k]["mtime"]), found)
            return dict(zip(found, sums, strict=True))
    return {key: _remote_stamp(info) for key, info in found.items()}


@cache
def _checksum(path: str, size: int, date: float) -> str:
    """SHA-256 of a file; size and date are part of the key, so that a new file is read anew.

    Five fluxes share their drivers, whose files are read for this once.
    """
    return sha256(path)


def _remote_stamp(info: Mapping[str, Any]) -> str:
    when = info.get("ETag") or info.get("mtime") or info.get("created")
    return f"{info['size']} {when}"


def store_identity(url: str) -> str:
    """Identity of a whole store."""
    import fsspec

    fs, path = fsspec.core.url_to_fs(url)
    stamps = _stamps(fs, path)
    return fingerprint({key.removeprefix(path): stamp for key, stamp in stamps.items()})


def values_identity(data: xr.Dataset) -> str:
    """Identity of what all variables hold."""
    digest = hashlib.sha256()
    for name in sorted(map(str, data.variables)):
        values = data[name].to_numpy()
        if values.dtype == object:
            values = values.astype(str)  # names; the bytes of an object are its address
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def fingerprint(value: Any) -> str:
    """SHA-256 of what JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
