"""Weights of fillers by length of the gap and part of the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.gapfilling.held_out import LENGTH_CLASSES, length_class

_PRIOR = 2000.0
"""Hidden records of a class at which its own errors count as much as those of all classes: of long gaps
those of a few, whose errors are alike."""
_SUM = 1e3
"""Weight of the equation that the weights sum to 1."""
_RIDGE = 1e-3
INTERPOLATED = "interpolation"
"""The filler that serves in the shortest gaps alone."""


@dataclass(frozen=True)
class Stack:
    """Weights of fillers.

    Attributes:
        fillers: Their names.
        weights: Length class x night, day -> weight of each filler; (classes, 2, fillers), each not
            negative, summing to 1.
    """

    fillers: tuple[str, ...]
    weights: NDArray[np.float64]

    def combine(self, filled: pd.DataFrame, day: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the weighted mean of the fillers.

        Args:
            filled: ``days`` (length of the gap) and a column of each filler, (rows, columns).
            day: Whether the sun shines, (rows,).
        """
        weights = self.weights[length_class(filled["days"].to_numpy()), day.astype(int)]
        values = filled[list(self.fillers)].to_numpy()
        # A filler that found no value leaves its weight to the others.
        weights = np.where(np.isfinite(values), weights, 0.0)
        with np.errstate(invalid="ignore"):
            return np.nansum(weights * values, axis=1) / weights.sum(axis=1)


def fit_stack(rows: pd.DataFrame, day: NDArray[np.bool_], fillers: Sequence[str]) -> Stack:
    """Find the weights with the least squared error on hidden records.

    The errors of a class are pooled with those of all classes (of the shortest gaps, with those of the
    other part of the day), the more so the fewer its records.

    Args:
        rows: As of :func:`uflux_kedro.gapfilling.held_out.hide_and_fill`.
        day: Whether the sun shines, (rows,).
        fillers: Columns of the fillers.
    """
    errors = rows[list(fillers)].to_numpy() - rows[["truth"]].to_numpy()
    known = np.isfinite(errors).all(axis=1)
    kind = length_class(rows["days"].to_numpy())
    usual = [number for number, name in enumerate(fillers) if name != INTERPOLATED]
    weights = np.zeros((len(LENGTH_CLASSES) + 1, 2, len(fillers)))
    for number in range(len(LENGTH_CLASSES) + 1):
        # Across a night nothing can be interpolated.
        shortest = number == 0 and bool((known & (kind == 0)).any())
        serving = list(range(len(fillers))) if shortest else usual
        others = known & (kind == 0) if shortest else known
        for part in range(2):
            own = known & (kind == number) & (day == bool(part))
            weights[number, part, serving] = _least_error(
                errors[own][:, serving], errors[others][:, serving]
            )
    return Stack(tuple(fillers), weights)


def _least_error(own: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights above 0 that sum to 1, with the least mean squared error.

    Args:
        own: Errors of each filler in a class, (rows, fillers).
        others: Errors in the classes that it is drawn to, which count as much as 2,000 of its own.
    """
    from scipy.optimize import nnls

    fillers = own.shape[1]
    if not len(others):
        return np.full(fillers, 1 / fillers)
    pooled = own.T @ own + _PRIOR * others.T @ others / len(others)
    scale = np.trace(pooled) / fillers
    if not scale > 0:
        return np.full(fillers, 1 / fillers)
    # A trace of a ridge: fillers that agree in everything share their weight.
    root = np.linalg.cholesky(pooled / scale + _RIDGE * np.eye(fillers)).T
    weights, _ = nnls(
        np.vstack([root, np.full((1, fillers), _SUM)]), np.append(np.zeros(fillers), _SUM)
    )
    return weights / weights.sum()
