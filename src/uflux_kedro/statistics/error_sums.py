"""Intervals of a product's sums over zones, from the intervals of its cells.

The variance of a sum is a double sum over all pairs of cells and periods. Here cells are gathered
in blocks as they are read, tile by tile, and pairs are formed of blocks: within a block and between
blocks the mean correlation is used, and each cell's share of its own is added from the sum of
squares. Memory grows with the number of blocks and periods, not with that of cells.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from uflux_kedro.statistics.correlated import (
    EARTH_RADIUS_KM,
    SumErrors,
    distances_km,
    unit_vectors,
)
from uflux_kedro.statistics.zones import Tile, centres_in_degrees

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_MOST_BLOCKS = 4000
"""Blocks that cover the grid, at most; oceans count."""
_COARSE_KM = 1000.0
"""Edge of a block where neighbours have nothing in common, so that its size does not matter."""
_BLOCKS_A_RANGE = 2
"""Blocks across the shorter range of the correlation."""
_COLUMNS = 1 << 14
"""More than the columns of blocks around the Earth, and the rows between the poles."""
_CLASSES = 256
_PIECE = 400
"""Periods of which pairs are formed at once."""


class HalfWidths(NamedTuple):
    """Distances from sums to the bounds of their intervals, below and above: (2, zones, sums)."""

    correlated: NDArray[np.float64]
    """With the correlation of errors as it was estimated."""
    independent: NDArray[np.float64]
    """As if the errors of cells and periods were independent."""
    dependent: NDArray[np.float64]
    """As if all errors were the same: the sum of the cells' bounds."""


class Membership(NamedTuple):
    """Where the cells of a tile belong: rows of :class:`ErrorSums`, with weights."""

    rows: NDArray[np.intp]
    weights: csr_array
    """(rows, cells), m2."""
    places: NDArray[np.float64]
    """Centres of the cells on the unit sphere (cells, 3)."""


