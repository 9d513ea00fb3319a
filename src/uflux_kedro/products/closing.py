"""Carbon budgets of products that close: NEE = RECO - GPP at every cell and period.

The three fluxes are predicted apart and disagree. A linear map that was fitted on their errors at
unseen towers moves them to the budget, each by as much as little is known of it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from tqdm import tqdm

from uflux_kedro import __version__
from uflux_kedro.errors import InputError
from uflux_kedro.execution.engine import Execution
from uflux_kedro.products.cf import field_attributes
from uflux_kedro.products.fields import BY_RULE, CARBON, NO_LAND, NOT_CLOSED, Field, product_fields
from uflux_kedro.products.fingerprints import fingerprint
from uflux_kedro.products.kernel import mean_and_spread
from uflux_kedro.products.regions import (
    Region,
    all_regions,
    coordinates_of,
    explained,
    finish,
    resume,
    write_region,
)
from uflux_kedro.products.store import CHECKSUM, FINISHED, STATUS, ProductStore
from uflux_kedro.products.zarr_writes import with_direct_writes

logger = logging.getLogger(__name__)

_METHOD = (
    "minimum trace reconciliation by the covariance of errors at unseen towers, "
    "https://doi.org/10.1080/01621459.2018.1448825"
)
_BLOCK = 65536
"""Cells whose spread is computed at a time."""

_Values = NDArray[np.float32]


class Closing(Protocol):
    """A fitted reconciliation of a budget's fluxes."""

    @property
    def fluxes(self) -> Sequence[str]:
        """The fluxes, in the order of the matrix."""

    @property
    def matrix(self) -> Sequence[Sequence[float]]:
        """Linear map (fluxes, fluxes) from predicted to reconciled fluxes."""

    @property
    def widths(self) -> Sequence[float]:
        """Factor of each flux's half-widths of intervals."""

    def to_dict(self) -> Mapping[str, Any]:
        """Return all of it as lists and numbers."""


@dataclass(frozen=True)
class _Work:
    """Everything that a worker needs for every region.

    Fields and stores are by flux; a pair of ``members`` has the places of one predictor set's
    members among those of each flux.
    """

    fields: Mapping[str, tuple[Field, ...]]
    sources: Mapping[str, ProductStore]
    targets: Mapping[str, ProductStore]
    members: tuple[tuple[int, ...], ...]
    matrix: NDArray[np.float64]
    widths: tuple[float, ...]
    fingerprints: Mapping[str, str]

    @cached_property
    def predicted(self) -> dict[str, dict[str, Any]]:
        """The sources' arrays by flux and field, opened once per worker."""
        return {f: self._arrays(f, store.group(mode="r")) for f, store in self.sources.items()}

    @cached_property
    def closed(self) -> dict[str, dict[str, Any]]:
        """The targets' arrays by flux and field."""
        return {
            flux: {
                name: with_direct_writes(array, store.url)
                for name, array in self._arrays(flux, store.group()).items()
            }
            for flux, store in self.targets.items()
        }

    def _arrays(self, flux: str, group: Any) -> dict[str, Any]:
        return {field.name: group[field.name] for field in self.fields[flux]}


