"""Production of products of any size, region by region, on one or more machines.

Each finished region has a mark with a fingerprint of its inputs (models, settings, drivers) and the
checksums of its objects. A production that starts again keeps the regions whose fingerprint and
checksums still match, and makes the others.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr
from tqdm import tqdm

from uflux_kedro import __version__
from uflux_kedro.errors import InputError
from uflux_kedro.execution.engine import process_and_memory
from uflux_kedro.origins import collections_of
from uflux_kedro.products.cf import field_attributes, finish_product
from uflux_kedro.products.cost import Production
from uflux_kedro.products.fields import (
    CARBON,
    INCOMPLETE,
    Field,
    Unvegetated,
    about_intervals,
    label_coordinates,
    product_fields,
)
from uflux_kedro.products.fingerprints import (
    DriverFingerprints,
    StoredDrivers,
    fingerprint,
)
from uflux_kedro.products.kernel import (
    Calibrated,
    check_drivers,
    level_of,
    predict_region,
    predictors_of,
)
from uflux_kedro.products.period_means import LEAST_SHARE, predict_periods
from uflux_kedro.products.periods import Periods, require_step, step_of_drivers
from uflux_kedro.products.plan import Plan
from uflux_kedro.products.region_progress import RegionProgress
from uflux_kedro.products.regions import (
    Region,
    all_regions,
    coordinates_of,
    explained,
    finish,
    intact,
    resume,
    write_region,
)
from uflux_kedro.products.store import ProductStore
from uflux_kedro.products.zarr_writes import with_direct_writes
from uflux_kedro.simulated import mark_of

if TYPE_CHECKING:
    from uflux_kedro.models.fitted import FittedMember

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Work:
    """Everything that a worker needs for every region."""

    members: Mapping[str, FittedMember]
    drivers: xr.Dataset | StoredDrivers
    fields: tuple[Field, ...]
    quantiles: tuple[float, ...]
    block_rows: int
    store: ProductStore
    fingerprints: Mapping[str, str]
    uncertainty: Calibrated | None
    unvegetated: Unvegetated
    periods: Periods | None

    @cached_property
    def arrays(self) -> dict[str, Any]:
        """The product's arrays by field, opened once per worker."""
        group = self.store.group()
        names = (field.name for field in self.fields)
        return {name: with_direct_writes(group[name], self.store.url) for name in names}


def produce(plan: Plan, store: ProductStore) -> Production:
    """Make a product, or the regions of it that are missing or outdated.

    The store is marked as finished when all regions are written, and its record, a STAC item, is
    written next to it.

    Args:
        plan: Plan of the product.
        store: Store of the product.

    Returns:
        The work done and its cost.

    Raises:
        InputError: If a driver is missing, the disk is full, or the store cannot be written;
            finished regions are kept. Also if the drivers were replaced meanwhile.
        ConfigurationError: If members learnt at another step than they are to predict.
    """
    started = time.perf_counter()
    require_step(_steps(plan), step_of_drivers(plan.drivers), plan.members_of)
    periods = plan.periods()
    axes = check_drivers(plan.members, plan.drivers, plan.uncertainty)
    dims = ("time", *axes)
    fields = tuple(
        replace(f, attrs=field_attributes(f.attrs, axes))
        for f in product_fields(
            plan.flux,
            axes,
            quantiles=plan.quantiles,
            keep_members=plan.keep_members,
            level=level_of(plan.uncertainty),
            ruled=plan.rule != "predict",
        )
    )
    sizes = {dim: plan.drivers.sizes[dim] for dim in dims}
    if periods is not None:
        sizes["time"] = len(periods.bounds)
    shape = {d: min(plan.regions.get(d, n), n) for d, n in sizes.items()}
    inner = {d: min(plan.chunks.get(d, n), n) for d, n in shape.items()}
    inner = {d: n if shape[d] % n == 0 else shape[d] for d, n in inner.items()}
    template = _template(plan, dims, periods)
    layout = fingerprint(
        [plan.flux, sizes, shape, inner, [f.name for f in fields], coordinates_of(template)]
    )
    regions = all_regions(sizes, shape)
    identity = DriverFingerprints(plan.drivers, predictors_of(plan.members, plan.uncertainty))
    made_by = fingerprint(
        [
            *(__version__, layout, _members(plan), list(plan.quantiles), plan.rule),
            *_uncertainty(plan).values(),
        ]
    )
    in_drivers = {r.key: periods.of_drivers(r.slices) if periods else r.slices for r in regions}
    fingerprints = {key: fingerprint([made_by, identity.of(of)]) for key, of in in_drivers.items()}
    missing = regions
    results: list[_RegionCost] = []

    def finished() -> str:
        return f"{len(regions) - len(missing) + len(results)} of {len(regions)}"

    with explained(store, finished):
        missing = resume(
            store,
            template,
            fields,
            list(shape.values()),
            list(inner.values()),
            layout,
            regions,
            fingerprints,
        )
        work = _Work(
            plan.members,
            identity.store or plan.drivers,
            fields,
            tuple(plan.quantiles),
            plan.block_rows,
            store,
            fingerprints,
            plan.uncertainty,
            plan.rule,
            periods,
        )
        progress = RegionProgress(plan.flux, len(missing), plan.execution)
        done = plan.execution.run(_make_region, work, missing)
        try:
            # The progress bar is shown on terminals only.
            for result in tqdm(done, plan.flux, len(missing), unit="region", disable=None):
                results.append(result)
                progress.finished(result.used)
        finally:
            _require_same_drivers(identity, store, missing)
        marks = finish(store, regions)
    return Production(
        made=len(missing),
        kept=len(regions) - len(missing),
        cells=sum(r.cells for r in results),
        all_cells=sum(marks[r.key]["cells"] for r in regions),
        incomplete=sum(r.incomplete for r in results),
        outside=sum(r.outside for r in results),
        seconds=time.perf_counter() - started,
        busy=(
            sum(r.reading for r in results),
            sum(r.predicting for r in results),
            sum(r.writing for r in results),
        ),
        size=store.size(),
        # Each process counts with its highest value, which comes last.
        memory=sum(dict(sorted([*(r.used for r in results), process_and_memory()])).values()),
    )


