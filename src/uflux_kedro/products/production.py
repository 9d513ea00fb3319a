"""Products of any size: made region by region, on any number of machines, and never twice.

What a region is made of (models, settings, its drivers) stands in its mark. A production that
starts again keeps the regions whose mark still holds and whose objects have the checksums that
the mark says, and makes the others.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr
from tqdm import tqdm

from uflux_kedro import __version__
from uflux_kedro.errors import InputError
from uflux_kedro.products.cf import field_attributes, finish_product
from uflux_kedro.products.execution import process_and_memory
from uflux_kedro.products.fields import LACKED, OUTSIDE, Field, label_coordinates, product_fields
from uflux_kedro.products.fingerprints import (
    Identity,
    StoredDrivers,
    fingerprint,
    stored,
    values_identity,
)
from uflux_kedro.products.kernel import check_drivers, predict_region
from uflux_kedro.products.plan import Made, Plan
from uflux_kedro.products.store import FINISHED, UNFINISHED, ProductStore

if TYPE_CHECKING:
    from uflux_kedro.models.fitted import FittedMember

logger = logging.getLogger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class _Region(NamedTuple):
    key: str
    slices: dict[str, slice]


@dataclass(frozen=True)
class _Work:
    """What a worker needs for every region."""

    members: Mapping[str, FittedMember]
    drivers: xr.Dataset | StoredDrivers
    fields: tuple[Field, ...]
    quantiles: tuple[float, ...]
    block_rows: int
    store: ProductStore
    fingerprints: Mapping[str, str]

    @cached_property
    def arrays(self) -> dict[str, Any]:
        """The product's arrays by field, opened once a worker."""
        group = self.store.group()
        return {field.name: group[field.name] for field in self.fields}


def produce(plan: Plan, store: ProductStore) -> Made:
    """Make a product, or what is missing of it.

    Args:
        plan: The product.
        store: Where it goes.

    Returns:
        What was done. The store is finished then.

    Raises:
        InputError: If the drivers lack something, the disk is full, or the target read-only;
            regions that are done are kept.
    """
    started = time.perf_counter()
    axes = check_drivers(plan.members, plan.drivers)
    dims = ("time", *axes)
    fields = tuple(
        replace(f, attrs=field_attributes(f.attrs, axes))
        for f in product_fields(
            plan.flux, axes, quantiles=plan.quantiles, keep_members=plan.keep_members
        )
    )
    sizes = {dim: plan.drivers.sizes[dim] for dim in dims}
    shape = {d: min(plan.regions.get(d, n), n) for d, n in sizes.items()}
    inner = {d: min(plan.chunks.get(d, n), n) for d, n in shape.items()}
    inner = {d: n if shape[d] % n == 0 else shape[d] for d, n in inner.items()}
    template = _template(plan, dims)
    layout = fingerprint(
        [plan.flux, sizes, shape, inner, [f.name for f in fields], _coordinates(template)]
    )
    regions = list(_regions(sizes, shape))
    names = [name for model in plan.members.values() for name in model.predictors]
    identity = Identity(plan.drivers, names)
    made_by = fingerprint([__version__, layout, _members(plan), list(plan.quantiles)])
    fingerprints = {r.key: fingerprint([made_by, identity.of(r.slices)]) for r in regions}
    missing = regions
    results: list[_Done] = []
    try:
        if store.has_template() and store.marks().get("layout") == {"layout": layout}:
            store.set_status(UNFINISHED, **template.attrs)
            missing = _missing(store, regions, fingerprints)
        else:
            store.create(template, fields, list(shape.values()), list(inner.values()))
            store.mark("layout", {"layout": layout})
        if len(missing) < len(regions):
            logger.info("%s: %d of %d regions are kept", store.url, len(regions) - len(missing), len(regions))  # fmt: skip
        work = _Work(
            plan.members,
            stored(plan.drivers) or plan.drivers,
            fields,
            tuple(plan.quantiles),
            plan.block_rows,
            store,
            fingerprints,
        )
        done = plan.execution.run(_make, work, missing)
        # To a terminal alone; elsewhere the log's last line says it.
        results.extend(tqdm(done, plan.flux, len(missing), unit="region", disable=None))
        marks = store.marks()
        checksum = fingerprint({r.key: marks[r.key]["objects"] for r in regions})
        store.set_status(FINISHED, product_checksum=checksum)
    except OSError as error:
        if error.errno not in (*_FULL, *_READ_ONLY):
            raise
        full = error.errno in _FULL
        kept = len(regions) - len(missing) + len(results)
        raise InputError(
            store.url,
            None,
            expected="room for the product" if full else "a place that can be written",
            found=str(error),
            hint=f"{kept} of {len(regions)} regions are kept; mend that and start the run again",
        ) from error
    return Made(
        made=len(missing),
        kept=len(regions) - len(missing),
        cells=sum(r.cells for r in results),
        all_cells=sum(marks[r.key]["cells"] for r in regions),
        lacked=sum(r.lacked for r in results),
        outside=sum(r.outside for r in results),
        seconds=time.perf_counter() - started,
        busy=(
            sum(r.reading for r in results),
            sum(r.predicting for r in results),
            sum(r.writing for r in results),
        ),
        size=store.size(),
        # Of each process the highest, which comes last.
        memory=sum(dict(sorted([*(r.used for r in results), process_and_memory()])).values()),
    )


