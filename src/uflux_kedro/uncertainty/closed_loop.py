"""The closed loop: draw towers in a world whose fluxes are known, map them, and judge the map.

Everything else here is judged at towers. In the simulated Earth the truth is known in every cell,
so that error and intervals are judged where a product is used. Two truths differ: the map's is the
mean flux of a cell, free of noise, while a tower also has a constant difference from its cell and
noise of its own. Intervals are calibrated on towers and promise to hold a further tower's
measurements; on the map they therefore should hold more than they promise. Unseen towers stand
beside the map to tell the two apart.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from pydantic import ValidationError

from uflux_kedro.demo_world.parameters import DemoWorldParameters
from uflux_kedro.ensemble import EnsembleParameters, Member
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.models.fitted import FittedMember, fit_member
from uflux_kedro.models.registry import MODELS, make_model
from uflux_kedro.products.prediction import predict_cube
from uflux_kedro.statistics.aggregates import ALL_YEARS, INTERVAL_COLUMNS, aggregate
from uflux_kedro.statistics.correlated import SumErrors
from uflux_kedro.statistics.zones import AllCells, Bands
from uflux_kedro.uncertainty.calibration import calibrate
from uflux_kedro.uncertainty.fitted import FluxUncertainty
from uflux_kedro.uncertainty.known_world import KnownWorld, know_world
from uflux_kedro.uncertainty.networks import (
    TROPICS,
    Kind,
    draw_cells,
    read_network,
    vegetated_cells,
)
from uflux_kedro.uncertainty.parameters import ClosedLoopParameters, UncertaintyParameters
from uflux_kedro.uncertainty.scores import interval_score, score_by_tower
from uflux_kedro.uncertainty.space_of_towers import space_of_towers
from uflux_kedro.uncertainty.sums import fit_sum_errors
from uflux_kedro.validation.comparison import mean_of_members
from uflux_kedro.validation.cross_validation import held_out_predictions, usable_rows
from uflux_kedro.validation.folds import site_k_fold
from uflux_kedro.variables import IGBP_CLASSES, variable_of

logger = logging.getLogger(__name__)

MAP_COLUMNS = (
    "network", "towers", "flux", "by", "group", "area_share", "truth", "RMSE", "bias", "coverage",
    "width", "interval_score", "completeness",
)  # fmt: skip
TOWER_COLUMNS = (
    "network", "towers", "flux", "judged_on", "n_towers", "NSE", "RMSE", "coverage", "width",
    "interval_score",
)  # fmt: skip

SUM_COLUMNS = (
    "network", "towers", "flux", "region_kind", "region", "year", "truth", "value", "unit", *INTERVAL_COLUMNS,
)  # fmt: skip

COMPLETENESS_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

_BANDS = (-60.0, -30.0, 0.0, 30.0, 60.0, 90.0)
"""Edges of the bands of latitude, degrees north."""

_MIN_QC = 0.5
_RESAMPLES = 30
"""Resamples of the correlation of errors, which only say whether it has a seasonal part."""
_VALUES = ("truth", "value", "lower", "upper", "completeness", "outside")


class ClosedLoop(NamedTuple):
    """What the closed loop found.

    Attributes:
        on_map: :data:`MAP_COLUMNS`, weighted by area; ``by`` says what ``group`` is: ``land`` (all
            land), ``vegetation`` (land of classes that have towers; so are all below), ``IGBP``,
            ``zone`` (tropics or beyond), ``applicability`` (inside or outside), ``completeness``
            (bins). ``area_share`` is the share of all land, months without a value left out.
        at_towers: :data:`TOWER_COLUMNS`; ``judged_on`` is ``held-out`` (the network's own towers,
            by models and intervals of other folds) or ``unseen`` (further towers, at random on
            vegetated land).
        sums: :data:`SUM_COLUMNS`: annual totals (means of H and LE) of all land and of bands of
            latitude, of the map and the truth over the same cells and months, with the intervals
            of :func:`uflux_kedro.statistics.aggregates.aggregate`.
    """

    on_map: pd.DataFrame
    at_towers: pd.DataFrame
    sums: pd.DataFrame


@dataclass(frozen=True)
class Fitted:
    """A flux learnt from a network.

    Attributes:
        flux: The flux.
        members: Name -> fitted member.
        intervals: Calibrated intervals.
        judged: Held-out rows with their out-of-fold intervals.
        errors: How errors go together.
    """

    flux: str
    members: Mapping[str, FittedMember]
    intervals: FluxUncertainty
    judged: pd.DataFrame
    errors: SumErrors


def run_closed_loop(
    members: Sequence[Member],
    world: DemoWorldParameters,
    parameters: UncertaintyParameters,
    *,
    n_jobs: int = 1,
) -> ClosedLoop:
    """Draw networks of towers in a simulated Earth, map fluxes from them, and judge the maps.

    Args:
        members: Members of the ensemble of each flux; of their groups of predictors all are used.
        world: The world; resolution and years are those of ``parameters.closed_loop``.
        parameters: The block ``uncertainty``. With no ``closed_loop.network`` there is no real
            network.
        n_jobs: Threads; -1 for all cores. It changes no result.

    Returns:
        Tables of the maps and of the towers.

    Raises:
        ConfigurationError: If there is no member of any flux, or no network.
        InputError: If ``closed_loop.network`` is no list of sites, before anything is drawn.
    """
    predictors = dict.fromkeys(p for m in _wanted(members, parameters) for p in m.predictors)
    known = know_world(world_of_loop(world, parameters.closed_loop), predictors)
    return close_loop(known, members, parameters, n_jobs=n_jobs)


def members_of_loop(ensemble: EnsembleParameters, loop: ClosedLoopParameters) -> list[Member]:
    """Return the members that learn in the loop: its own model and part of the ensemble.

    Args:
        ensemble: The block ``ensemble``.
        loop: The block ``uncertainty.closed_loop``.

    Raises:
        ConfigurationError: If no member is selected.
    """
    wanted = {"model": loop.model, "select": loop.select}
    try:
        return list(ensemble.model_copy(update=wanted).members())
    except ConfigurationError as error:
        raise ConfigurationError(
            f"uncertainty.closed_loop.select: expected members of the ensemble, whose predictors the "
            f"demo world has; {error}"
        ) from error


def world_of_loop(world: DemoWorldParameters, loop: ClosedLoopParameters) -> DemoWorldParameters:
    """Return the parameters of a world with the resolution and years of the closed loop.

    Raises:
        ConfigurationError: If there is no such world.
    """
    last = world.first_year + loop.years - 1
    try:
        return DemoWorldParameters.model_validate(
            {**world.model_dump(), "resolution": loop.resolution, "last_year": last}
        )
    except ValidationError as error:
        raise ConfigurationError(
            f"uncertainty.closed_loop: no demo world has edges of {loop.resolution:g} degrees and the "
            f"years {world.first_year} to {last}: "
            + "; ".join(str(e["msg"]).removeprefix("Value error, ") for e in error.errors())
        ) from error


def close_loop(
    known: KnownWorld,
    members: Sequence[Member],
    parameters: UncertaintyParameters,
    *,
    n_jobs: int = 1,
) -> ClosedLoop:
    """Do what :func:`run_closed_loop` does, in a world at hand that has the members' predictors."""
    wanted = _wanted(members, parameters)
    settings = parameters.closed_loop
    unseen_cells = draw_cells(known.world, "random", settings.unseen, seed=parameters.seed + 1)
    unseen = known.training_table(unseen_cells, "unseen")
    on_map, at_towers, sums = [], [], []
    for kind, size, cells in _networks(known, parameters):
        table = known.training_table(cells, f"{kind} {size}")
        label = {"network": kind, "towers": size}
        for flux in dict.fromkeys(m.flux for m in wanted):
            of_flux = [m for m in wanted if m.flux == flux]
            fitted = fit_flux(of_flux, table, parameters, n_jobs=n_jobs)
            rows = map_flux(known, fitted, n_jobs=n_jobs)
            on_map.append(score_map(known, rows, parameters.level).assign(**label, flux=flux))
            sums.append(sum_map(known, rows, flux, fitted.errors).assign(**label))
            seen = _at_unseen(fitted, unseen)
            at_towers.append(
                _score_towers({"held-out": fitted.judged, "unseen": seen}, parameters.level).assign(
                    **label, flux=flux
                )
            )
    if not on_map:
        raise ConfigurationError(
            f"uncertainty.closed_loop.kinds: {', '.join(settings.kinds) or 'none'} draws no network; "
            "a real one needs uncertainty.closed_loop.network"
        )
    return ClosedLoop(
        pd.concat(on_map, ignore_index=True)[list(MAP_COLUMNS)],
        pd.concat(at_towers, ignore_index=True)[list(TOWER_COLUMNS)],
        pd.concat(sums, ignore_index=True)[list(SUM_COLUMNS)],
    )


