"""Nearest training point of places, and points and towers within a distance.

Distances are Euclidean, with a fixed gap where categories differ. Points lie in leaves of equal
categories, leaves in branches; a place skips those whose box is further than both the radius and the
nearest point so far. Places that are alike follow each other, so that the point nearest to the one tells
how far to look for the next. The result is that of comparing every place with every point, to the last
bit, whatever the order of the places.
"""

from __future__ import annotations

# ruff: noqa: PLR0912 (long loops without calls are fast)
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np
from joblib import Parallel, delayed
from numba import njit, uint64
from numpy.typing import NDArray

from uflux_kedro.uncertainty.vectors import distances, lowest_bit

LEAF, BRANCH = 32, 32
"""Points of a leaf, and leaves of a branch: constants, so that loops over them become vectors."""

_ROWS = 4096
"""Places that a thread searches at a time."""
_SLACK = np.float32(1e-6)
_RAISED = np.float32(1) + _SLACK
"""Boxes are widened and limits raised by more than 32-bit numbers are rounded."""
_RAISED_SUM = np.float32(1 + 1e-5)
"""The same of a sum over many coordinates that is added up in another way."""
_KEY_AXES, _KEY_BITS = 3, 6
_KEY_CELLS = 2**_KEY_BITS
"""Coordinates that say which places are alike, and the cells of each."""
_FARTHEST = np.finfo(np.float32).max


class Found(NamedTuple):
    """What is near each of m places.

    Attributes:
        nearest: Distance to the nearest point, (m,) float32: infinite if all are left out, NaN for
            a place with NaN.
        points: Points within the radius, (m,) int32.
        groups: Groups with a point within the radius, (m,) int32.
    """

    nearest: NDArray[np.float32]
    points: NDArray[np.int32]
    groups: NDArray[np.int32]


