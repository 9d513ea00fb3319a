"""Nearest training points, and points and towers within a distance of places.

Distances are Euclidean, with a fixed gap where categories differ.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numba import njit
from numpy.typing import NDArray

_ROWS = 512
"""Rows that a thread scans at a time."""


class Neighbours(NamedTuple):
    """What is near each of m places.

    Attributes:
        nearest: Distance to the nearest point, (m,) float64: infinite if all are left out, NaN for
            a place with NaN.
        points: Points within the radius, (m,) int64.
        groups: Groups with a point within the radius, (m,) int64.
    """

    nearest: NDArray[np.float64]
    points: NDArray[np.int64]
    groups: NDArray[np.int64]


def scan(
    queries: NDArray[np.float32],
    points: NDArray[np.float32],
    gaps: NDArray[np.float64],
    group: NDArray[np.int32],
    without: NDArray[np.int32],
    radius: float,
    *,
    n_jobs: int = 1,
) -> Neighbours:
    """Compare every place with every point.

    Args:
        queries: Coordinates and categories of the places, shape (m, columns).
        points: The same of the points, shape (n, columns), ordered by ``group``.
        gaps: Distance between two different categories of a column; 0 where the column is a
            coordinate; shape (columns,).
        group: Group (tower or fold) of each point, ascending, shape (n,).
        without: Group that each place leaves out, -1 for none, shape (m,).
        radius: Distance within which points and groups are counted.
        n_jobs: Threads; -1 for all cores.

    Returns:
        The neighbours of each place.
    """
    nearest = np.full(len(queries), np.nan)
    counts = np.zeros((2, len(queries)), dtype=np.int64)
    across = np.ascontiguousarray(points.T)
    squared_gaps = np.square(gaps).astype(np.float32)
    limit = np.square(np.float32(radius))

    def work(start: int) -> None:
        rows = slice(start, start + _ROWS)
        _scan(
            queries[rows],
            across,
            squared_gaps,
            group,
            without[rows],
            limit,
            nearest[rows],
            counts[:, rows],
        )

    starts = range(0, len(queries), _ROWS)
    Parallel(n_jobs=n_jobs, backend="threading")(delayed(work)(start) for start in starts)
    return Neighbours(nearest, counts[0], counts[1])


@njit(nogil=True, cache=True, error_model="numpy")
def _scan(queries, across, gaps, group, without, limit, nearest, counts):
    """Write the distance and the counts of each place."""
    squares = np.empty(across.shape[1], np.float32)
    for i in range(len(queries)):
        if np.isnan(queries[i]).any():
            continue
        _squares(queries[i], across, gaps, squares)
        least, last = np.float32(np.inf), -1
        for j in range(len(squares)):
            if group[j] == without[i]:
                continue
            least = min(least, squares[j])
            if squares[j] <= limit:
                counts[0, i] += 1
                counts[1, i] += group[j] != last
                last = group[j]
        nearest[i] = np.sqrt(least)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _squares(query, across, gaps, squares):
    """Write the squared distance of a place from every point, column by column for vectors."""
    squares[:] = 0
    for c in range(len(across)):
        value, gap, of_points = query[c], gaps[c], across[c]
        if gap > 0:
            for j in range(len(squares)):
                squares[j] += gap if of_points[j] != value else np.float32(0)
        else:
            for j in range(len(squares)):
                squares[j] += (of_points[j] - value) * (of_points[j] - value)


def mean_distance(
    points: NDArray[np.float32], gaps: NDArray[np.float64], *, n_jobs: int = 1
) -> float:
    """Compute the mean distance between two different points.

    Args:
        points: Coordinates and categories, shape (n, columns).
        gaps: As for :func:`scan`.
        n_jobs: Threads; -1 for all cores.

    Returns:
        The mean over all pairs; NaN for fewer than two points.
    """
    n = len(points)
    if n < 2:
        return float("nan")
    across = np.ascontiguousarray(points.T)
    squared_gaps = np.square(gaps).astype(np.float32)
    sums = Parallel(n_jobs=n_jobs, backend="threading")(
        delayed(_sum_of_distances)(points[start : start + _ROWS], across, squared_gaps)
        for start in range(0, n, _ROWS)
    )
    return sum(sums) / (n * (n - 1))


@njit(nogil=True, cache=True, error_model="numpy")
def _sum_of_distances(queries, across, gaps):
    squares = np.empty(across.shape[1], np.float32)
    total = 0.0
    for i in range(len(queries)):
        _squares(queries[i], across, gaps, squares)
        for j in range(len(squares)):
            total += np.sqrt(squares[j])
    return total
