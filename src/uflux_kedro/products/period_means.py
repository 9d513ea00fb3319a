"""Prediction of long periods: the mean of the predictions of every step in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from uflux_kedro.products.fields import (
    BY_RULE,
    INAPPLICABLE,
    INCOMPLETE,
    NO_LAND,
    NO_MEMBER,
    OUTSIDE,
    Field,
    Unvegetated,
    product_fields,
)
from uflux_kedro.products.kernel import (
    Calibrated,
    Predictor,
    level_of,
    mean_and_spread,
    predict_region,
    quantiles_of,
    zero_by_rule,
)

LEAST_SHARE = 0.5
"""Share of a period's days that must be predicted for the period to have a value."""

_BOUNDS = ("lower", "upper", "completeness")


def predict_periods(
    members: Mapping[str, Predictor],
    drivers: xr.Dataset,
    parts: Sequence[tuple[slice, NDArray[np.float64]]],
    fields: Sequence[Field],
    quantiles: Sequence[float] = (),
    *,
    uncertainty: Calibrated | None = None,
    unvegetated: Unvegetated = "predict",
    timing: dict[str, float] | None = None,
    **settings: Any,
) -> dict[str, NDArray]:
    """Predict all cells of a region for periods that are means of several steps.

    Each step is predicted on its own and added up, so that memory does not grow with the steps of
    a period. A member that lacks a step is given the mean of the others there, as in totals, and
    has a value of its own where it predicted half of the days. Bounds of the interval are the means
    of the steps' bounds: they hold if the errors of the steps of a period are the same throughout,
    and are wide otherwise.

    Args:
        members: Name -> fitted member.
        drivers: Drivers of the region, at the members' step.
        parts: For each period, its place along the drivers' time and the days of each step.
        fields: Fields to compute, as for :func:`~uflux_kedro.products.kernel.predict_region`.
        quantiles: Quantiles of the field ``quantiles``.
        uncertainty: Calibrated uncertainty of the flux at the members' step.
        unvegetated: What the flux is on snow, ice and barren land.
        timing: If given, its ``reading`` is set to the seconds spent on reading.
        settings: ``n_jobs``, ``block_rows`` and ``mask`` of ``predict_region``.

    Returns:
        Name of the field -> its values, in the field's dimensions and type. The flag has bits 2
        and 16 where half of the days have them, and bit 1 where a step lacks a member.
    """
    flux, axes = fields[0].name, fields[0].dims[-2:]
    of_step = product_fields(
        flux, axes, keep_members=True, level=level_of(uncertainty), ruled=unvegetated != "predict"
    )
    shape = (len(parts), *(drivers.sizes[axis] for axis in axes))
    lengths = {"member": len(members), "quantile": len(quantiles)}
    grids = {
        f.name: np.full((*(lengths[d] for d in f.dims[:-3]), *shape), f.empty, dtype=f.dtype)
        for f in fields
    }
    reading = 0.0
    for period, (steps, days) in enumerate(parts):
        sums = _Sums(len(members), shape[1:], days.sum())
        for step, length in zip(range(steps.start, steps.stop), days, strict=True):
            took: dict[str, float] = {}
            found = predict_region(
                members, drivers.isel(time=slice(step, step + 1)), of_step,
                uncertainty=uncertainty, unvegetated=unvegetated, timing=took, **settings,
            )  # fmt: skip
            reading += took.get("reading", 0.0)
            sums.add({f.key: found[f.name][..., 0, :, :] for f in of_step}, length)
        values = sums.fields(quantiles)
        for f in fields:
            grids[f.name][..., period, :, :] = values[f.key]
            if unvegetated == "zero" and zero_by_rule(f):
                grids[f.name][..., period, sums.by_rule] = 0
    if timing is not None:
        timing["reading"] = reading
    return grids


class _Sums:
    """Sums over the steps of one period of a region's map, weighted by days."""

    def __init__(self, members: int, shape: tuple[int, ...], days: float) -> None:
        self._days = days
        self._members, self._own = np.zeros((2, members, *shape))
        self._mean, self._known, self._outside, self._inapplicable = np.zeros((4, *shape))
        self._bounds = np.zeros((3, *shape))
        self._incomplete = np.zeros(shape, dtype=bool)
        self.by_rule = np.zeros(shape, dtype=bool)
        self._land = np.zeros(shape, dtype=bool)

    def add(self, step: Mapping[str, NDArray], days: float) -> None:
        """Add the fields of one step, by key; each (rows, columns), members first."""
        mean, flag = step["mean"], step["flag"]
        known = np.isfinite(mean) & (flag & BY_RULE == 0)
        filled = np.where(known, mean, 0.0)
        own = np.isfinite(step["members"]) & known
        self._members += days * np.where(own, step["members"], filled)
        self._own += days * own
        self._mean += days * filled
        self._known += days * known
        self._outside += days * (flag & OUTSIDE > 0)
        self._inapplicable += days * (flag & INAPPLICABLE > 0)
        self._incomplete |= flag & (INCOMPLETE | NO_MEMBER) > 0
        self._land |= flag & NO_LAND == 0
        self.by_rule |= flag & BY_RULE > 0
        for i, key in enumerate(_BOUNDS):
            if key in step:
                self._bounds[i] += days * np.where(known, step[key], 0.0)

    def fields(self, quantiles: Sequence[float]) -> dict[str, NDArray]:
        """Return the period's fields by key."""
        enough = self._known >= LEAST_SHARE * self._days
        known = np.where(enough, self._known, np.nan)
        kept = enough & (self._own >= LEAST_SHARE * self._days)
        block = np.where(kept, self._members / known, np.nan).astype(np.float32)
        flat = block.reshape(len(block), -1)
        mean, spread, count = mean_and_spread(flat)
        shape = enough.shape
        mean = mean.reshape(shape)
        aside = mean - self._mean / known
        lower, upper, completeness = self._bounds / known
        flag = (
            INCOMPLETE * self._incomplete
            + OUTSIDE * (self._outside >= LEAST_SHARE * self._days)
            + NO_MEMBER * (count == 0).reshape(shape)
            + INAPPLICABLE * (self._inapplicable >= LEAST_SHARE * self._days)
        )
        flag = np.where(self.by_rule, BY_RULE, np.where(self._land, flag, NO_LAND))
        return {
            "members": block,
            "quantiles": quantiles_of(flat, count, quantiles).reshape(len(quantiles), *shape),
            "mean": mean,
            "std": spread.reshape(shape),
            "count": count.reshape(shape),
            "flag": flag,
            "lower": lower + aside,
            "upper": upper + aside,
            "completeness": completeness,
        }