def _wanted(members: Sequence[Member], parameters: UncertaintyParameters) -> list[Member]:
    fluxes = parameters.closed_loop.fluxes
    wanted = [m for m in members if m.flux in fluxes]
    if not wanted:
        raise ConfigurationError(
            f"uncertainty.closed_loop.fluxes: expected members of {', '.join(fluxes)}; found members of "
            f"{', '.join(dict.fromkeys(m.flux for m in members)) or 'none'}"
        )
    return wanted


def _networks(
    known: KnownWorld, parameters: UncertaintyParameters
) -> Iterator[tuple[Kind, int, NDArray[np.intp]]]:
    settings = parameters.closed_loop
    places = None
    if "real" in settings.kinds:
        if settings.network is None:
            logger.warning(
                "The real network is left out: uncertainty.closed_loop.network names no list of sites"
            )
        else:
            places = read_network(settings.network)
    for kind in settings.kinds:
        sizes: Sequence[int] = settings.sizes
        if kind == "real":
            # Sizes beyond its own all mean the whole of it.
            sizes = [] if places is None else [*dict.fromkeys(min(s, len(places)) for s in sizes)]
        for size in sizes:
            cells = draw_cells(known.world, kind, size, seed=parameters.seed, places=places)
            yield kind, size, cells


def fit_flux(
    members: Sequence[Member],
    table: pd.DataFrame,
    parameters: UncertaintyParameters,
    *,
    n_jobs: int = 1,
) -> Fitted:
    """Train the members of a flux as the pipelines do, and calibrate the ensemble's intervals.

    Args:
        members: Members of one flux.
        table: Training table.
        parameters: Folds, level and seed.
        n_jobs: Threads.
    """
    flux, predictors = members[0].flux, members[0].predictors
    seed = parameters.seed
    held_out = []
    for member in members:
        rows = _usable(table, member.predictors, flux)
        sites = rows["site_id"].to_numpy()

        def model_of(fold: int, member: Member = member) -> Any:
            return _make_model(member, seed + fold)

        held_out.append(
            held_out_predictions(
                model_of,
                rows[list(member.predictors)].to_numpy("float32"),
                rows[flux].to_numpy("float64"),
                sites,
                rows["time"].to_numpy(),
                site_k_fold(sites, min(parameters.n_splits, rows["site_id"].nunique()), seed),
                fit_with_sites=MODELS[member.model].takes_predictors,
                n_jobs=n_jobs,
            )
        )
    fitted = fit_members(members, table, seed)
    space, _ = space_of_towers(
        _usable(table, predictors, flux), predictors, flux, parameters, n_jobs=n_jobs
    )
    keys = ["site_id", "time", "IGBP", "latitude", "longitude"]
    known = table[list(dict.fromkeys([*keys, *predictors]))]
    ensemble = mean_of_members(pd.concat(held_out)).merge(
        known, on=["site_id", "time"], validate="one_to_one"
    )
    intervals, judged = calibrate(ensemble, predictors, parameters, flux=flux, space=space)
    errors = fit_sum_errors(
        judged,
        level=parameters.level,
        n_splits=parameters.n_splits,
        seed=seed,
        resamples=_RESAMPLES,
    )
    return Fitted(flux, fitted, intervals, judged, errors)