class ErrorSums:
    """Sums of half-widths over the cells of a zone, block and class, by period.

    Args:
        errors: Correlation of errors and multipliers.
        zones: Number of zones.
        days: Starts of the periods, days since any date, ascending (periods,).
        area_km2: Area of the grid, from which the size of blocks follows.
    """

    def __init__(
        self, errors: SumErrors, zones: int, days: NDArray[np.float64], area_km2: float
    ) -> None:
        self.errors = errors
        self.zones = zones
        self.days = np.asarray(days, float)
        self.edge = _edge(errors, area_km2)
        self._key = np.zeros(0, dtype=np.int64)
        self._amount = np.zeros((2, 0, self.days.size))
        self._square = np.zeros((2, 0, self.days.size))
        self._place = np.zeros((0, 3))
        self._weight = np.zeros(0)

    def members(self, shares: csr_array, tile: Tile) -> Membership:
        """Return where the cells of a tile belong.

        Args:
            shares: Share of each cell in each zone (zones, cells).
            tile: The tile.
        """
        from scipy.sparse import csr_array

        entries = shares.tocoo()
        longitude, latitude = centres_in_degrees(tile)
        block = _blocks(latitude, longitude, self.edge)
        classes = 0 if tile.classes is None else tile.classes.ravel().astype(np.int64)[entries.col]
        zone_block = entries.row.astype(np.int64) * _COLUMNS**2 + block[entries.col]
        keys, place = np.unique(zone_block * _CLASSES + classes, return_inverse=True)
        rows = self._rows(keys)
        weights = entries.data * tile.area.ravel()[entries.col]
        matrix = csr_array((weights, (place, entries.col)), shape=(len(keys), tile.cells))
        return Membership(rows, matrix, unit_vectors(latitude, longitude))

    def add(self, members: Membership, times: slice, half_widths: NDArray[np.float64]) -> None:
        """Add the half-widths of a tile's cells.

        Args:
            members: Where the cells belong.
            times: The periods.
            half_widths: Below and above the value (2, cells, periods), 0 for missing cells.
        """
        squares = members.weights.power(2)
        for side in (0, 1):
            self._amount[side, members.rows, times] += members.weights @ half_widths[side]
            self._square[side, members.rows, times] += squares @ half_widths[side] ** 2
        cell = half_widths.sum(axis=(0, 2))
        self._weight[members.rows] += members.weights @ cell
        self._place[members.rows] += members.weights @ (cell[:, None] * members.places)

    def half_widths(
        self, weights: NDArray[np.float64], only: NDArray[np.bool_] | None = None
    ) -> HalfWidths:
        """Return the intervals of sums over zones and periods.

        Args:
            weights: Weight of each period in each sum (sums, periods), such as days.
            only: Periods that count in each zone (zones, periods); None for all.
        """
        shape = (2, self.zones, len(weights))
        dependent, squares, variance = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        used = np.flatnonzero(self._weight > 0)
        zone = self._key[used] // (_COLUMNS**2 * _CLASSES)
        for one in np.unique(zone):
            rows = used[zone == one]
            amount, square = self._amount[:, rows], self._square[:, rows]
            if only is not None:
                amount, square = amount * only[one], square * only[one]
            dependent[:, one] = amount.sum(1) @ weights.T
            squares[:, one] = square.sum(1) @ (weights**2).T
            variance[:, one] = self._variance(rows, amount, square, weights)
        correlated = self.errors.zone_factor * np.sqrt(variance.clip(0))
        return HalfWidths(correlated, np.sqrt(squares), dependent)

    def _variance(
        self,
        rows: NDArray[np.intp],
        amount: NDArray[np.float64],
        square: NDArray[np.float64],
        weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return the variance of sums over the cells of one zone (2, sums), below and above.

        Args:
            rows: The zone's rows.
            amount: Sums of half-widths (2, rows, periods).
            square: Sums of their squares, likewise.
            weights: Weight of each period in each sum (sums, periods).
        """
        errors = self.errors
        classes = self._key[rows] % _CLASSES
        codes, code = np.unique(classes, return_inverse=True)
        # Class 0 is that of a product without land cover: all cells share alike.
        common = np.array([errors.common(int(c) if c else None) for c in codes])
        own = 1 - common[code]
        block, first = np.unique(self._key[rows] // _CLASSES, return_inverse=True)
        gather, by_class = _gather(first, len(block)), _gather(code, len(codes))
        place, spread = self._positions(gather @ self._place[rows], gather @ self._weight[rows])
        level_between, passing_between = (
            _mean_correlation(place, spread, reach) if shared else None
            for shared, reach in (
                (errors.level_shared, errors.level_range_km),
                (errors.passing_shared, errors.passing_range_km),
            )
        )
        total = np.zeros((2, len(weights)))
        for side in (0, 1):
            sums, squares = amount[side], square[side]
            in_classes = by_class @ sums
            for feature in errors.level_features(self.days):
                at = (weights * feature).T
                total[side] += errors.common() * (in_classes.sum(0) @ at) ** 2
                total[side] += (common - errors.common()) @ (in_classes @ at) ** 2
            root = np.sqrt(gather @ (own[:, None] * squares))
            total[side] += _over_blocks(
                gather @ (np.sqrt(own)[:, None] * sums),
                root,
                errors.level_shared,
                level_between,
                self._level_form,
                weights,
            )
            total[side] += _over_blocks(
                gather @ sums, np.sqrt(gather @ squares), errors.passing_shared, passing_between,
                self._passing_form, weights,
            )  # fmt: skip
        return total

    def _level_form(
        self, left: NDArray[np.float64], right: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the bilinear form of the level's correlation in time (rows, sums)."""
        found = np.zeros((len(left), len(weights)))
        for feature in self.errors.level_features(self.days):
            at = (weights * feature).T
            found += (left @ at) * (right @ at)
        return found

    def _passing_form(
        self, left: NDArray[np.float64], right: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the bilinear form of the passing part's correlation in time (rows, sums).

        Long records are taken in pieces, and what still lasts of earlier pieces is carried along,
        so that no matrix of all lags is needed.
        """
        errors, found = self.errors, np.zeros((len(left), len(weights)))
        for number, weight in enumerate(weights):
            times = np.flatnonzero(weight)
            carried, last = np.zeros((2, len(left))), 0.0
            for start in range(0, times.size, _PIECE):
                piece = times[start : start + _PIECE]
                days = self.days[piece]
                a, b = left[:, piece] * weight[piece], right[:, piece] * weight[piece]
                matrix = errors.passing_in_time(days[:, None] - days)
                found[:, number] += ((a @ matrix) * b).sum(1)
                if start:
                    still = errors.decaying * np.exp((last - days) / errors.decay_days)
                    found[:, number] += carried[0] * (b @ still) + carried[1] * (a @ still)
                    carried *= np.exp((last - days[-1]) / errors.decay_days)
                fading = np.exp((days - days[-1]) / errors.decay_days)
                carried += (a @ fading, b @ fading)
                last = days[-1]
        return found

    def _positions(
        self, place: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return centres (n, 3) of blocks on the unit sphere and mean squares of distances, km2.

        Cells lie on the sphere: the further their mean lies below it, the wider they are spread.
        """
        mean = place / weight[:, None]
        length = np.linalg.norm(mean, axis=1)
        return mean / length[:, None], 2 * (1 - length**2).clip(0) * EARTH_RADIUS_KM**2

    def _rows(self, keys: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return the rows of keys, making those that are new."""
        new = np.setdiff1d(keys, self._key)
        if new.size:
            periods = self.days.size
            empty = np.zeros((2, new.size, periods))
            self._key = np.concatenate([self._key, new])
            self._amount = np.concatenate([self._amount, empty], axis=1)
            self._square = np.concatenate([self._square, empty], axis=1)
            self._place = np.concatenate([self._place, np.zeros((new.size, 3))])
            self._weight = np.concatenate([self._weight, np.zeros(new.size)])
        order = np.argsort(self._key)
        return order[np.searchsorted(self._key, keys, sorter=order)]


def _gather(labels: NDArray[np.intp], n: int) -> csr_array:
    """Return the matrix (n, rows) that sums rows by their label."""
    from scipy.sparse import csr_array

    return csr_array((np.ones(len(labels)), (labels, np.arange(len(labels)))), (n, len(labels)))


def _edge(errors: SumErrors, area_km2: float) -> float:
    """Return the edge of blocks, km."""
    ranges = [
        reach
        for shared, reach in (
            (errors.level_shared, errors.level_range_km),
            (errors.passing_shared, errors.passing_range_km),
        )
        if shared > 0
    ]
    wanted = min(ranges) / _BLOCKS_A_RANGE if ranges else _COARSE_KM
    return float(max(wanted, np.sqrt(area_km2 / _MOST_BLOCKS), 4 * np.pi * EARTH_RADIUS_KM / _COLUMNS))  # fmt: skip


def _blocks(
    latitude: NDArray[np.float64], longitude: NDArray[np.float64], edge: float
) -> NDArray[np.int64]:
    """Return the number of the block of each cell: about square, ``edge`` km wide."""
    degrees = np.rad2deg(edge / EARTH_RADIUS_KM)
    row = np.floor((latitude + 90) / degrees).astype(np.int64)
    middle = np.deg2rad(((row + 0.5) * degrees - 90).clip(-89.9, 89.9))
    column = np.floor((longitude % 360) / (degrees / np.cos(middle)).clip(max=360.0))
    return row * _COLUMNS + column.astype(np.int64)


def _over_blocks(
    sums: NDArray[np.float64],
    roots: NDArray[np.float64],
    shared: float,
    between: NDArray[np.float64] | None,
    form: Callable[..., NDArray[np.float64]],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the variance (sums,) of one part of the errors over blocks of cells.

    A cell's pair with itself counts in full, and is no pair of neighbours. Between periods it
    is taken as if the pattern within a block were the same in both, which it is at most.

    Args:
        sums: Sums of half-widths (blocks, periods).
        roots: Roots of the sums of their squares, likewise.
        shared: Share that neighbours have in common.
        between: Mean correlation within and between blocks; None where nothing is shared.
        form: Bilinear form of the part's correlation in time.
        weights: Weight of each period in each sum (sums, periods).
    """
    if between is None:
        return form(roots, roots, weights).sum(0)
    itself = (1 - shared * np.diag(between))[:, None] * roots
    return (form(itself, roots, weights) + form(shared * (between @ sums), sums, weights)).sum(0)


def _mean_correlation(
    place: NDArray[np.float64], spread: NDArray[np.float64], reach: float
) -> NDArray[np.float64]:
    """Return the mean of exp(-distance / reach) between blocks, and within them (n, n).

    Within a block it is that of a square with the same mean square of distances; between blocks
    the exponential is expanded about the distance of their centres.

    Args:
        place: Centres (n, 3).
        spread: Mean square of the distance between two cells of a block (n,), km2.
        reach: Range, km.
    """
    distance = distances_km(place, place)
    # Variance of the difference of two cells' positions along one axis.
    axis = (spread[:, None] + spread) / 4
    far = np.sqrt(distance**2 + axis) / reach
    between = np.exp(-far + (axis / (2 * reach**2)).clip(max=0.25)).clip(max=1.0)
    edges, mean = _squares()
    np.fill_diagonal(between, np.interp(np.sqrt(3 * spread) / reach, edges, mean))
    return between


@cache
def _squares() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return edges of squares, and the mean of exp(-distance) over pairs of points in them.

    The density of the distance s between two points of the unit square (Philip 2007, The
    probability distribution of the distance between two random points in a box) is integrated.
    """
    s = (np.arange(4000) + 0.5) / 4000 * np.sqrt(2)
    long = np.sqrt((s**2 - 1).clip(0))
    inside = 2 * s * (s**2 - 4 * s + np.pi)
    outside = 2 * s * (4 * long - (s**2 + 2 - np.pi) - 4 * np.arccos((1 / s).clip(max=1.0)))
    density = np.where(s <= 1, inside, outside)
    edges = np.concatenate([[0.0], np.geomspace(1e-3, 1e3, 200)])
    return edges, (np.exp(-edges[:, None] * s) @ density) / density.sum()
