"""Regions of a product: parts that are written, marked and kept on their own."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from uflux_kedro.errors import InputError
from uflux_kedro.products.fields import OUTSIDE, Field
from uflux_kedro.products.fingerprints import values_fingerprint
from uflux_kedro.products.stac import write_record
from uflux_kedro.products.store import (
    CHECKSUM,
    FINISHED,
    UNFINISHED,
    ProductStore,
    product_checksum,
)

logger = logging.getLogger(__name__)

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class Region(NamedTuple):
    """A part of a product.

    Attributes:
        key: Its places along time and the grid's axes, such as ``5-1-0``.
        slices: Axis -> range of indices.
    """

    key: str
    slices: dict[str, slice]

    def inside(self, dims: Sequence[str]) -> tuple[slice, ...]:
        """Return the place of the region in a field with these dimensions."""
        return tuple(self.slices.get(dim, slice(None)) for dim in dims)


def all_regions(sizes: Mapping[str, int], shape: Mapping[str, int]) -> list[Region]:
    """Divide a product into regions.

    Args:
        sizes: Axis -> length; time comes first.
        shape: Axis -> length of a region.
    """
    counts = [range(-(-sizes[d] // shape[d])) for d in sizes]
    found = []
    for place in product(*counts):
        slices = {
            d: slice(i * shape[d], min((i + 1) * shape[d], sizes[d]))
            for d, i in zip(sizes, place, strict=True)
        }
        found.append(Region("-".join(map(str, place)), slices))
    return found


def coordinates_of(template: xr.Dataset) -> list[Any]:
    """Return what tells whether two templates have the same coordinates and attributes."""
    # As JSON, the areas of a globe's cells would take longer than a month's prediction.
    return [values_fingerprint(template), template.to_dict(data=False)]


def resume(
    store: ProductStore,
    template: xr.Dataset,
    fields: Sequence[Field],
    shape: Sequence[int],
    chunk: Sequence[int],
    layout: str,
    regions: Sequence[Region],
    fingerprints: Mapping[str, str],
) -> list[Region]:
    """Prepare a store for its regions, keeping those of an earlier run that are still right.

    Args:
        store: Store of the product; it is marked as unfinished.
        template: Coordinates, bounds and attributes, in memory.
        fields: Fields of the product.
        shape: Lengths of a region along time and the grid's axes.
        chunk: Lengths of a chunk.
        layout: Fingerprint of all this. A store with another one is written anew.
        regions: All regions.
        fingerprints: Key of a region -> fingerprint of its inputs.

    Returns:
        The regions to make.
    """
    if store.has_template() and store.marks().get("layout") == {"layout": layout}:
        store.set_status(UNFINISHED, **template.attrs)
        missing = _missing(store, regions, fingerprints)
        if len(missing) < len(regions):
            kept = len(regions) - len(missing)
            logger.info("%s: %d of %d regions are kept", store, kept, len(regions))
        return missing
    store.create(template, fields, shape, chunk)
    store.mark("layout", {"layout": layout})
    return list(regions)


def _missing(
    store: ProductStore, regions: Sequence[Region], fingerprints: Mapping[str, str]
) -> list[Region]:
    """Return the regions that are not finished, have other inputs now, or were damaged."""
    marks = store.marks()

    def valid(region: Region) -> bool:
        mark = marks.get(region.key, {})
        if mark.get("fingerprint") != fingerprints[region.key]:
            return False
        if intact(store, mark):
            return True
        logger.warning(
            "%s: region %s: its files do not match their checksums; it is made again",
            store,
            region.key,
        )
        return False

    with ThreadPoolExecutor(2) as pool:
        return [r for r, good in zip(regions, pool.map(valid, regions), strict=True) if not good]


def intact(store: ProductStore, mark: Mapping[str, Any]) -> bool:
    """Return whether the objects of a region have the checksums in its mark."""
    return store.checksums(list(mark["objects"])) == mark["objects"]


def write_region(
    store: ProductStore,
    arrays: Mapping[str, Any],
    fields: Sequence[Field],
    region: Region,
    grids: Mapping[str, NDArray],
    fingerprint: str,
) -> dict[str, Any]:
    """Write one region; its mark is written last.

    Args:
        store: Store of the product.
        arrays: Arrays of the store by field.
        fields: Fields of the product.
        region: The region.
        grids: Field -> its values.
        fingerprint: Fingerprint of the region's inputs.

    Returns:
        The mark.
    """
    store.unmark(region.key)
    for one in fields:
        arrays[one.name][region.inside(one.dims)] = grids[one.name]
    place = region.key.replace("-", "/")
    objects = [f"{f.name}/c/{'0/' * len(f.dims[:-3])}{place}" for f in fields]
    by_key = {f.key: grids[f.name] for f in fields}
    mark = {
        "fingerprint": fingerprint,
        "objects": store.checksums(objects),
        "cells": int(np.count_nonzero(by_key["count"])),
        "outside": int(np.count_nonzero(by_key["flag"] & OUTSIDE)),
    }
    store.mark(region.key, mark)
    return mark


def finish(store: ProductStore, regions: Sequence[Region]) -> dict[str, dict[str, Any]]:
    """Mark a product with all its regions as finished, and write its record next to it.

    Returns:
        The marks by region.
    """
    marks = store.marks()
    checksum = product_checksum({r.key: marks[r.key]["objects"] for r in regions})
    store.set_status(FINISHED, **{CHECKSUM: checksum})
    write_record(store)
    return marks


@contextmanager
def explained(store: ProductStore, finished: Callable[[], str]) -> Iterator[None]:
    """Say what to do if the disk is full or cannot be written.

    Args:
        store: Store of the product.
        finished: Returns how many regions are finished, such as ``3 of 12``.

    Raises:
        InputError: In place of the system's error.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (*_DISK_FULL, *_READ_ONLY):
            raise
        full = error.errno in _DISK_FULL
        raise InputError(
            store.url,
            None,
            expected="room for the product" if full else "a folder that can be written",
            found=str(error),
            hint=f"{finished()} regions are finished and kept. "
            f"{'Free some space' if full else 'Make it writable'} and start the run again",
        ) from error