def verify(store: ProductStore) -> list[str]:
    """Regions of a product whose objects are not those that were written."""
    marks = {key: mark for key, mark in store.marks().items() if "objects" in mark}
    return [k for k, mark in marks.items() if store.checksums(list(mark["objects"])) != mark["objects"]]  # fmt: skip


def _template(plan: Plan, dims: Sequence[str]) -> xr.Dataset:
    """Coordinates, bounds and attributes of the product."""
    # Latitude and longitude of every cell of a projection would be larger than a flux.
    wanted = {name: plan.drivers[name].variable for name in (*dims, "time_bnds")}
    crs = {k: v for k, v in plan.drivers.attrs.items() if k == "crs"}
    coords = xr.Dataset(wanted, attrs=crs).compute()
    members = list(plan.members) if plan.keep_members else []
    finished = finish_product(
        coords.assign_coords(label_coordinates(members, plan.quantiles)),
        title=plan.title or f"UFLUX ensemble: {plan.flux}",
        members=list(plan.members),
        parameters={"quantiles": list(plan.quantiles), "keep_members": plan.keep_members},
        checksums=dict(_members(plan)),
        institution=plan.institution,
    )
    return finished.drop_encoding()


def _coordinates(template: xr.Dataset) -> list[Any]:
    # Spelled out, the areas of a globe's cells would take longer than a month's prediction.
    return [values_identity(template), template.to_dict(data=False)]


def _members(plan: Plan) -> list[tuple[str, str]]:
    return [(name, str(model.card["checksum"])) for name, model in plan.members.items()]


def _regions(sizes: Mapping[str, int], shape: Mapping[str, int]) -> Iterator[_Region]:
    counts = [range(-(-sizes[d] // shape[d])) for d in sizes]
    for place in product(*counts):
        slices = {
            d: slice(i * shape[d], min((i + 1) * shape[d], sizes[d]))
            for d, i in zip(sizes, place, strict=True)
        }
        yield _Region("-".join(map(str, place)), slices)


def _missing(
    store: ProductStore, regions: Sequence[_Region], fingerprints: Mapping[str, str]
) -> list[_Region]:
    """Regions without a mark that holds, or whose objects are not those of the mark."""
    marks = store.marks()

    def holds(region: _Region) -> bool:
        mark = marks.get(region.key, {})
        if mark.get("fingerprint") != fingerprints[region.key]:
            return False
        if store.checksums(list(mark["objects"])) == mark["objects"]:
            return True
        logger.warning("%s: region %s is not what was written; it is made anew", store.url, region.key)  # fmt: skip
        return False

    with ThreadPoolExecutor(2) as pool:
        return [r for r, good in zip(regions, pool.map(holds, regions), strict=True) if not good]


class _Done(NamedTuple):
    cells: int
    lacked: int
    outside: int
    reading: float
    predicting: float
    writing: float
    used: tuple[str, float]


def _make(work: _Work, region: _Region, threads: int) -> _Done:
    """Predict and write one region; the mark comes last."""
    start = time.perf_counter()
    drivers = work.drivers.open() if isinstance(work.drivers, StoredDrivers) else work.drivers
    timing: dict[str, float] = {}
    grids = predict_region(
        work.members,
        drivers.isel(region.slices),
        work.fields,
        work.quantiles,
        n_jobs=threads,
        block_rows=work.block_rows,
        timing=timing,
    )
    predicted = time.perf_counter()
    work.store.unmark(region.key)
    for one in work.fields:
        inside = tuple(region.slices.get(dim, slice(None)) for dim in one.dims)
        work.arrays[one.name][inside] = grids[one.name]
    place = region.key.replace("-", "/")
    objects = [f"{f.name}/c/{'0/' * len(f.dims[:-3])}{place}" for f in work.fields]
    by_key = {f.key: grids[f.name] for f in work.fields}
    cells = int(np.count_nonzero(by_key["count"]))
    mark = {
        "fingerprint": work.fingerprints[region.key],
        "objects": work.store.checksums(objects),
        "cells": cells,
    }
    work.store.mark(region.key, mark)
    reading = timing.get("reading", 0.0)
    return _Done(
        cells=cells,
        lacked=int(np.count_nonzero(by_key["flag"] & LACKED)),
        outside=int(np.count_nonzero(by_key["flag"] & OUTSIDE)),
        reading=reading,
        predicting=predicted - start - reading,
        writing=time.perf_counter() - predicted,
        used=process_and_memory(),
    )
