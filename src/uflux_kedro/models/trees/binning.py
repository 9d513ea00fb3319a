"""Binning of columns to bytes, by thresholds learnt from the training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit, uint64

BinType = Literal["percentile", "interval"]

MAX_BINS = 255


@dataclass(frozen=True)
class Binner:
    """Thresholds of each column; a value's bin is the number of thresholds strictly below it.

    Attributes:
        thresholds: (columns, 255) float64, ascending; unused entries are infinity.
    """

    thresholds: np.ndarray

    @classmethod
    def fit(
        cls,
        X: np.ndarray,
        *,
        n_bins: int,
        bin_type: BinType,
        subsample: int,
        random_state: np.random.RandomState,
    ) -> Binner:
        """Learn thresholds.

        Args:
            X: (rows, columns) float64, finite.
            n_bins: Maximum number of bins of a column, 2 to 255.
            bin_type: ``percentile`` for bins of equal numbers of rows, ``interval`` for bins of
                equal width. A column of at most ``n_bins`` distinct values gets a bin for each.
            subsample: Maximum number of rows to learn from, drawn without replacement.
            random_state: Random generator that draws them.
        """
        if len(X) > subsample:
            X = X[random_state.choice(len(X), subsample, replace=False)]
        columns = [_thresholds(column, n_bins, bin_type) for column in X.T]
        thresholds = np.full((len(columns), MAX_BINS), np.inf)
        for row, found in zip(thresholds, columns, strict=True):
            row[: len(found)] = found
        return cls(thresholds)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the thresholds for storage."""
        return {"thresholds": self.thresholds}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], columns: int) -> Binner:
        """Make a binner from what :meth:`to_arrays` returned.

        Raises:
            ValueError: If the thresholds are not those of ``columns`` columns.
        """
        thresholds = arrays["thresholds"]
        if thresholds.shape != (columns, MAX_BINS) or thresholds.dtype != np.float64:
            raise ValueError(
                f"expected float64 thresholds of shape {(columns, MAX_BINS)}, "
                f"found {thresholds.dtype} of shape {thresholds.shape}"
            )
        return cls(thresholds)

    def transform(self, X: np.ndarray, table: np.ndarray, first: int = 0) -> None:
        """Write the bins of (rows, columns) ``X`` to the uint8 ``table``, from column ``first``."""
        _write_bins(np.ascontiguousarray(X, dtype=np.float64), self.thresholds, table, first)


def _thresholds(column: np.ndarray, n_bins: int, bin_type: BinType) -> np.ndarray:
    distinct = np.unique(column)
    if len(distinct) <= n_bins:
        return (distinct[:-1] + distinct[1:]) * 0.5
    if bin_type == "interval":
        return np.linspace(distinct[0], distinct[-1], n_bins + 1)[1:-1]
    shares = np.linspace(0, 100, n_bins + 1)[1:-1]
    return np.percentile(column, shares, method="midpoint")


@njit(nogil=True, cache=True, error_model="numpy")
def _write_bins(X, thresholds, table, first):
    """Bin each value by a binary search without branches: eight steps for 255 thresholds."""
    for column in range(X.shape[1]):
        places = thresholds[column]
        for row in range(X.shape[0]):
            value = X[row, column]
            found = np.uint64(0)
            step = np.uint64(128)
            while step > np.uint64(0):
                below = places[found + step - np.uint64(1)] < value
                found += step * uint64(below)
                step >>= np.uint64(1)
            table[row, first + column] = found