def fit_members(
    members: Sequence[Member], table: pd.DataFrame, seed: int
) -> dict[str, FittedMember]:
    """Fit members of one flux on all towers.

    Args:
        members: The members.
        table: Training table.
        seed: Seed of the models.
    """
    return {
        m.name: fit_member(
            m,
            _usable(table, m.predictors, m.flux),
            _make_model(m, seed),
            seed=seed,
            with_sites=MODELS[m.model].takes_predictors,
        )
        for m in members
    }


def _make_model(member: Member, seed: int) -> Any:
    # On one thread: small fits lose more to waiting threads than they gain.
    return make_model(
        member.model,
        random_state=seed,
        n_jobs=1,
        predictors=member.predictors,
        flux=member.flux,
    )


def _usable(table: pd.DataFrame, predictors: Sequence[str], flux: str) -> pd.DataFrame:
    usable, _ = usable_rows(table, predictors, flux, _MIN_QC)
    return table[usable].reset_index(drop=True)


def map_flux(known: KnownWorld, fitted: Fitted, *, n_jobs: int = 1) -> dict[str, NDArray]:
    """Map a flux with its intervals.

    Args:
        known: The world.
        fitted: The flux.
        n_jobs: Threads.

    Returns:
        ``truth``, ``value``, ``lower``, ``upper``, ``completeness`` and ``outside`` (beyond the
        area of applicability), each (month, cell) on land.
    """
    flux = fitted.flux
    cube = predict_cube(fitted.members, known.drivers, variable=flux, n_jobs=n_jobs)
    value = known.on_land(cube[flux])
    std = known.on_land(cube[f"{flux}_std"]).ravel() if len(fitted.members) > 1 else None
    X = known.rows(fitted.intervals.predictors)
    bounds = fitted.intervals.bounds(X, value.ravel(), std)
    found = {
        "truth": known.world.ecosystem.fluxes[flux].astype(float),
        "value": value.astype(float),
        "lower": bounds.lower.reshape(value.shape),
        "upper": bounds.upper.reshape(value.shape),
        "completeness": bounds.completeness.reshape(value.shape),
        "outside": bounds.outside.reshape(value.shape),
    }
    return {name: found[name] for name in _VALUES}


