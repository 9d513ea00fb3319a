"""Training rows of the cascade forest: sorted, distinct and weighted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from uflux_kedro.errors import InputError

MIN_ROWS = 5
"""With fewer rows, too few are out of a bag to score a layer."""


@dataclass(frozen=True)
class TrainingRows:
    """Distinct training rows.

    Attributes:
        X: (rows, columns).
        y: (rows, targets).
        weight: (rows,), positive.
        bags: (rows,) uint32, number of the unit (a row or a group) that is drawn into bags.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    bags: np.ndarray


def distinct_rows(
    X: np.ndarray, y: np.ndarray, weight: np.ndarray, groups: np.ndarray | None
) -> tuple[TrainingRows, np.ndarray]:
    """Sort rows, drop those of weight 0 and merge identical ones.

    Args:
        X: (rows, columns).
        y: (rows, targets).
        weight: (rows,), not negative.
        groups: (rows,) numbers of the groups; None for none.

    Returns:
        The distinct rows, and the position among them of each given row, -1 if it was dropped.

    Raises:
        InputError: If there are too few rows of positive weight, or fewer than two groups.
    """
    used = np.flatnonzero(weight > 0)
    if len(used) < MIN_ROWS:
        raise InputError(
            "X",
            None,
            expected=f"at least {MIN_ROWS} rows of a positive weight",
            found=f"n_samples = {len(used)}",
        )
    labels = np.zeros(len(X)) if groups is None else groups
    table = np.column_stack([y, X, labels])[used]
    order = np.lexsort(table.T[::-1])
    table = table[order]
    new = np.append(True, np.any(table[1:] != table[:-1], axis=1))
    number = np.cumsum(new) - 1
    places = np.full(len(X), -1)
    places[used[order]] = number
    kept = table[new]
    targets = y.shape[1]
    if groups is None:
        bags = np.arange(len(kept))
    else:
        found, bags = np.unique(kept[:, -1], return_inverse=True)
        if len(found) < 2:
            raise InputError("groups", None, expected="at least 2 groups", found=str(len(found)))
    rows = TrainingRows(
        X=np.ascontiguousarray(kept[:, targets:-1]),
        y=np.ascontiguousarray(kept[:, :targets]),
        weight=np.bincount(number, weights=weight[used][order]),
        bags=bags.astype(np.uint32),
    )
    return rows, places


def group_numbers(groups: ArrayLike | None, rows: int) -> np.ndarray | None:
    """Number the labels of ``groups``.

    Raises:
        InputError: If there is not one label for each row.
    """
    if groups is None:
        return None
    labels = np.asarray(groups)
    if labels.shape != (rows,):
        raise InputError(
            "groups",
            None,
            expected=f"one label for each row, shape ({rows},)",
            found=f"shape {labels.shape}",
        )
    return np.unique(labels, return_inverse=True)[1]
