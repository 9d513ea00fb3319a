"""Fill one flux of a record: base fillers, their weights, errors of records and of sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.gapfilling.context import context_of, gaps_of, training_gaps
from uflux_kedro.gapfilling.drifting import DRIFTING, Seasons, fill_drifting, fit_seasons
from uflux_kedro.gapfilling.errors_of_filling import ErrorModel, conditions_of, fit_errors
from uflux_kedro.gapfilling.held_out import LENGTH_CLASSES, around, hide_and_fill, length_class
from uflux_kedro.gapfilling.learnt import LEARNERS, Learnt, fit_learners
from uflux_kedro.gapfilling.light import daylight
from uflux_kedro.gapfilling.mds import Filled, fill_mds
from uflux_kedro.gapfilling.pooled import POOLED, tuned
from uflux_kedro.gapfilling.stack import INTERPOLATED, Stack, fit_stack
from uflux_kedro.gapfilling.sums import Correlation, fit_correlation, scaled

if TYPE_CHECKING:
    from uflux_kedro.gapfilling.parameters import Method

Driver = NDArray[np.float64] | None
"""Values of each step, (steps,), or None."""

_BAGS = 3


@dataclass(frozen=True)
class Record:
    """One flux of a record and what may fill it.

    Attributes:
        flux: Measured values, NaN in gaps, (steps,).
        predictors: Predictors of every step, (steps, predictors).
        drivers: SW_IN, TA, VPD for marginal distribution sampling, None where there is none.
        steps_a_day: 48 or 24.
        pooled: What trees of other towers say of each step, in standard deviations, (steps,);
            None without.
    """

    flux: NDArray[np.float64]
    predictors: pd.DataFrame
    drivers: tuple[Driver, Driver, Driver]
    steps_a_day: int
    pooled: NDArray[np.float64] | None = None

    @property
    def day(self) -> NDArray[np.bool_]:
        """Whether the sun shines at each step."""
        return daylight(self.predictors)

    def days(self) -> NDArray[np.int64]:
        """Return the number of the day of each step."""
        return np.arange(len(self.flux)) // self.steps_a_day


@dataclass(frozen=True)
class FluxFiller:
    """Fitted filler of one flux.

    Attributes:
        method: Method.
        predictors: Their names.
        learnt: Learners; None for methods without.
        seasons: The drifting response without its drift; None for methods without.
        stack: Weights of the base fillers.
        errors: Errors by conditions.
        correlation: Of the errors in time.
        rows: Hidden records with what filled them, ``filled``, ``sd``, ``lower`` and ``upper``.
    """

    method: Method
    predictors: tuple[str, ...]
    learnt: Learnt | None
    seasons: Seasons | None
    stack: Stack
    errors: ErrorModel
    correlation: Correlation
    rows: pd.DataFrame


def fit_flux(record: Record, method: Method, *, level: float, seed: int, n_jobs: int) -> FluxFiller:
    """Fit the filler of a flux on its measured records.

    All that is weighted or calibrated comes from records that the base fillers did not see.
    """
    fillers = _names(method, pooled=record.pooled is not None)

    def fill(
        flux: NDArray[np.float64], wanted: NDArray[np.bool_], turn: int
    ) -> dict[str, NDArray[np.float64]]:
        learnt = None
        if method == "uflux":
            learnt = _learn(record, flux, bags=1, seed=turn, n_jobs=1)
        return _base(record, flux, wanted, learnt, method)[0]

    rows = hide_and_fill(record.flux, fill, record.steps_a_day, seed=seed, n_jobs=n_jobs)
    rows = rows[np.isfinite(rows[list(fillers)].to_numpy()).any(axis=1)].reset_index(drop=True)
    steps = rows["step"].to_numpy()
    day = record.day[steps]
    stack = fit_stack(rows, day, fillers)
    rows["filled"] = stack.combine(rows, day)
    conditions = conditions_of(
        rows, rows["filled"].to_numpy(), fillers, record.predictors.iloc[steps]
    )
    error = (rows["filled"] - rows["truth"]).to_numpy()
    errors, z = fit_errors(rows, error, conditions, day, record.steps_a_day, level=level, seed=seed)
    turn = rows["turn"].to_numpy()
    kind = length_class(rows["days"].to_numpy())
    correlation = fit_correlation(
        z, steps, turn, record.steps_a_day, kind, kinds=len(LENGTH_CLASSES) + 1
    )
    sd, reach = errors.errors(conditions, day)
    correlation = scaled(correlation, error, sd, steps, turn, record.steps_a_day, kind)
    rows = rows.assign(sd=sd, lower=rows["filled"] - reach, upper=rows["filled"] + reach)
    learnt = seasons = None
    if method == "uflux":
        learnt = _learn(record, record.flux, bags=_BAGS, seed=seed, n_jobs=n_jobs)
        seasons = fit_seasons(record.flux, record.predictors, record.day, record.steps_a_day)
    return FluxFiller(
        method, tuple(record.predictors), learnt, seasons, stack, errors, correlation, rows
    )


def fill_flux(filler: FluxFiller, record: Record) -> pd.DataFrame:
    """Fill the gaps of a flux.

    Returns:
        ``value``, ``sd``, ``lower``, ``upper``, ``days`` (length of the gap) and ``mds`` (its quality) of
        each step; measured steps hold what was measured, without error.
    """
    measured = np.isfinite(record.flux)
    gaps = np.flatnonzero(~measured)
    base, mds = _base(record, record.flux, ~measured, filler.learnt, filler.method, filler.seasons)
    filled = pd.DataFrame(around(measured, gaps, record.steps_a_day) | base)
    day = record.day[gaps]
    value = filler.stack.combine(filled, day)
    conditions = conditions_of(filled, value, filler.stack.fillers, record.predictors.iloc[gaps])
    sd, reach = filler.errors.errors(conditions, day)
    out = pd.DataFrame({"value": record.flux, "sd": 0.0, "lower": record.flux,
                        "upper": record.flux, "days": 0.0, "mds": mds.quality})  # fmt: skip
    out.loc[gaps, "value"] = value
    out.loc[gaps, "sd"] = np.where(np.isfinite(value), sd, np.nan)
    out.loc[gaps, "lower"] = value - reach
    out.loc[gaps, "upper"] = value + reach
    out.loc[gaps, "days"] = filled["days"].to_numpy()
    return out


def _names(method: Method, *, pooled: bool) -> tuple[str, ...]:
    if method != "uflux":
        return ("mds",)
    return ("mds", *LEARNERS, DRIFTING, *([POOLED] if pooled else []), INTERPOLATED)


def _learn(
    record: Record, flux: NDArray[np.float64], *, bags: int, seed: int, n_jobs: int
) -> Learnt:
    rows = np.isfinite(flux)
    contexts = [
        _context(record, flux, training_gaps(len(flux), record.steps_a_day, seed * bags + bag))[
            rows
        ]
        for bag in range(bags)
    ]
    return fit_learners(
        record.predictors.to_numpy()[rows],
        contexts,
        flux[rows],
        record.days()[rows],
        seed=seed,
        n_jobs=n_jobs,
    )


def _context(
    record: Record, flux: NDArray[np.float64], gaps: tuple[NDArray[np.intp], NDArray[np.intp]]
) -> NDArray[np.float32]:
    return context_of(flux, gaps, record.day, record.drivers[:2], record.steps_a_day)


def _base(
    record: Record,
    flux: NDArray[np.float64],
    wanted: NDArray[np.bool_],
    learnt: Learnt | None,
    method: Method,
    seasons: Seasons | None = None,
) -> tuple[dict[str, NDArray[np.float64]], Filled]:
    """Return what each base filler says of the wanted steps, and all of marginal distribution sampling."""
    mds = fill_mds(
        flux, *record.drivers, steps_a_day=record.steps_a_day, symmetric=method == "mds_symmetric"
    )
    values: dict[str, Any] = {"mds": mds.value[wanted], "similar_sd": mds.sd[wanted]}
    if learnt is not None:
        steps, known = np.arange(len(flux)), np.isfinite(flux)
        context = _context(record, flux, gaps_of(known))
        values |= learnt.predict(record.predictors.to_numpy()[wanted], context[wanted])
        drifting = fill_drifting(flux, record.predictors, record.day, record.steps_a_day, seasons)
        values[DRIFTING] = drifting[wanted]
        if record.pooled is not None:
            values[POOLED] = tuned(record.pooled, flux, record.day)[wanted]
        # Of another period, nothing may have been measured: there is nothing to interpolate.
        values[INTERPOLATED] = (
            np.interp(steps[wanted], steps[known], flux[known])
            if known.any()
            else np.full(int(wanted.sum()), np.nan)
        )
    return values, mds
