"""Stores in which damage is noticed: no chunk is left out, and each ends with its checksum.

Zarr takes an absent chunk for one of fill values, and a flipped bit for another number. Cubes are
therefore written with all their chunks, each followed by its CRC-32C (the codec ``crc32c`` of Zarr
v3), and sealed with a checksum of the metadata.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr
from numcodecs.checksum32 import CRC32C
from numpy.typing import NDArray
from zarr.storage import LocalStore

from uflux_kedro.errors import InputError

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

SEAL = "metadata_sha256"
"""Attribute of a sealed store: the SHA-256 of all metadata."""

_CURE = "Remove this folder and run again with --only-missing-outputs, which makes what is missing"
_METADATA = "zarr.json"
_CRC = CRC32C(location="end")


def payload(stored: Any | None, store: Path | str, array: str, chunk: str) -> NDArray:
    """Return the content of a chunk without its checksum.

    Args:
        stored: The chunk as it is stored; None if it is absent.
        store: The store, for the error message.
        array: Name of the array, likewise.
        chunk: Key of the chunk within the array, likewise.

    Raises:
        InputError: If the chunk is absent or was changed after it was written; names it and says
            what to do.
    """
    found = "no such file"
    if stored is not None:
        try:
            return _CRC.decode(stored)
        except (RuntimeError, ValueError) as error:
            found = f"a damaged one: {error}"
    raise InputError(
        store,
        f"{array}, chunk {chunk}",
        expected="a whole chunk with its checksum",
        found=found,
        hint=_CURE,
    )


class CheckedStore(LocalStore):
    """A store on a local disk that gives no chunk without a check by :func:`payload`."""

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return an object; None if there is none and it is no chunk."""
        return self._checked(key, await super().get(key, prototype, byte_range))

    def get_sync(
        self,
        key: str,
        *,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return an object; None if there is none and it is no chunk."""
        return self._checked(key, super().get_sync(key, prototype=prototype, byte_range=byte_range))

    def _checked(self, key: str, found: Buffer | None) -> Buffer | None:
        array, slash, chunk = f"{key}/".partition("/c/")
        if slash:
            stored = None if found is None else found.as_numpy_array()
            payload(stored, self.root, array, f"c/{chunk}".strip("/"))
        return found

    def __dask_tokenize__(self) -> tuple[str, int]:
        # As for a path: what is written there later is something else.
        return str(self.root), (self.root / _METADATA).stat().st_mtime_ns


def open_sealed(folder: Path) -> xr.Dataset:
    """Open a sealed store lazily; each chunk is checked whenever it is read.

    Raises:
        InputError: If the store is not sealed or its metadata are damaged, and later if a chunk is
            absent or damaged.
    """
    require_sealed(folder)
    store = CheckedStore(folder, read_only=True)
    cube = xr.open_zarr(store, chunks={}, consolidated=False, zarr_format=3)
    cube.encoding["source"] = os.path.abspath(folder)  # as if opened by its path
    del cube.attrs[SEAL]
    return cube


def seal(folder: Path) -> None:
    """Write the checksum of a complete store's metadata into its attributes."""
    group = json.loads((folder / _METADATA).read_text())
    attributes = {**group.get("attributes", {}), SEAL: _metadata_checksum(folder, group)}
    (folder / _METADATA).write_text(json.dumps(group | {"attributes": attributes}, indent=2))


def require_sealed(folder: Path) -> None:
    """Check that a store is sealed and its metadata are those that were sealed.

    Raises:
        InputError: If not; says what to do.
    """
    found = "other metadata: a file of them is damaged or absent"
    try:
        group = json.loads((folder / _METADATA).read_text())
        known = group["attributes"][SEAL]
        if known == _metadata_checksum(folder, group):
            return
    except (FileNotFoundError, NotADirectoryError):
        found = "none"
    except (AttributeError, KeyError, TypeError):
        found = "one without: an earlier version wrote it, or it is damaged"
    except ValueError as error:  # of JSON or UTF-8
        found = f"damaged metadata: {error}"
    raise InputError(folder, None, expected="a Zarr store with checksums", found=found, hint=_CURE)


def absent_chunks(folder: Path) -> list[str]:
    """Return the chunks that are not in a sealed store, such as ``TA/c/3/0/0``."""
    absent = []
    for metadata in sorted(folder.glob(f"*/{_METADATA}")):
        array = json.loads(metadata.read_text())
        sizes = array["chunk_grid"]["configuration"]["chunk_shape"]
        counts = [-(-n // size) for n, size in zip(array["shape"], sizes, strict=True)]
        keys = chunk_keys([range(count) for count in counts])
        absent += [
            f"{metadata.parent.name}/{key}" for key in keys if not (metadata.parent / key).is_file()
        ]
    return absent


def chunk_keys(places: Sequence[Iterable[int]]) -> Iterator[str]:
    """Yield the keys of chunks within an array, such as ``c/3/0/0``.

    Args:
        places: Places of the chunks along each axis.
    """
    return ("/".join(map(str, ("c", *place))) for place in product(*places))


def _metadata_checksum(folder: Path, group: Any) -> str:
    """Return the SHA-256 of the metadata of the arrays, and of the group but for its seal."""
    attributes = {k: v for k, v in group.get("attributes", {}).items() if k != SEAL}
    digest = hashlib.sha256(json.dumps(group | {"attributes": attributes}, sort_keys=True).encode())
    for array in sorted(folder.glob(f"*/{_METADATA}")):
        digest.update(f"{array.parent.name}:".encode())
        digest.update(array.read_bytes())
    return digest.hexdigest()
