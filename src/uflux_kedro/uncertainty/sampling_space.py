"""The space of predictors that towers sampled, and how well it is known at a place and time.

Meyer and Pebesma (2021, doi 10.1111/2041-210X.13650) define the dissimilarity index and the area
of applicability, Schumacher et al. (2025, doi 10.5194/gmd-18-10185-2025) the local point density;
R's package CAST implements both. Completeness is ours: it counts towers, not points, since the
months of one tower repeat each other.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uflux_kedro.errors import InputError
from uflux_kedro.uncertainty.neighbours import Neighbours, mean_distance
from uflux_kedro.validation.folds import site_k_fold
from uflux_kedro.variables import VARIABLES

logger = logging.getLogger(__name__)

HALF_COMPLETENESS = 5.0
"""Towers at which completeness is one half."""


class Places(NamedTuple):
    """How well the space is sampled at m places (a place at a time).

    Attributes:
        dissimilarity: Distance to the nearest training point as a fraction of the mean distance
            between training points, (m,).
        density: Training points within the threshold, (m,).
        towers: Towers with a training point within the threshold, (m,).
        completeness: Towers / (towers + ``half``), 0-1, (m,).
    """

    dissimilarity: NDArray[np.float64]
    density: NDArray[np.float64]
    towers: NDArray[np.float64]
    completeness: NDArray[np.float64]


@dataclass(frozen=True)
class SamplingSpace:
    """Training points in the space of standardised predictors, weighted by importance.

    A category, such as ``IGBP``, has no order: all classes are equally far from each other, so far
    that the mean squared difference of two training rows is that of a standardised number of the
    same importance. A class without towers is as far from every tower.

    Attributes:
        predictors: Names of the columns, p.
        centre: Mean of each predictor in training, (p,); 0 for a category.
        scale: Standard deviation of each, (p,); 1 for a category.
        weight: Importance of each, the largest 1, (p,); predictors of weight 0 are disregarded.
        gap: Distance between two classes of a category, (p,); 0 for other predictors.
        points: Weighted training rows ordered by tower, (n, p) float32; a category holds its code.
        tower: Position in ``towers`` of each point, ascending, (n,) int32.
        towers: Names of the towers, ordered.
        mean_distance: Mean distance between two training points.
        threshold: Largest dissimilarity index within the area of applicability.
        half: Towers at which completeness is one half.
    """

    predictors: tuple[str, ...]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    weight: NDArray[np.float64]
    gap: NDArray[np.float64]
    points: NDArray[np.float32]
    tower: NDArray[np.int32]
    towers: tuple[str, ...]
    mean_distance: float
    threshold: float
    half: float = HALF_COMPLETENESS

    @classmethod
    def fit(
        cls,
        X: NDArray[np.floating],
        sites: ArrayLike,
        predictors: Sequence[str],
        importance: Mapping[str, float] | None = None,
        *,
        n_splits: int = 10,
        seed: int = 0,
        half: float = HALF_COMPLETENESS,
        n_jobs: int = 1,
    ) -> Self:
        """Fit the space of training rows.

        Args:
            X: Predictors, shape (n, p); rows with NaN are left out.
            sites: Tower of each row, shape (n,).
            predictors: Names of the columns; categories are known by the table of variables.
            importance: Predictor -> importance; negative ones count as 0, and absent predictors
                too. None, or none above 0, weights all predictors equally.
            n_splits: Folds of towers for the threshold; with fewer towers, one fold for each.
            seed: Seed of the folds.
            half: Towers at which completeness is one half.
            n_jobs: Threads; -1 for all cores. It changes no result.

        Returns:
            The space.

        Raises:
            InputError: If there is no complete row, or the columns are not those of ``predictors``.
        """
        X = np.asarray(X, dtype=float)
        names = np.asarray(sites).astype(str)
        if X.shape[1:] != (len(predictors),):
            raise InputError(
                "training rows",
                "predictors",
                expected=f"{len(predictors)} columns",
                found=f"an array of shape {X.shape}",
            )
        complete = np.isfinite(X).all(axis=1)
        if not complete.any():
            raise InputError(
                "training rows", "predictors", expected="complete rows", found=f"none of {len(X)}"
            )
        order = np.argsort(names[complete], kind="stable")
        X, names = X[complete][order], names[complete][order]
        towers, tower = np.unique(names, return_inverse=True)
        categories = [name in _CATEGORIES for name in predictors]
        centre = np.where(categories, 0.0, X.mean(axis=0))
        scale = np.where(categories, 1.0, X.std(axis=0, ddof=1 if len(X) > 1 else 0))
        varies = X.min(axis=0) < X.max(axis=0)
        scale = np.where(varies, scale, 1.0)
        weight = np.where(varies, _weights(predictors, importance, varies), 0.0)
        differ = np.array([_share_different(column) for column in X.T])
        gap = np.zeros(len(predictors))
        used = np.array(categories) & (weight > 0)
        gap[used] = weight[used] * np.sqrt(2 / differ[used])
        space = cls(
            predictors=tuple(predictors),
            centre=centre,
            scale=scale,
            weight=weight,
            gap=gap,
            points=_placed(X, centre, scale, weight, gap),
            tower=tower.astype(np.int32),
            towers=tuple(towers.tolist()),
            mean_distance=np.nan,
            threshold=np.nan,
            half=half,
        )
        distance = mean_distance(space.points[:, weight > 0], gap[weight > 0], n_jobs=n_jobs)
        # One row, or rows that are all equal: any other place is infinitely dissimilar.
        distance = distance if distance > 0 else float(np.finfo(np.float32).tiny)
        dissimilarity = space._of_other_folds(n_splits, seed, n_jobs) / distance
        return replace(space, mean_distance=float(distance), threshold=threshold(dissimilarity))

    def _of_other_folds(self, n_splits: int, seed: int, n_jobs: int) -> NDArray[np.float64]:
        """Return the distance of each training point to the nearest point of another fold.

        Towers at the same place are in the same fold: each knows the other's points, which tells
        nothing of how far a new place is.
        """
        used = self.weight > 0
        points = self.points[:, used]
        _, row = np.unique(points, axis=0, return_inverse=True)
        place: NDArray[np.integer] = self.tower
        # Categories alone are equal wherever the class is the same.
        if (self.gap[used] == 0).any():
            place = _places_of_towers(row, self.tower)[self.tower]
        fold = np.zeros(len(points), dtype=np.int32)
        if place.any():
            splits = min(n_splits, len(np.unique(place)))
            # Named by a place's first tower, so that towers apart are split as sites are elsewhere.
            for part in site_k_fold(np.array(self.towers)[place], splits, seed):
                fold[part.test] = part.number
        else:
            # A single place has no others, so that its months have to stand for them.
            fold[:] = row
        found = self._arranged(fold).search(points, 0.0, fold, n_jobs=n_jobs)
        return found.nearest.astype(float)

    def _arranged(self, group: NDArray[np.int32]) -> Neighbours:
        used = self.weight > 0
        return Neighbours.of(self.points[:, used], self.gap[used], group)

    @cached_property
    def _neighbours(self) -> Neighbours:
        return self._arranged(self.tower)

    def place(self, X: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the weighted coordinates of rows (m, p), NaN where a predictor is missing."""
        return _placed(X, self.centre, self.scale, self.weight, self.gap)

    def places(
        self, X: NDArray[np.floating], without: ArrayLike | None = None, *, n_jobs: int = 1
    ) -> Places:
        """Tell how well the space is sampled at places.

        Args:
            X: Predictors, shape (m, p).
            without: Tower that each place leaves out, shape (m,): its own, for rows of training.
                Names of other towers leave out nothing.
            n_jobs: Threads; -1 for all cores. It changes no result.

        Returns:
            The places; NaN where a predictor of some weight is missing.
        """
        position = {name: i for i, name in enumerate(self.towers)}
        left_out = None
        if without is not None:
            names = np.asarray(without).astype(str).tolist()
            left_out = np.array([position.get(name, -1) for name in names], dtype=np.int32)
        used = self.weight > 0
        found = self._neighbours.search(
            self.place(X)[:, used], self.radius, left_out, n_jobs=n_jobs
        )
        known = ~np.isnan(found.nearest)
        density = np.where(known, found.points, np.nan)
        towers = np.where(known, found.groups, np.nan)
        dissimilarity = found.nearest.astype(float) / self.mean_distance
        return Places(dissimilarity, density, towers, towers / (towers + self.half))

    def completeness(
        self, X: NDArray[np.floating], *, n_jobs: int = 1
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return completeness and dissimilarity index of places.

        Args:
            X: Predictors, shape (m, p).
            n_jobs: Threads; -1 for all cores. It changes no result.

        Returns:
            Completeness and dissimilarity, each (m,); NaN where a predictor of some weight is
            missing.
        """
        found = self.places(X, n_jobs=n_jobs)
        return found.completeness.astype("float32"), found.dissimilarity.astype("float32")

    @property
    def radius(self) -> float:
        """The threshold as a distance between weighted points."""
        return self.threshold * self.mean_distance

    def to_arrays(self) -> dict[str, NDArray]:
        """Return the fields as arrays that ``numpy.savez`` stores without pickle."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> Self:
        """Restore a space from the result of :meth:`to_arrays`, or a loaded ``npz``."""
        values: dict[str, Any] = {field.name: arrays[field.name] for field in fields(cls)}
        for name in ("predictors", "towers"):
            values[name] = tuple(values[name].tolist())
        for name in ("mean_distance", "threshold", "half"):
            values[name] = float(values[name])
        return cls(**values)


def _places_of_towers(row: NDArray[np.intp], tower: NDArray[np.int32]) -> NDArray[np.intp]:
    """Tell which towers stand at the same place, as in one cell of a coarse grid.

    Two do if at least half of the distinct rows of the shorter record are rows of the longer one,
    and so do those that others join. Chance makes few rows equal, as of snow.

    Args:
        row: Number of each training row, the same for equal rows, (n,).
        tower: Number of its tower, 0 to towers - 1, (n,).

    Returns:
        The first tower at the place of each tower, (towers,).
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    pairs = np.unique(np.column_stack([tower, row]), axis=0)
    has = csr_array((np.ones(len(pairs), dtype=np.int32), pairs.T))
    shared = (has @ has.T).tocoo()
    first, second = shared.coords
    distinct = shared.data[first == second][np.argsort(first[first == second])]
    joined = 2 * shared.data >= np.minimum(distinct[first], distinct[second])
    ends = (first[joined], second[joined])
    graph = csr_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=shared.shape)
    _, place = connected_components(graph, directed=False)
    return np.unique(place, return_index=True)[1][place]


def threshold(dissimilarity: NDArray[np.float64]) -> float:
    """Return the largest dissimilarity index that is no outlier among training points.

    It is the upper whisker of a box plot, Q75 + 1.5 IQR, or the maximum if that is less, as in
    CAST.

    Args:
        dissimilarity: Of each training point, to points of other folds.
    """
    known = dissimilarity[np.isfinite(dissimilarity)]
    if not known.size:
        return 0.0
    first, third = np.quantile(known, [0.25, 0.75])
    return float(min(third + 1.5 * (third - first), known.max()))


_CATEGORIES = frozenset(v.name for v in VARIABLES.values() if v.kind == "category")


def _weights(
    predictors: Sequence[str], importance: Mapping[str, float] | None, varies: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the weights of predictors, the largest 1."""
    if importance is None:
        return np.ones(len(predictors))
    weights = np.array([max(float(importance.get(name, 0.0)), 0.0) for name in predictors])
    largest = float(np.max(weights, where=varies, initial=0.0))
    if largest > 0:
        return weights / largest
    logger.warning("No predictor has an importance above 0; all are weighted equally")
    return np.ones(len(predictors))


def _share_different(column: NDArray[np.float64]) -> float:
    """Return the probability that two rows differ, if drawn with replacement."""
    _, counts = np.unique(column, return_counts=True)
    return float(1 - np.sum((counts / len(column)) ** 2))


def _placed(
    X: NDArray[np.floating],
    centre: NDArray[np.float64],
    scale: NDArray[np.float64],
    weight: NDArray[np.float64],
    gap: NDArray[np.float64],
) -> NDArray[np.float32]:
    values = np.asarray(X, dtype=float)
    placed = (values - centre) / scale * weight
    placed[:, weight == 0] = 0
    codes = gap > 0
    placed[:, codes] = values[:, codes]
    return placed.astype(np.float32)