def close_budget(
    sources: Mapping[str, ProductStore],
    targets: Mapping[str, ProductStore],
    closing: Closing,
    execution: Execution | None = None,
) -> None:
    """Make products of GPP, RECO and NEE that close the carbon budget from those as predicted.

    Where all three have a value, ``NEE == RECO - GPP`` in float32, to the last bit; the bounds of
    the intervals lie about the reconciled flux as they did about the predicted one, times the
    closing's width, and quantiles move with it. Members of predictor sets that all three fluxes
    have are reconciled likewise, and the standard deviation is theirs. Elsewhere the fields stay as
    predicted, with a bit of the flag.

    Regions that an earlier run finished are kept if their inputs are the same.

    Args:
        sources: GPP, RECO and NEE -> store of the finished product, on one grid, in the same
            regions.
        targets: GPP, RECO and NEE -> store of the product to make.
        closing: The reconciliation.
        execution: Where the work runs; None for this process.

    Raises:
        InputError: If a source is missing, unfinished or damaged, sources differ in grid, periods
            or regions, the matrix does not close the budget, a source was replaced meanwhile, or a
            target is a source or cannot be written.
    """
    started = time.perf_counter()
    matrix = _matrix(closing)
    urls = {store.url for store in sources.values()}
    for store in targets.values():
        if store.url in urls:
            raise InputError(store.url, None, expected="another store", found="that of a source")
    opened = {flux: sources[flux].open() for flux in CARBON}
    axes = ("y", "x") if "x" in opened["GPP"].dims else ("latitude", "longitude")
    dims = ("time", *axes)
    shape, chunk = _layout(sources, opened, dims)
    fields = {flux: _fields(flux, product, axes) for flux, product in opened.items()}
    templates = {
        flux: _template(flux, opened, [f.name for f in fields[flux]], closing) for flux in CARBON
    }
    sizes = {dim: opened["GPP"].sizes[dim] for dim in dims}
    regions = all_regions(sizes, dict(zip(dims, shape, strict=True)))
    layouts = {
        flux: fingerprint(
            [flux, sizes, shape, chunk, [f.name for f in fields[flux]], coordinates_of(template)]
        )
        for flux, template in templates.items()
    }
    made_by = fingerprint([__version__, layouts, closing.to_dict()])
    marks = {flux: sources[flux].marks() for flux in CARBON}
    fingerprints = {
        r.key: fingerprint([made_by, *(marks[flux][r.key]["objects"] for flux in CARBON)])
        for r in regions
    }
    missing = regions
    done = 0

    def finished() -> str:
        return f"{len(regions) - len(missing) + done} of {len(regions)}"

    with explained(targets["NEE"], finished):
        wanted = {
            region.key
            for flux in CARBON
            for region in resume(
                targets[flux],
                templates[flux],
                fields[flux],
                shape,
                chunk,
                layouts[flux],
                regions,
                fingerprints,
            )
        }
        missing = [region for region in regions if region.key in wanted]
        work = _Work(
            fields,
            {flux: sources[flux] for flux in CARBON},
            {flux: targets[flux] for flux in CARBON},
            _common_members(opened),
            matrix,
            tuple(map(float, closing.widths)),
            fingerprints,
        )
        results = (execution or Execution()).run(_close_region, work, missing)
        try:
            for _ in tqdm(results, "carbon budget", len(missing), unit="region", disable=None):
                done += 1
        finally:
            _require_same_sources(sources, opened, targets, missing)
        for flux in CARBON:
            finish(targets[flux], regions)
    logger.info(
        "Carbon budget: %d regions closed, %d kept; %.1f s",
        len(missing),
        len(regions) - len(missing),
        time.perf_counter() - started,
    )


def close_values(matrix: NDArray[np.float64], values: Sequence[_Values]) -> tuple[_Values, ...]:
    """Reconcile rows.

    Args:
        matrix: Linear map (3, 3) from predicted to reconciled GPP, RECO and NEE.
        values: GPP, RECO and NEE as predicted, each of shape (n,).

    Returns:
        GPP, RECO and their difference NEE.
    """
    # Not as a product of matrices, whose last bits depend on the number of rows.
    gpp, reco = (
        sum(
            weight * one.astype(np.float64) for weight, one in zip(row, values, strict=True)
        ).astype(np.float32)
        for row in matrix[:2]
    )
    return gpp, reco, reco - gpp


def _matrix(closing: Closing) -> NDArray[np.float64]:
    """Return the matrix, if it closes the carbon budget."""
    if tuple(closing.fluxes) != CARBON:
        raise InputError(
            "closure", "fluxes", expected=", ".join(CARBON), found=", ".join(closing.fluxes)
        )
    matrix = np.array(closing.matrix, dtype=np.float64)
    rest = np.array([1, -1, 1]) @ matrix
    if not np.allclose(rest, 0, atol=1e-9 * np.abs(matrix).max()):
        raise InputError(
            "closure",
            "matrix",
            expected="one whose third row is the second less the first",
            found=str(matrix.tolist()),
        )
    return matrix


def _layout(
    sources: Mapping[str, ProductStore], opened: Mapping[str, xr.Dataset], dims: Sequence[str]
) -> tuple[list[int], list[int]]:
    """Return the lengths of a region and of a chunk, which the sources have in common."""
    found = []
    for flux, product in opened.items():
        array = sources[flux].group(mode="r")[flux]
        found.append((list(array.shards or array.chunks), list(array.chunks)))
        for dim in dims:
            if not product.indexes[dim].equals(opened["GPP"].indexes[dim]):
                raise InputError(
                    sources[flux].url, dim, expected="that of GPP", found="another one"
                )
        if found[-1] != found[0]:
            raise InputError(
                sources[flux].url,
                None,
                expected=f"the regions of GPP, {found[0][0]}, and its chunks, {found[0][1]}",
                found=f"{found[-1][0]} and {found[-1][1]}",
                hint="Make the three products with the same inference.regions and chunks",
            )
    return found[0]


def _fields(flux: str, product: xr.Dataset, axes: Sequence[str]) -> tuple[Field, ...]:
    """Return the fields of a flux's closed product: those of the source."""
    level = None
    if f"{flux}_lower" in product:
        level = float(json.loads(product.attrs["uncertainty"])["level"])
    quantiles = product["quantile"].to_numpy().tolist() if "quantile" in product else ()
    found = product_fields(
        flux,
        axes,
        quantiles=quantiles,
        keep_members=f"{flux}_member" in product,
        level=level,
        closed=True,
        ruled="unvegetated_land" in product[f"{flux}_flag"].attrs["flag_meanings"],
    )
    return tuple(replace(f, attrs=field_attributes(f.attrs, axes)) for f in found)


