"""Weights of fillers by length of the gap and part of the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.gapfilling.held_out import LENGTH_CLASSES, length_class
from uflux_kedro.gapfilling.pooled import POOLED

_PRIOR = 500.0
"""Hidden records of a class at which its own errors count as much as those of all classes."""
_SUM = 1e3
"""Weight of the equation that the weights sum to 1."""
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

    The weights of a class are drawn to those of all classes, the more so the fewer its records.

    Args:
        rows: As of :func:`uflux_kedro.gapfilling.held_out.hide_and_fill`.
        day: Whether the sun shines, (rows,).
        fillers: Columns of the fillers.
    """
    values, truth = rows[list(fillers)].to_numpy(), rows["truth"].to_numpy()
    known = np.isfinite(values).all(axis=1)
    kind = length_class(rows["days"].to_numpy())
    usual = [number for number, name in enumerate(fillers) if name != INTERPOLATED]
    everywhere = np.zeros(len(fillers))
    # What other towers say must earn its weight.
    own_tower = np.array([fillers[number] != POOLED for number in usual])
    everywhere[usual] = _least_squares(
        values[known][:, usual], truth[known], own_tower / own_tower.sum()
    )
    weights = np.tile(everywhere, (len(LENGTH_CLASSES) + 1, 2, 1))
    for number in range(len(LENGTH_CLASSES) + 1):
        # Across a night nothing can be interpolated.
        serving = list(range(len(fillers))) if number == 0 else usual
        for part in range(2):
            own = known & (kind == number) & (day == bool(part))
            if own.any():
                fitted = _least_squares(values[own][:, serving], truth[own], everywhere[serving])
                weights[number, part, serving] = fitted
    return Stack(tuple(fillers), weights)


def _least_squares(
    values: NDArray[np.float64], truth: NDArray[np.float64], prior: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return weights above 0 that sum to 1, by ridge regression towards ``prior``."""
    from scipy.optimize import nnls

    if not len(truth):
        return prior
    size = np.sqrt(np.mean(values**2)) or 1.0
    ridge = np.sqrt(_PRIOR / max(len(truth), 1))
    scale = size * np.sqrt(len(truth))
    fillers = values.shape[1]
    left = np.vstack([values / scale, ridge * np.eye(fillers), np.full((1, fillers), _SUM)])
    right = np.concatenate([truth / scale, ridge * prior, [_SUM]])
    weights, _ = nnls(left, right)
    return weights / weights.sum()
