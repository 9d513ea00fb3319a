"""Periods of a product: those of its drivers, or means of several of them.

Members predict at the step of time at which they learnt. A product of longer periods averages
their predictions, since a model of the mean weather does not give the mean of the fluxes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.lazy import xr
from uflux_kedro.models.steps import Step

ProductStep = Literal["month", "day", "half-year"]
"""Length of a product's periods."""

MembersOf = Literal["step", "any"]
"""Whether members must have learnt at the step at which they predict."""

_LENGTHS: Mapping[str, float] = {"day": 1, "week": 7, "month": 30.4, "half-year": 182.6}
_MONTH = 28, 31


def prediction_step(product: ProductStep, learnt: Step) -> ProductStep:
    """Return the step at which members predict a product.

    Args:
        product: Length of the product's periods.
        learnt: Step at which the members learnt.

    Returns:
        Their own step where the product's periods are made of whole ones, else the product's.
    """
    own = learnt in ("day", "month") and _LENGTHS[learnt] < _LENGTHS[product]
    return learnt if own else product  # type: ignore[return-value]


def require_step(learnt: Iterable[str], predicted: str, members_of: MembersOf = "step") -> None:
    """Refuse members that would predict at a step at which they did not learn.

    Args:
        learnt: Step at which each member learnt.
        predicted: Step at which they are to predict.
        members_of: ``any`` refuses none.

    Raises:
        ConfigurationError: Naming both steps and what can be done.
    """
    others = sorted({step for step in learnt if step != predicted})
    if others and members_of == "step":
        raise ConfigurationError(
            f"inference.step: members that learnt from each {' or '.join(others)} are to predict "
            f"each {predicted}. Train members of the same step (towers.resolution), choose another "
            "inference.step, or set inference.members_of: any to use them as they are"
        )


def step_of_drivers(drivers: xr.Dataset) -> str:
    """Return the step of drivers by their bounds: day, week, month, or the number of days."""
    if "time_bnds" not in drivers or not drivers.sizes["time"]:
        return "month"
    starts, ends = _bounds(drivers).T
    days = (ends - starts) / np.timedelta64(1, "D")
    if ((days >= _MONTH[0]) & (days <= _MONTH[1])).all():
        return "month"
    named = [name for name, length in _LENGTHS.items() if (days == length).all()]
    return named[0] if named else f"{days.min():g} to {days.max():g} days"


def _bounds(drivers: xr.Dataset) -> NDArray[np.datetime64]:
    return drivers["time_bnds"].compute().transpose("time", ...).to_numpy()


@dataclass(frozen=True)
class Periods:
    """Periods of a product, each a mean of whole periods of its drivers.

    Attributes:
        bounds: Start and end of each, (n, 2).
        first: Index of the first period of the drivers in each, and after the last, (n + 1,).
        days: Days of each period of the drivers, (m,).
    """

    bounds: NDArray[np.datetime64]
    first: NDArray[np.int64]
    days: NDArray[np.float64]

    @classmethod
    def of(cls, drivers: xr.Dataset, edges: NDArray[np.datetime64]) -> Periods:
        """Group the periods of drivers.

        Args:
            drivers: With ``time_bnds``, without gaps.
            edges: Edges of the product's periods, (n + 1,).

        Raises:
            InputError: If an edge lies within a period of the drivers, or beyond them.
        """
        found = _bounds(drivers)
        edges = np.asarray(edges, dtype=found.dtype)
        every = np.append(found[:, 0], found[-1:, 1])
        if not np.isin(edges, every).all() or len(edges) < 2:
            raise InputError(
                "drivers",
                "time",
                expected=f"whole periods from {edges[0]:.10} to {edges[-1]:.10}".replace("T", " "),
                found=f"edges at {every[0]:.10} to {every[-1]:.10}, {len(found)} periods",
            )
        days = (found[:, 1] - found[:, 0]) / np.timedelta64(1, "D")
        return cls(np.column_stack([edges[:-1], edges[1:]]), np.searchsorted(every, edges), days)

    def of_drivers(self, region: Mapping[str, slice]) -> dict[str, slice]:
        """Return a region's place in the drivers, from that in the product."""
        steps = region["time"]
        inside = slice(int(self.first[steps.start]), int(self.first[steps.stop]))
        return {**region, "time": inside}

    def parts(self, steps: slice) -> list[tuple[slice, NDArray[np.float64]]]:
        """Return the drivers' periods in each of the product's periods of a region.

        Args:
            steps: The region's periods.

        Returns:
            For each, the place among the region's own drivers, and their days.
        """
        edges = self.first[steps.start : steps.stop + 1]
        shift = int(edges[0])
        return [(slice(int(a) - shift, int(b) - shift), self.days[a:b]) for a, b in pairwise(edges)]

    def coordinates(self) -> dict[str, Any]:
        """Return ``time`` and ``time_bnds`` of the product."""
        return {
            "time": ("time", self.bounds[:, 0]),
            "time_bnds": (("time", "bnds"), self.bounds),
        }