class Neighbours(NamedTuple):
    """Points arranged for the search.

    Attributes:
        gaps: Squared distance between two categories of a column, 0 for a coordinate, (columns,).
        points: Coordinates (leaves, coordinates, LEAF) float32; padding is infinite.
        group: Group of each point, (leaves, LEAF) int32; padding is -2.
        middles: Middle of each leaf's box, (branches, coordinates, BRANCH) float32.
        halves: Half of its width, likewise.
        top_middles: Middle of each branch's box, (tops, coordinates, BRANCH) float32.
        top_halves: Half of its width, likewise.
        categories: Categories of each branch, (categories, tops * BRANCH) float32.
        n_groups: Number of groups.
        axes: Coordinates along which points differ most, the first the most.
        lowest: Least value of the points along each of these, (axes,).
        step: Side of the cells within which places are alike.
    """

    gaps: NDArray[np.float32]
    points: NDArray[np.float32]
    group: NDArray[np.int32]
    middles: NDArray[np.float32]
    halves: NDArray[np.float32]
    top_middles: NDArray[np.float32]
    top_halves: NDArray[np.float32]
    categories: NDArray[np.float32]
    n_groups: int
    axes: NDArray[np.intp]
    lowest: NDArray[np.float32]
    step: float

    @classmethod
    def of(
        cls, points: NDArray[np.float32], gaps: NDArray[np.float64], group: NDArray[np.integer]
    ) -> Self:
        """Arrange points.

        Args:
            points: Coordinates and categories, shape (n, columns).
            gaps: Distance between two different categories of a column; 0 where the column is a
                coordinate; shape (columns,).
            group: Group (tower or fold) of each point, from 0, shape (n,).
        """
        numbers = _coordinates(points, gaps)
        kinds, kind = np.unique(points[:, gaps > 0], axis=0, return_inverse=True)
        branches: list[list[NDArray[np.intp]]] = []
        of_branch = []
        for k in range(len(kinds)):
            leaves = list(_leaves(numbers, np.flatnonzero(kind.ravel() == k)))
            parts = [leaves[i : i + BRANCH] for i in range(0, len(leaves), BRANCH)]
            branches += parts
            of_branch += [k] * len(parts)
        tops, width = -(-len(branches) // BRANCH), numbers.shape[1]
        arranged = np.full((len(branches) * BRANCH, width, LEAF), np.inf, np.float32)
        groups = np.full((len(branches) * BRANCH, LEAF), -2, np.int32)
        boxes = np.full((2, len(branches), width, BRANCH), np.nan)
        top_boxes = np.full((2, tops, width, BRANCH), np.nan)
        for b, leaves in enumerate(branches):
            for i, rows in enumerate(leaves):
                arranged[b * BRANCH + i, :, : len(rows)] = numbers[rows].T
                groups[b * BRANCH + i, : len(rows)] = group[rows]
                boxes[:, b, :, i] = numbers[rows].min(axis=0), numbers[rows].max(axis=0)
            top, place = divmod(b, BRANCH)
            low, high = boxes[:, b, :, : len(leaves)]
            top_boxes[:, top, :, place] = low.min(axis=1), high.max(axis=1)
        categories = np.zeros((kinds.shape[1], tops * BRANCH), np.float32)
        categories[:, : len(branches)] = kinds[of_branch].T
        axes = np.argsort(-numbers.std(axis=0), kind="stable")[:_KEY_AXES]
        return cls(
            np.square(gaps).astype(np.float32),
            arranged,
            groups,
            *_middles_and_halves(*boxes),
            *_middles_and_halves(*top_boxes),
            categories,
            int(group.max()) + 1,
            axes,
            numbers[:, axes].min(axis=0),
            max(float(np.ptp(numbers[:, axes[0]])), np.finfo(np.float32).tiny) / _KEY_CELLS,
        )

    def search(
        self,
        places: NDArray[np.float32],
        radius: float,
        without: NDArray[np.int32] | None = None,
        *,
        n_jobs: int = 1,
    ) -> Found:
        """Find what is near places.

        Args:
            places: Coordinates and categories, shape (m, columns).
            radius: Distance within which points and groups are counted.
            without: Group that each place leaves out, -1 for none, shape (m,); None for none.
            n_jobs: Threads; -1 for all cores. It changes no result.
        """
        m = len(places)
        found = Found(np.full(m, np.nan, np.float32), *np.zeros((2, m), np.int32))
        if without is None:
            without = np.full(m, -1, np.int32)
        numbers = _coordinates(places, self.gaps)
        kinds = np.ascontiguousarray(places[:, self.gaps > 0])
        squared_gaps, limit = self.gaps[self.gaps > 0], np.square(np.float32(radius))
        # Vectors are loaded by their position in an array of one dimension.
        arrays = [array.reshape(-1) for array in self[1:7]]
        arranged = [squared_gaps, *arrays, self.categories, self.n_groups, limit]

        def work(start: int) -> None:
            rows = slice(start, start + _ROWS)
            keys = _keys(numbers[rows], kinds[rows], self.axes, self.lowest, self.step)
            alike = start + np.argsort(keys)
            of_rows = [array[alike] for array in (numbers, kinds, without, *found)]
            arguments: list[Any] = [*arranged, *of_rows]
            _search(*arguments)
            for array, values in zip(found, of_rows[3:], strict=True):
                array[alike] = values

        Parallel(n_jobs=n_jobs, backend="threading")(
            delayed(work)(start) for start in range(0, m, _ROWS)
        )
        return found


def _coordinates(values: NDArray[np.float32], gaps: NDArray) -> NDArray[np.float32]:
    """Return the columns that are coordinates, or one of zeros, since padding has to be far."""
    if not (gaps == 0).any():
        return np.zeros((len(values), 1), np.float32)
    return np.ascontiguousarray(values[:, gaps == 0])


def _leaves(numbers: NDArray[np.float32], rows: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Split rows at medians of the widest coordinate into leaves, all but one of them full."""
    if len(rows) <= LEAF:
        yield rows
        return
    values = numbers[rows]
    left = -(-len(rows) // LEAF) // 2 * LEAF
    order = np.argpartition(values[:, np.argmax(np.ptp(values, axis=0))], left)
    yield from _leaves(numbers, rows[order[:left]])
    yield from _leaves(numbers, rows[order[left:]])


def _middles_and_halves(
    lowest: NDArray[np.float64], highest: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return middles and half widths of boxes; padding, which is NaN, is infinitely far."""
    middle = np.where(np.isnan(lowest), np.inf, (lowest + highest) / 2)
    half = (highest - lowest) / 2 + 2 * _SLACK * (abs(lowest) + abs(highest))
    return middle.astype(np.float32), np.nan_to_num(half).astype(np.float32)


_to_points = distances(LEAF, boxes=False)
_to_boxes = distances(BRANCH, boxes=True)


@njit(nogil=True, cache=True, error_model="numpy")
def _keys(numbers, kinds, axes, lowest, step):
    """Return numbers by which places that are alike follow each other: class, then Morton's of cells."""
    keys = np.zeros(len(numbers), np.int64)
    cells = np.zeros(len(axes), np.int64)
    for i in range(len(numbers)):
        for a in range(len(axes)):
            cell = (numbers[i, axes[a]] - lowest[a]) / step
            # NaN is not above 0.
            cells[a] = np.int64(min(cell, _KEY_CELLS - 1)) if cell > 0 else 0
        key = np.int64(0)
        for kind in kinds[i]:
            key = key << 5 ^ np.int64(kind) if kind > 0 else key << 5
        for bit in range(_KEY_BITS - 1, -1, -1):
            for a in range(len(axes)):
                key = key << 1 | cells[a] >> bit & 1
        keys[i] = key
    return keys


@njit(nogil=True, cache=True, error_model="numpy")
def _bound(least, limit):
    """Return the square of the distance beyond which nothing matters; padding lies beyond."""
    return min(max(least, limit) * _RAISED, _FARTHEST)


@njit(nogil=True, cache=True, error_model="numpy")
def _search(
    gaps, points, group, middles, halves, top_middles, top_halves, categories, n_groups, limit,
    numbers, kinds, without, nearest, counts, groups,
):  # fmt: skip
    """Write the distance and the counts of each place."""
    width = uint64(numbers.shape[1])
    n_branches = uint64(categories.shape[1])
    of_box, of_leaf = width * uint64(BRANCH), width * uint64(LEAF)
    seen = np.full(n_groups, -1, np.int64)
    apart = np.zeros(n_branches, np.float32)  # by categories alone
    to_branches = np.empty(BRANCH, np.float32)
    to_leaves = np.empty(BRANCH, np.float32)
    squares = np.empty(LEAF, np.float32)
    last, last_branch = uint64(0), uint64(0)  # nearest point of the place before
    for i in range(len(numbers)):
        if np.isnan(numbers[i]).any() or np.isnan(kinds[i]).any():
            continue
        place, left_out = numbers[i], without[i]
        for c in range(len(gaps)):
            for b in range(n_branches):
                gap = gaps[c] if categories[c, b] != kinds[i, c] else np.float32(0)
                apart[b] = gap if c == 0 else apart[b] + gap
        least, nearby = np.float32(np.inf), np.float32(np.inf)
        if group[last] >= 0 and group[last] != left_out:
            nearby = apart[last_branch]
            first = last // uint64(LEAF) * of_leaf + last % uint64(LEAF)
            for c in range(width):
                nearby += (points[first + c * uint64(LEAF)] - place[c]) ** 2
            # A bound alone: vectors add up in another way, and by them alone the result is the same
            # after any place.
            nearby *= _RAISED_SUM
        bound = _bound(nearby, limit)
        for top in range(uint64(0), n_branches, uint64(BRANCH)):
            to_branches[:] = apart[top : top + uint64(BRANCH)]
            branches = _to_boxes(place, top_middles, top_halves, top * width, bound, to_branches)
            while branches:
                b = top + lowest_bit(branches)
                branches &= branches - uint64(1)
                to_leaves[:] = apart[b]
                leaves = _to_boxes(place, middles, halves, b * of_box, bound, to_leaves)
                while leaves:
                    leaf = b * uint64(BRANCH) + lowest_bit(leaves)
                    leaves &= leaves - uint64(1)
                    squares[:] = apart[b]
                    near = _to_points(place, points, points, leaf * of_leaf, bound, squares)
                    while near:
                        j = lowest_bit(near)
                        near &= near - uint64(1)
                        point = leaf * uint64(LEAF) + j
                        if group[point] == left_out:
                            continue
                        if squares[j] < least:
                            least, last, last_branch = squares[j], point, b
                        if squares[j] <= limit:
                            counts[i] += 1
                            if seen[group[point]] != i:
                                seen[group[point]] = i
                                groups[i] += 1
                    bound = _bound(min(least, nearby), limit)
        nearest[i] = np.sqrt(least)


def mean_distance(
    points: NDArray[np.float32], gaps: NDArray[np.float64], *, n_jobs: int = 1
) -> float:
    """Compute the mean distance between two different points.

    Args:
        points: Coordinates and categories, shape (n, columns).
        gaps: As for :meth:`Neighbours.of`.
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


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _sum_of_distances(places, across, gaps):
    squares = np.empty(across.shape[1], np.float32)
    total = 0.0
    for i in range(len(places)):
        squares[:] = 0
        for c in range(len(across)):
            value, gap, of_points = places[i, c], gaps[c], across[c]
            if gap > 0:
                for j in range(len(squares)):
                    squares[j] += gap if of_points[j] != value else np.float32(0)
            else:
                for j in range(len(squares)):
                    squares[j] += (of_points[j] - value) * (of_points[j] - value)
        total += np.sqrt(squares).sum()
    return total
