"""Store of a product: a Zarr v3 group anywhere that fsspec reaches, and marks of finished regions.

The template is written first: the group's metadata and coordinates, without chunks. Regions follow,
one object per field, and after its objects each region's mark: the fingerprint of its inputs and the
objects' checksums. Marks are files in ``<name>.regions`` next to the group. Last, an attribute of the
group marks the product as finished; :meth:`ProductStore.open` refuses one that is not, or whose
objects differ from the marks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

import xarray as xr

from uflux_kedro.errors import InputError, without_secrets
from uflux_kedro.files import replacing
from uflux_kedro.products.fields import Field
from uflux_kedro.products.fingerprints import file_checksum, fingerprint

STATUS, FINISHED, UNFINISHED = "production_status", "finished", "unfinished"
CHECKSUM = "product_checksum"
_METADATA = "zarr.json"

_TEMPLATE, _GROUP = "template.json", "group.json"
"""Marks of the template's objects and of the finished group's metadata."""


@dataclass(frozen=True, repr=False)
class ProductStore:
    """Store of a product.

    Attributes:
        url: Folder of the Zarr group: a path, or a URL such as ``s3://bucket/GPP.zarr``.
        options: Options of the fsspec file system, such as credentials; not shown.
    """

    url: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"ProductStore({self})"

    def __str__(self) -> str:
        return without_secrets(self.url)

    def _reach(self) -> tuple[Any, str]:
        import fsspec

        fs, path = fsspec.core.url_to_fs(self.url, **self.options)
        return fs, path.rstrip("/")

    @property
    def is_local(self) -> bool:
        """Whether the store is on a disk of this machine."""
        return "://" not in self.url or self.url.startswith("file://")

    def _marks(self) -> tuple[Any, str]:
        fs, path = self._reach()
        return fs, f"{path.removesuffix('.zarr')}.regions"

    def group(self, mode: Literal["r", "r+"] = "r+") -> Any:
        """Open the Zarr group, for writing or only for reading."""
        import zarr

        return zarr.open_group(self.url, mode=mode, storage_options=dict(self.options) or None)

    def open(self, *, verified: bool = True) -> xr.Dataset:
        """Open the finished product lazily.

        Args:
            verified: Whether to compare its objects with the checksums in its marks first; of a
                remote store, which has checksums of its own, only that they exist.

        Raises:
            InputError: If there is no product, it is not finished, or an object is absent or
                damaged; names one of these.
        """
        status = self.status()
        if status != FINISHED:
            raise InputError(
                self.url,
                STATUS,
                expected="a finished product",
                found="none" if status is None else "an unfinished one",
                hint="Start the same run again: finished regions are kept",
            )
        damaged = self.damaged() if verified else []
        if damaged:
            raise InputError(
                self.url,
                damaged[0].replace("/c/", ", chunk c/", 1),
                expected="a product that agrees with its marks",
                found="a file that is absent or damaged, or of an earlier version"
                + (f", and {len(damaged) - 1} more" if damaged[1:] else ""),
                hint="Start the same run again: it makes these regions anew",
            )
        return xr.open_zarr(
            self.url, chunks={}, consolidated=False, storage_options=dict(self.options) or None
        )

    def status(self) -> str | None:
        """Return ``finished``, ``unfinished``, or None where there is no product."""
        fs, path = self._reach()
        fs.invalidate_cache()
        try:
            root = json.loads(fs.cat_file(f"{path}/{_METADATA}"))
        except (OSError, ValueError):
            return None
        return root.get("attributes", {}).get(STATUS, UNFINISHED)

    def set_status(self, status: str, **attributes: str) -> None:
        """Write the status, and further attributes, in one step."""
        fs, path = self._reach()
        root = json.loads(fs.cat_file(f"{path}/{_METADATA}"))
        found = root.setdefault("attributes", {})
        wanted = {**found, **attributes, STATUS: status}
        if wanted == found:
            return
        text = json.dumps(root | {"attributes": wanted}, indent=2)
        if status == FINISHED:
            marks = self._marks()[1]
            checksum = hashlib.sha256(text.encode()).hexdigest()
            self._write(f"{marks}/{_GROUP}", json.dumps({_METADATA: checksum}, indent=1))
        self._write(f"{path}/{_METADATA}", text)

    def _write(self, path: str, text: str) -> None:
        if self.is_local:
            with replacing(path) as temporary:
                temporary.write_text(text)
        else:
            self._reach()[0].pipe_file(path, text.encode())

    def remove(self) -> None:
        """Remove the product and its marks."""
        for fs, path in (self._marks(), self._reach()):
            if fs.exists(path):
                fs.rm(path, recursive=True)

    def create(
        self,
        template: xr.Dataset,
        fields: Sequence[Field],
        regions: Sequence[int],
        chunks: Sequence[int],
    ) -> None:
        """Write the template, replacing an earlier product.

        Args:
            template: Coordinates, bounds and attributes, in memory.
            fields: Fields; their last three dimensions are time and the grid's axes.
            regions: Shape of a region over these.
            chunks: Shape of a chunk; the chunks of a region share one object.
        """
        from zarr.codecs import ZstdCodec

        self.remove()
        template = template.assign_attrs({STATUS: UNFINISHED})
        template.to_zarr(
            self.url,
            mode="w",
            zarr_format=3,
            consolidated=False,
            storage_options=dict(self.options) or None,
        )
        group = self.group()
        for wanted in fields:
            leading = [template.sizes[dim] for dim in wanted.dims[:-3]]
            shape = (*leading, *(template.sizes[dim] for dim in wanted.dims[-3:]))
            region, chunk = (*leading, *regions), (*(1 for _ in leading), *chunks)
            group.create_array(
                wanted.name,
                shape=shape,
                dtype=wanted.dtype,
                shards=region if region != chunk else None,
                chunks=chunk,
                fill_value=wanted.empty,
                dimension_names=wanted.dims,
                attributes=_jsonable(wanted.attrs),
                # No byte shuffle: trees predict few distinct numbers. A higher level takes two to
                # three times as long and saves 2 % of the size.
                compressors=ZstdCodec(level=1),
            )
        layout = self.checksums(self._template_keys())
        fs, path = self._marks()
        fs.makedirs(path, exist_ok=True)
        self._write(f"{path}/{_TEMPLATE}", json.dumps(layout, indent=1, sort_keys=True))

    def _template_keys(self) -> list[str]:
        """Return all objects but the group's own; called before any region is written."""
        fs, path = self._reach()
        found = (str(PurePosixPath(key)).removeprefix(f"{path}/") for key in fs.find(path))
        return sorted(key for key in found if key != _METADATA)

    def has_template(self) -> bool:
        """Return whether there is a complete template."""
        fs, path = self._marks()
        try:
            layout = json.loads(fs.cat_file(f"{path}/{_TEMPLATE}"))
        except (OSError, ValueError):
            return False
        return self.status() is not None and self.checksums(list(layout)) == layout

    def damaged(self) -> list[str]:
        """Compare a finished product with its marks.

        Files that did not change since they were last compared are not read again.

        Returns:
            What is absent or differs: keys of objects such as ``GPP/c/5/1/0``, or the marks.
        """
        fs, path = self._marks()
        try:
            small = {
                key: checksum
                for name in (_TEMPLATE, _GROUP)
                for key, checksum in json.loads(fs.cat_file(f"{path}/{name}")).items()
            }
            made = json.loads(fs.cat_file(f"{self._reach()[1]}/{_METADATA}"))["attributes"][
                CHECKSUM
            ]
            regions = {k: mark["objects"] for k, mark in self.marks().items() if "objects" in mark}
            if product_checksum(regions) != made:
                return ["marks of regions"]
            large = {key: known for objects in regions.values() for key, known in objects.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return [f"marks ({type(error).__name__}: {error})"]
        found = self.checksums(list(small))
        if self.is_local:
            found |= self._known_checksums(list(large))
        else:
            store, root = self._reach()
            there = {key.removeprefix(f"{root}/") for key in store.find(root)}
            found |= {key: known if key in there else None for key, known in large.items()}
        return sorted(key for key, known in {**small, **large}.items() if found[key] != known)

    def _known_checksums(self, keys: Sequence[str]) -> dict[str, str | None]:
        """Return checksums like :meth:`checksums`, of unchanged files from a cache."""
        fs, path = self._reach()

        def checksum(key: str) -> str | None:
            try:
                info = fs.info(f"{path}/{key}")
            except FileNotFoundError:
                return None
            return file_checksum(info["name"], info["size"], info["mtime"])

        with ThreadPoolExecutor() as pool:
            return dict(zip(keys, pool.map(checksum, keys), strict=True))

    def checksums(self, keys: Sequence[str]) -> dict[str, str | None]:
        """Return the SHA-256 of objects of the group; None for a missing one."""
        fs, path = self._reach()

        def checksum(key: str) -> str | None:
            try:
                return hashlib.sha256(fs.cat_file(f"{path}/{key}")).hexdigest()
            except FileNotFoundError:
                return None

        if not self.is_local:
            fs.invalidate_cache()
            with ThreadPoolExecutor(8) as pool:
                return dict(zip(keys, pool.map(checksum, keys), strict=True))
        return {key: checksum(key) for key in keys}

    def marks(self) -> dict[str, dict[str, Any]]:
        """Return the marks by region; unreadable ones are ignored."""
        fs, path = self._marks()
        fs.invalidate_cache()
        found = {}
        for file in fs.find(path):
            name = PurePosixPath(file).name
            hidden = name in (_TEMPLATE, _GROUP) or name.startswith(".")
            if name.endswith(".json") and not hidden:
                try:
                    found[name.removesuffix(".json")] = json.loads(fs.cat_file(file))
                except (OSError, ValueError):
                    continue
        return found

    def mark(self, region: str, mark: Mapping[str, Any]) -> None:
        """Mark a region as finished."""
        _, path = self._marks()
        self._write(f"{path}/{region}.json", json.dumps(mark, indent=1, sort_keys=True))

    def unmark(self, region: str) -> None:
        """Remove a region's mark, before its objects are overwritten."""
        fs, path = self._marks()
        if fs.exists(f"{path}/{region}.json"):
            fs.rm(f"{path}/{region}.json")

    def size(self) -> int:
        """Return the bytes of all objects."""
        fs, path = self._reach()
        return int(fs.du(path))

    def write_beside(self, suffix: str, text: str) -> None:
        """Write a text file next to the group: the group's name with another suffix."""
        self._write(self._reach()[1].removesuffix(".zarr") + suffix, text)


def product_checksum(regions: Mapping[str, Mapping[str, str | None]]) -> str:
    """Return the checksum of a product.

    Args:
        regions: Region -> its objects' keys and checksums.
    """
    return fingerprint(regions)


def _jsonable(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v.tolist() if hasattr(v, "tolist") else v for k, v in attrs.items()}


def fast_encoding() -> dict[str, Any]:
    """Return the encoding of a variable that every flux reads: fast to decode, and checked.

    Compared with zstd, floats take half to two thirds of the time and no more space. Each chunk ends
    with its checksum, and chunks of fill values are written as well, since an absent one would not
    be known to be lost.
    """
    from zarr.codecs import BloscCodec, Crc32cCodec

    blosc = BloscCodec(cname="lz4", clevel=5, shuffle="shuffle")
    return checked_encoding() | {"compressors": (blosc, Crc32cCodec())}


def checked_encoding() -> dict[str, Any]:
    """Return the encoding of a coordinate: of any type, and checked."""
    from zarr.codecs import Crc32cCodec, ZstdCodec

    return {"compressors": (ZstdCodec(), Crc32cCodec()), "write_empty_chunks": True}