def _require_same_drivers(
    identity: DriverFingerprints, store: ProductStore, made: Sequence[Region]
) -> None:
    """Check that the regions were made of the drivers whose fingerprints are in their marks.

    Raises:
        InputError: If the drivers were replaced meanwhile; the regions lose their marks.
    """
    if not made or not identity.changed():
        return
    for region in made:
        store.unmark(region.key)
    raise InputError(
        store.url,
        None,
        expected="drivers that stay the same while the product is made",
        found="others than at the start",
        hint="Let whatever replaced them finish, then start the same run again",
    )


def verify(store: ProductStore) -> list[str]:
    """Check the objects of a product against the checksums in its marks.

    Args:
        store: Store of the product. Of an unfinished one the finished regions are checked.

    Returns:
        Keys of the regions with a missing or changed object, such as ``5-1-0`` (places along
        time and the grid's axes); empty if these regions are intact.
    """
    marks = {key: mark for key, mark in store.marks().items() if "objects" in mark}
    return [key for key, mark in marks.items() if not intact(store, mark)]


def _template(plan: Plan, dims: Sequence[str], periods: Periods | None) -> xr.Dataset:
    """Return coordinates, bounds and attributes of the product."""
    # Latitude and longitude of every cell of a projection would be larger than a flux.
    axes: dict[str, Any] = {n: plan.drivers[n].variable for n in (*dims, "time_bnds")}
    if periods is not None:
        axes |= periods.coordinates()
    crs = {k: v for k, v in plan.drivers.attrs.items() if k == "crs"}
    coords = xr.Dataset(axes, attrs=crs).compute()
    members = list(plan.members) if plan.keep_members else []
    finished = finish_product(
        coords.assign_coords(label_coordinates(members, plan.quantiles)),
        title=plan.title or f"UFLUX ensemble: {plan.flux}",
        members=list(plan.members),
        parameters={
            "quantiles": list(plan.quantiles),
            "keep_members": plan.keep_members,
            "members_learnt_from": ", ".join(sorted(set(_steps(plan)))),
            **({"unvegetated": plan.rule} if plan.flux in CARBON else {}),
        },
        checksums=dict(_members(plan)) | _uncertainty(plan),
        institution=plan.institution,
        collections=collections_of(*(model.card for model in plan.members.values())),
        simulated=mark_of(*(model.card for model in plan.members.values()), plan.drivers),
    )
    level = level_of(plan.uncertainty)
    if level is not None:
        finished.attrs["uncertainty"] = json.dumps(about_intervals(level))
    if periods is not None:
        finished.attrs["periods"] = (
            "Each period is the mean, weighted by days, of predictions of each "
            f"{step_of_drivers(plan.drivers)}; it is missing where less than {LEAST_SHARE:.0%} of its "
            "days are predicted. Bounds of intervals are means of the bounds of these predictions, "
            "as if their errors were the same throughout a period"
        )
    return finished.drop_encoding()


def _steps(plan: Plan) -> list[str]:
    return [str(model.card["step"]) for model in plan.members.values()]


def _members(plan: Plan) -> list[tuple[str, str]]:
    return [(name, str(model.card["checksum"])) for name, model in plan.members.items()]


def _uncertainty(plan: Plan) -> dict[str, str]:
    found = plan.uncertainty
    return {} if found is None else {"uncertainty": str(found.card["checksum"])}


class _RegionCost(NamedTuple):
    cells: int
    incomplete: int
    outside: int
    reading: float
    predicting: float
    writing: float
    used: tuple[str, float]


def _make_region(work: _Work, region: Region, threads: int) -> _RegionCost:
    """Predict and write one region; its mark is written last."""
    start = time.perf_counter()
    drivers = work.drivers.open() if isinstance(work.drivers, StoredDrivers) else work.drivers
    timing: dict[str, float] = {}
    settings: dict[str, Any] = {
        "n_jobs": threads,
        "block_rows": work.block_rows,
        "timing": timing,
        "uncertainty": work.uncertainty,
        "unvegetated": work.unvegetated,
    }
    if work.periods is None:
        of_region = drivers.isel(region.slices)
        grids = predict_region(work.members, of_region, work.fields, work.quantiles, **settings)
    else:
        grids = predict_periods(
            work.members,
            drivers.isel(work.periods.of_drivers(region.slices)),
            work.periods.parts(region.slices["time"]),
            work.fields,
            work.quantiles,
            **settings,
        )
    predicted = time.perf_counter()
    mark = write_region(
        work.store, work.arrays, work.fields, region, grids, work.fingerprints[region.key]
    )
    flag = next(grids[f.name] for f in work.fields if f.key == "flag")
    reading = timing.get("reading", 0.0)
    return _RegionCost(
        cells=mark["cells"],
        incomplete=int(np.count_nonzero(flag & INCOMPLETE)),
        outside=mark["outside"],
        reading=reading,
        predicting=predicted - start - reading,
        writing=time.perf_counter() - predicted,
        used=process_and_memory(),
    )
