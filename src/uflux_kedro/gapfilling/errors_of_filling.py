"""How far a filled value may be from what would have been measured: spread and interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.gapfilling.held_out import LENGTH_CLASSES, length_class
from uflux_kedro.uncertainty.intervals import weighted_quantile
from uflux_kedro.uncertainty.learners import boost_roots
from uflux_kedro.uncertainty.parameters import IntervalParameters

_TREES = IntervalParameters(trees=80, depth=4, learning_rate=0.08)
_FOLDS = 3
_BLOCK_DAYS = 12
"""Days in a row that are in one fold."""
_PRIOR = 500.0
"""Hidden records of a class at which its own errors count as much as those of all."""
_LEAST = 0.05
"""Least spread as a share of its median: no value is known for certain."""
_TINY = 1e-9
"""Least spread at all, in the flux's unit."""


class Errors(NamedTuple):
    """Error of filled values, (rows,).

    Attributes:
        sd: Standard deviation.
        reach: Half the width of the interval.
    """

    sd: NDArray[np.float64]
    reach: NDArray[np.float64]


@dataclass(frozen=True)
class ErrorModel:
    """Errors of a filler by the conditions of a gap.

    Attributes:
        columns: What the spread is learnt from.
        trees: Boosted trees of the square root of the absolute error.
        least: Least spread.
        quantiles: Quantile of error / spread at the level by length class and night, day.
        scales: Root mean square of error / spread, likewise.
    """

    columns: tuple[str, ...]
    trees: Any
    least: float
    quantiles: NDArray[np.float64]
    scales: NDArray[np.float64]

    def errors(self, conditions: pd.DataFrame, day: NDArray[np.bool_]) -> Errors:
        """Return the errors of filled values under these conditions, (rows, columns)."""
        spread = _spread(self.trees, conditions[list(self.columns)], self.least)
        kind = length_class(conditions["days"].to_numpy()), day.astype(int)
        return Errors(spread * self.scales[kind], spread * self.quantiles[kind])


def fit_errors(
    rows: pd.DataFrame,
    error: NDArray[np.float64],
    conditions: pd.DataFrame,
    day: NDArray[np.bool_],
    steps_a_day: int,
    *,
    level: float,
    seed: int,
) -> tuple[ErrorModel, NDArray[np.float64]]:
    """Learn the spread of errors and calibrate intervals on hidden records.

    The spread at a record is from trees that saw none of the twelve days around it, so that the
    quantiles are those of new records: split conformal prediction by length class and part of the
    day (Vovk et al. 2005), each drawn to that of all, the more so the fewer its records.

    Args:
        rows: As of :func:`uflux_kedro.gapfilling.held_out.hide_and_fill`.
        error: Filled minus measured value, (rows,).
        conditions: What the spread may depend on, among it ``days``, (rows, columns).
        day: Whether the sun shines, (rows,).
        steps_a_day: 48 or 24.
        level: Coverage of the intervals.
        seed: Seed of the trees.

    Returns:
        The model, and error / spread of each row by the trees that did not see it.
    """
    size = np.abs(error)
    # A flux that never changes is filled without error; its spread is small, not nothing.
    least = max(_LEAST * float(np.median(size) or size.mean()), _TINY)
    fold = rows["step"].to_numpy() // (_BLOCK_DAYS * steps_a_day) % _FOLDS
    features = conditions.to_numpy(dtype=np.float32)
    weights = np.ones(len(error))
    spread = np.full(len(error), np.nan)
    for held in range(_FOLDS):
        inside, outside = fold == held, fold != held
        if inside.any() and outside.any():
            trees = boost_roots(features[outside], size[outside], weights[outside], _TREES, seed)
            spread[inside] = _spread(trees, conditions[inside], least)
    spread = np.where(np.isfinite(spread), spread, max(size.mean(), least))
    score = size / spread
    kind = length_class(rows["days"].to_numpy())
    quantiles = np.empty((len(LENGTH_CLASSES) + 1, 2))
    scales = np.empty_like(quantiles)
    for number in range(len(LENGTH_CLASSES) + 1):
        for part in range(2):
            own = (kind == number) & (day == bool(part))
            share = own.sum() / (own.sum() + _PRIOR)
            weight = (1 - share) / len(score) + np.where(own, share / max(own.sum(), 1), 0.0)
            quantiles[number, part] = min(weighted_quantile(score, weight, level), score.max())
            scales[number, part] = np.sqrt(weight @ score**2)
    trees = boost_roots(features, size, weights, _TREES, seed)
    model = ErrorModel(tuple(conditions), trees, least, quantiles, scales)
    return model, error / spread


def _spread(trees: Any, conditions: pd.DataFrame, least: float) -> NDArray[np.float64]:
    roots = trees.predict(conditions.to_numpy(dtype=np.float32)).astype(np.float64)
    return np.maximum(np.square(np.maximum(roots, 0.0)), least)


def conditions_of(
    filled: pd.DataFrame,
    value: NDArray[np.float64],
    fillers: Sequence[str],
    predictors: pd.DataFrame,
) -> pd.DataFrame:
    """Return what the spread is learnt from.

    Args:
        filled: ``days``, ``edge`` and the fillers' values, (rows, columns).
        value: Their combination, (rows,).
        fillers: Columns of the fillers.
        predictors: Predictors of the same steps, (rows, columns).
    """
    known = [c for c in _CONDITIONS if c in predictors]
    return pd.DataFrame(
        {
            "days": filled["days"].to_numpy(),
            "edge": filled["edge"].to_numpy(),
            "value": value,
            "apart": filled[list(fillers)].std(axis=1, ddof=0).to_numpy(),
            **({"similar_sd": filled["similar_sd"].to_numpy()} if "similar_sd" in filled else {}),
        }
        | {c: predictors[c].to_numpy() for c in known}
    )


_CONDITIONS = (
    "SW_IN",
    "TA",
    "VPD",
    "SW_IN_POT",
    "hour_sin",
    "hour_cos",
    "TA_30_days",
    "WS",
    "USTAR",
)