def score_map(known: KnownWorld, rows: Mapping[str, NDArray], level: float) -> pd.DataFrame:
    """Score a map against the truth, by area.

    Args:
        known: The world.
        rows: Result of :func:`map_flux`.
        level: Nominal share of values inside the intervals.

    Returns:
        The columns of :data:`MAP_COLUMNS` from ``by``; groups without area are left out.
    """
    shape = rows["value"].shape
    valid = np.isfinite(rows["value"])
    area = np.broadcast_to(known.area, shape)
    cover = np.broadcast_to(known.world.ecosystem.cover, shape)
    vegetated = np.zeros(shape[1], dtype=bool)
    vegetated[vegetated_cells(known.world)] = True
    plants = valid & vegetated
    tropical = np.abs(known.latitude) <= TROPICS
    groups: dict[tuple[str, str], NDArray] = {
        ("land", "all"): valid,
        ("vegetation", "all"): plants,
        ("zone", "tropics"): plants & tropical,
        ("zone", "beyond"): plants & ~tropical,
        ("applicability", "inside"): plants & ~rows["outside"],
        ("applicability", "outside"): plants & rows["outside"],
    }
    groups |= {("IGBP", n): plants & (cover == code) for n, code in IGBP_CLASSES.items()}
    place = np.searchsorted(COMPLETENESS_EDGES[1:-1], rows["completeness"], side="right")
    complete = np.isfinite(rows["completeness"])
    for i, (low, high) in enumerate(pairwise(COMPLETENESS_EDGES)):
        groups["completeness", f"{low:g} to {high:g}"] = plants & complete & (place == i)
    scores = [
        {"by": by, "group": group, "area_share": area[inside].sum() / area.sum()}
        | _scores({name: values[inside] for name, values in rows.items()}, area[inside], level)
        for (by, group), inside in groups.items()
        if inside.any()
    ]
    return pd.DataFrame(scores)


