"""Cost of a product's intervals, and of products that close the carbon budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.data import tower_rows
from benchmarks.inference.world import LAND, make_world, member_of
from benchmarks.table import Row
from benchmarks.timing import Cost, Pairs, cost_of
from uflux_kedro.execution.engine import Execution
from uflux_kedro.models.fitted import FittedMember
from uflux_kedro.models.registry import make_model
from uflux_kedro.products.closing import CARBON, close_budget
from uflux_kedro.products.plan import Plan
from uflux_kedro.products.production import produce
from uflux_kedro.products.store import ProductStore
from uflux_kedro.uncertainty.calibration import calibrate
from uflux_kedro.uncertainty.closing import fit_closure
from uflux_kedro.uncertainty.fitted import FluxUncertainty
from uflux_kedro.uncertainty.parameters import UncertaintyParameters
from uflux_kedro.uncertainty.sampling_space import SamplingSpace
from uflux_kedro.validation.cross_validation import held_out_predictions
from uflux_kedro.validation.folds import site_k_fold
from uflux_kedro.validation.importance import importance_by_site

_PAIRS = 3
_FOLDS = 5


def uncertainty(towers: Path, folder: Path) -> Iterator[Row]:
    """Compare a product of a month with its intervals and completeness, and without."""
    calibrated, _ = _calibrated(towers, "GPP", folder)
    for model, number, cells, alike in (
        ("XGB", 13, (720, 1440), True),
        ("XGB", 13, (720, 1440), False),
        ("DF21", 3, (180, 360), True),
    ):
        members = _members(towers, "GPP", folder, model, number)
        drivers = _drivers(towers, cells, folder, alike)
        plan = Plan("GPP", members, drivers, execution=Execution(n_jobs=1))
        given = replace(plan, uncertainty=calibrated)
        pairs = _in_turns(plan, given, folder / "product.zarr")
        without, having = pairs.walls()
        land = round(cells[0] * cells[1] * LAND)
        yield Row(
            f"Product of {number} {model}, {land / 1e3:.0f} thousand pixels on land, neighbours "
            f"{'alike as on a map' if alike else 'any two rows of towers'}, one thread: "
            f"with intervals and completeness, over without",
            f"{having:.2f} s",
            f"{without:.2f} s",
            f"{pairs.wall_ratio:.2f} (CPU {pairs.cpu_ratio:.2f})",
            "< 1.5",
            pairs.cpu_ratio < 1.5,
        )


def closing(towers: Path, folder: Path) -> Iterator[Row]:
    """Compare closing the carbon budget of a month with making its three products."""
    drivers = _drivers(towers, (360, 720), folder)
    rows, plans = {}, {}
    for flux in CARBON:
        calibrated, rows[flux] = _calibrated(towers, flux, folder)
        members = _members(towers, flux, folder, "XGB", 13)
        plans[flux] = Plan(
            flux, members, drivers, keep_members=True, uncertainty=calibrated,
            execution=Execution(n_jobs=1),
        )  # fmt: skip
    closure, _ = fit_closure(rows)
    predicted, closed = (
        {flux: ProductStore(str(folder / part / f"{flux}.zarr")) for flux in CARBON}
        for part in ("predicted", "closed")
    )

    def make(_: int) -> Cost:
        for store in predicted.values():
            store.remove()
        return cost_of(lambda: [produce(plans[flux], predicted[flux]) for flux in CARBON])[0]

    def close(_: int) -> Cost:
        for store in closed.values():
            store.remove()
        return cost_of(lambda: close_budget(predicted, closed, closure))[0]

    make(0), close(0)
    pairs = Pairs.in_turns(make, close, _PAIRS)
    making, adjusting = pairs.walls()
    yield Row(
        "Closing the carbon budget of a month at 0.5 degrees, members kept, over making the three "
        "products of 13 XGB with intervals",
        f"{adjusting:.2f} s",
        f"{making:.2f} s",
        f"{pairs.wall_ratio:.2f} (CPU {pairs.cpu_ratio:.2f})",
    )


def _in_turns(plan: Plan, given: Plan, target: Path) -> Pairs:
    """Measure productions without and with intervals alternately."""
    store = ProductStore(str(target))

    def work(wanted: Plan) -> Cost:
        store.remove()
        return cost_of(lambda: produce(wanted, store))[0]

    work(plan), work(given)
    return Pairs.in_turns(lambda _: work(plan), lambda _: work(given), _PAIRS)


def _drivers(towers: Path, cells: tuple[int, int], folder: Path, alike: bool = True) -> xr.Dataset:
    """Return drivers of one month, as a production gets them."""
    store = folder / f"drivers_{cells[0]}_{alike}.zarr"
    if not store.exists():
        make_world(tower_rows(towers, "GPP").X, cells, 1, store, alike=alike)
    return xr.open_zarr(store, consolidated=False, chunks={})


def _members(
    towers: Path, flux: str, folder: Path, model: str, number: int
) -> Mapping[str, FittedMember]:
    """Return saved members with the same predictors and different seeds."""
    rows = tower_rows(towers, flux)
    X, y = rows.arrays()
    members = {}
    for seed in range(number):
        place = folder / f"{flux}_{model}_{seed}"
        fitted = make_model(model, random_state=seed, n_jobs=2).fit(X, y)
        member_of(rows.X, rows.y, fitted, f"m{seed}", flux).save(place)
        members[f"m{seed}.{flux}.{model}"] = FittedMember.load(place)
    return members


def _calibrated(towers: Path, flux: str, folder: Path) -> tuple[FluxUncertainty, pd.DataFrame]:
    """Return calibrated intervals with a sampling space, and the rows that judge them."""
    rows = tower_rows(towers, flux)
    X, y = rows.arrays()
    folds = site_k_fold(rows.sites, _FOLDS, 0)

    def model(number: int) -> Any:
        return make_model("XGB", random_state=number, n_jobs=1)

    importance = importance_by_site(model, X, y, rows.sites, folds, list(rows.X), n_repeats=1)
    space = SamplingSpace.fit(X, rows.sites, list(rows.X), importance.mean().to_dict())
    held_out = held_out_predictions(model, X, y, rows.sites, rows.time, folds)
    # A single model stands for the members: their spread is of the size of a tenth of the flux.
    spread = np.abs(held_out["prediction"]) / 10
    table = pd.concat([held_out.assign(spread=spread), rows.X], axis=1)
    made, judged = calibrate(table, list(rows.X), UncertaintyParameters(), flux=flux, space=space)
    made.save(folder / f"uncertainty_{flux}")
    return FluxUncertainty.load(folder / f"uncertainty_{flux}"), judged