def _template(
    flux: str, opened: Mapping[str, xr.Dataset], fields: Sequence[str], closing: Closing
) -> xr.Dataset:
    """Return coordinates, bounds and attributes of a closed product."""
    product = opened[flux].drop_vars(fields).compute().drop_encoding()
    attrs = {k: v for k, v in product.attrs.items() if k not in (CHECKSUM, STATUS)}
    checksums = {name: one.attrs[CHECKSUM] for name, one in opened.items()}
    attrs |= {
        "history": f"{attrs['history']}; adjusted so that NEE = RECO - GPP",
        "input_checksums": json.dumps(
            json.loads(attrs["input_checksums"]) | checksums, sort_keys=True
        ),
        "budget": json.dumps(
            {"closed": "NEE = RECO - GPP", "method": _METHOD, **closing.to_dict()}, sort_keys=True
        ),
    }
    product.attrs = attrs
    return product


def _common_members(opened: Mapping[str, xr.Dataset]) -> tuple[tuple[int, ...], ...]:
    """Return the places, by flux, of members with the same predictor set and model."""
    if any("member" not in product for product in opened.values()):
        return ()
    places = [
        {name.replace(f".{flux}.", ".", 1): i for i, name in enumerate(map(str, members))}
        for flux, members in ((f, p["member"].to_numpy()) for f, p in opened.items())
    ]
    common = [key for key in places[0] if all(key in place for place in places)]
    return tuple(tuple(place[key] for place in places) for key in common)


def _require_same_sources(
    sources: Mapping[str, ProductStore],
    opened: Mapping[str, xr.Dataset],
    targets: Mapping[str, ProductStore],
    made: Sequence[Region],
) -> None:
    """Check that regions were made of the products whose checksums are in their fingerprints.

    Raises:
        InputError: If one was replaced meanwhile; the regions lose their marks.
    """
    for flux, before in opened.items():
        store = sources[flux]
        if store.status() == FINISHED:
            now = store.open(verified=False).attrs.get(CHECKSUM)
            if now == before.attrs[CHECKSUM]:
                continue
        for region in made:
            for target in targets.values():
                target.unmark(region.key)
        raise InputError(
            store.url,
            None,
            expected="a product that stays the same while its budget is closed",
            found="another than at the start",
            hint="Let whatever replaced it finish, then start the same run again",
        )


def _close_region(work: _Work, region: Region, threads: int) -> None:
    """Reconcile and write one region of the three products."""
    del threads  # reading and writing take most of the time
    grids = {
        flux: {
            f.key: np.ascontiguousarray(work.predicted[flux][f.name][region.inside(f.dims)])
            for f in fields
        }
        for flux, fields in work.fields.items()
    }
    _close(grids, work.matrix, work.widths, work.members)
    for flux, fields in work.fields.items():
        write_region(
            work.targets[flux],
            work.closed[flux],
            fields,
            region,
            {f.name: grids[flux][f.key] for f in fields},
            work.fingerprints[region.key],
        )


def _close(
    grids: Mapping[str, dict[str, NDArray]],
    matrix: NDArray[np.float64],
    widths: Sequence[float],
    members: Sequence[Sequence[int]],
) -> None:
    """Reconcile the fields of a region, by flux and key, in place."""
    flat = {
        flux: {key: values.reshape(*values.shape[:-3], -1) for key, values in fields.items()}
        for flux, fields in grids.items()
    }
    fluxes = [flat[flux] for flux in CARBON]
    cells = _known([fields["mean"] for fields in fluxes])
    apart = np.ones(fluxes[0]["mean"].size, dtype=bool)
    apart[cells] = False
    before = [fields["mean"][cells] for fields in fluxes]
    after = close_values(matrix, before)
    for fields, predicted, closed, width in zip(fluxes, before, after, widths, strict=True):
        fields["mean"][cells] = closed
        for bound in {"lower", "upper"} & fields.keys():
            half = fields[bound][cells].astype(np.float64) - predicted
            fields[bound][cells] = closed + width * half
        for values in fields.get("quantiles", ()):
            values[cells] = closed + (values[cells].astype(np.float64) - predicted)
        empty = fields["flag"] & (NO_LAND | BY_RULE) != 0
        fields["flag"][apart & ~empty] |= np.int8(NOT_CLOSED)
    for places in members:
        own = [fields["members"][i] for fields, i in zip(fluxes, places, strict=True)]
        rows = _known(own)
        for values, closed in zip(
            own, close_values(matrix, [values[rows] for values in own]), strict=True
        ):
            values[rows] = closed
    for fields in fluxes if members else ():
        for start in range(0, cells.size, _BLOCK):
            part = cells[start : start + _BLOCK]
            _, fields["std"][part], _ = mean_and_spread(fields["members"][:, part])


def _known(values: Sequence[_Values]) -> NDArray[np.int64]:
    """Return the places at which all have a value."""
    return np.flatnonzero(np.logical_and.reduce([np.isfinite(one) for one in values]))