def _scores(
    rows: Mapping[str, NDArray], area: NDArray[np.float64], level: float
) -> dict[str, float]:
    truth, value, lower, upper = (rows[name] for name in ("truth", "value", "lower", "upper"))

    def mean(values: NDArray) -> float:
        return float(np.average(values, weights=area))

    return {
        "truth": mean(truth),
        "RMSE": mean((value - truth) ** 2) ** 0.5,
        "bias": mean(value - truth),
        "coverage": mean((truth >= lower) & (truth <= upper)),
        "width": mean(upper - lower),
        "interval_score": mean(interval_score(truth, lower, upper, level)),
        "completeness": mean(rows["completeness"]),
    }


def sum_map(
    known: KnownWorld, rows: Mapping[str, NDArray], flux: str, errors: SumErrors
) -> pd.DataFrame:
    """Sum a map and the truth over zones and years, over the cells and months with a value.

    Args:
        known: The world.
        rows: Result of :func:`map_flux`.
        flux: The flux.
        errors: How errors go together, for the intervals of sums.

    Returns:
        The columns of :data:`SUM_COLUMNS` from ``flux``.
    """
    fields = {
        flux: rows["value"],
        f"{flux}_lower": rows["lower"],
        f"{flux}_upper": rows["upper"],
        f"{flux}_completeness": rows["completeness"],
    }
    zones = (AllCells(), Bands(_BANDS))
    land_cover = known.drivers["IGBP"]
    of_map = aggregate(_product(known, fields, flux), flux, zones, land_cover, errors)
    truth = np.where(np.isfinite(rows["value"]), rows["truth"], np.nan)
    of_truth = aggregate(_product(known, {flux: truth}, flux), flux, zones, land_cover)
    keys = ["flux", "region_kind", "region", "year", "statistic"]
    both = of_map.merge(of_truth[[*keys, "value"]].rename(columns={"value": "truth"}), on=keys)
    first = "total" if "total" in set(both["statistic"]) else "mean"
    return both[(both["statistic"] == first) & (both["year"] != ALL_YEARS)]


def _product(known: KnownWorld, fields: Mapping[str, NDArray], flux: str) -> xr.Dataset:
    """Return fields (month, cell) on the grid of the drivers."""
    land, drivers = known.world.earth.land, known.drivers
    data = {}
    for name, values in fields.items():
        grid = np.full((known.months, *land.shape), np.nan, dtype=np.float32)
        grid[:, land] = values
        attributes = {"units": variable_of(flux).unit} if name == flux else {}
        data[name] = (("time", "latitude", "longitude"), grid, attributes)
    coords = {axis: drivers[axis] for axis in ("time", "latitude", "longitude")}
    return xr.Dataset(data, coords).assign(time_bnds=drivers["time_bnds"].reset_coords(drop=True))


def _at_unseen(fitted: Fitted, table: pd.DataFrame) -> pd.DataFrame:
    """Predict further towers, with intervals."""
    predicted = []
    for member in fitted.members.values():
        rows = _usable(table, member.predictors, fitted.flux)
        X = np.ascontiguousarray(rows[list(member.predictors)], dtype="float32")
        values = {"truth": rows[fitted.flux], "prediction": np.ravel(member.packed.predict(X))}
        predicted.append(rows[["site_id", "time"]].assign(**values))
    ensemble = mean_of_members(pd.concat(predicted))
    predictors = list(fitted.intervals.predictors)
    known = table[list(dict.fromkeys(["site_id", "time", "IGBP", *predictors]))]
    found = ensemble.merge(known, on=["site_id", "time"], validate="one_to_one")
    std = found["spread"].to_numpy("float32") if len(fitted.members) > 1 else None
    bounds = fitted.intervals.bounds(
        found[predictors].to_numpy("float32"), found["prediction"].to_numpy(), std
    )
    return found.assign(lower=bounds.lower, upper=bounds.upper)


def _score_towers(judged: Mapping[str, pd.DataFrame], level: float) -> pd.DataFrame:
    rows = []
    for name, table in judged.items():
        error = table["prediction"] - table["truth"]
        towers = score_by_tower(table, level)
        rows.append(
            {
                "judged_on": name,
                "n_towers": len(towers),
                "NSE": 1 - (error**2).mean() / table["truth"].var(ddof=0),
                "RMSE": (error**2).mean() ** 0.5,
                **towers[["coverage", "width", "interval_score"]].mean(),
            }
        )
    return pd.DataFrame(rows)
