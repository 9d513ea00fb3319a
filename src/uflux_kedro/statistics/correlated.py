"""How the errors of cells and periods go together: the model behind intervals of sums.

Errors divided by their spread, z, are taken as a sum of two parts,

- a *level*, which a place keeps: one part constant in time, one that returns every year;
- a *passing* part, which decays over weeks to months, with a share that is new in every period,

and each part has a share that neighbouring places have in common, falling with distance as
exp(-distance / range). On top, all cells of a map share the error of the level that models learn
from a finite number of towers: the level's variance over the number of towers, in a land cover
class over the towers of that class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uflux_kedro.errors import InputError

EARTH_RADIUS_KM = 6371.0
YEAR_DAYS = 365.25


@dataclass(frozen=True)
class SumErrors:
    """Correlation of standardised errors, and the multipliers that make intervals of sums.

    The shares ``persistent``, ``seasonal`` and ``decaying`` add up to at most 1; the rest is new
    in every period.

    Attributes:
        persistent: Share of the variance that a place keeps at all times.
        seasonal: Share that returns every year: its correlation is the cosine of the lag's phase.
        decaying: Share that falls as exp(-lag / ``decay_days``).
        decay_days: Its time, days.
        level_shared: Share of the level that neighbours have in common at distance 0.
        level_range_km: Distance over which it falls to 1 / e, km.
        passing_shared: The same of the passing part.
        passing_range_km: Its range, km.
        towers: Effective number of towers from which the level was learnt.
        class_towers: The same by IGBP code; a class that is not listed has none.
        scale: Root mean square of z over towers; 1 where the spread is right.
        row_multiplier: Half-width of the interval of one row over its spread.
        tower_multiplier: Half-width of the interval of a sum at one tower over its standard error.
        zone_multiplier: The same of a sum over a zone.
        level: Probability inside the intervals.
        details: What the estimates rest on: numbers of towers and sums, bands, binned correlations.
    """

    persistent: float
    seasonal: float
    decaying: float
    decay_days: float
    level_shared: float
    level_range_km: float
    passing_shared: float
    passing_range_km: float
    towers: float
    class_towers: Mapping[int, float]
    scale: float
    row_multiplier: float
    tower_multiplier: float
    zone_multiplier: float
    level: float = 0.9
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def white(self) -> float:
        """Share of the variance that is new in every period."""
        return max(0.0, 1 - self.persistent - self.seasonal - self.decaying)

    @property
    def zone_factor(self) -> float:
        """Half-width of a zone's sum, from half-widths of rows added as standard errors are."""
        return self.zone_multiplier * self.scale / self.row_multiplier

    def level_in_time(self, lag_days: ArrayLike) -> NDArray[np.float64]:
        """Return the covariance of the level of one place at a lag in days."""
        phase = 2 * np.pi * np.asarray(lag_days, float) / YEAR_DAYS
        return self.persistent + self.seasonal * np.cos(phase)

    def passing_in_time(self, lag_days: ArrayLike) -> NDArray[np.float64]:
        """Return the covariance of the passing part of one place at a lag in days."""
        lag = np.abs(np.asarray(lag_days, float))
        return self.decaying * np.exp(-lag / self.decay_days) + self.white * (lag == 0)

    def in_time(self, lag_days: ArrayLike) -> NDArray[np.float64]:
        """Return the correlation of errors at one place at a lag in days."""
        return self.level_in_time(lag_days) + self.passing_in_time(lag_days)

    def level_features(self, days: ArrayLike) -> NDArray[np.float64]:
        """Return functions of time (3, n) whose products add up to the level's covariance.

        Args:
            days: Times, days since any date (n,).
        """
        phase = 2 * np.pi * np.asarray(days, float) / YEAR_DAYS
        root = np.sqrt(self.seasonal)
        constant = np.full(phase.shape, np.sqrt(self.persistent))
        return np.stack([constant, root * np.cos(phase), root * np.sin(phase)])

    def common(self, igbp: int | None = None) -> float:
        """Return the share of the level that all cells have in common, or those of one class.

        It is one over the number of towers. A class without towers counts as known from one.

        Args:
            igbp: Code of the class; None for the share among cells of different classes.
        """
        whole = 1 / max(self.towers, 1)
        if igbp is None:
            return whole
        return max(whole, 1 / max(self.class_towers.get(igbp, 1.0), 1))

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes as JSON can hold them."""
        found = asdict(self)
        found["class_towers"] = {str(k): float(v) for k, v in self.class_towers.items()}
        return found

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> SumErrors:
        """Return what :meth:`to_dict` gave.

        Raises:
            InputError: If an attribute is missing or unknown.
        """
        classes = {int(k): float(v) for k, v in stored.get("class_towers", {}).items()}
        try:
            return cls(**{**stored, "class_towers": classes})
        except TypeError as error:
            raise InputError(
                "errors of sums", "attributes", expected="those of SumErrors", found=str(error)
            ) from error


def sum_variance(
    errors: SumErrors, days: ArrayLike, amounts: ArrayLike
) -> NDArray[np.float64] | np.float64:
    """Return the variance of sums over time at one place, before any multiplier.

    Args:
        errors: The correlation.
        days: Times of the periods, days since any date (n,).
        amounts: Weight times spread of each period (..., n).

    Returns:
        Shape (...).
    """
    times, amount = np.asarray(days, float), np.asarray(amounts, float)
    matrix = errors.in_time(times[:, None] - times)
    return errors.scale**2 * np.einsum("...i,ij,...j->...", amount, matrix, amount)


def unit_vectors(latitude: ArrayLike, longitude: ArrayLike) -> NDArray[np.float64]:
    """Return the points of a sphere of radius 1 (n, 3) at latitudes and longitudes in degrees."""
    phi, lam = np.deg2rad(np.asarray(latitude, float)), np.deg2rad(np.asarray(longitude, float))
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)


def distances_km(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return great-circle distances (n, m) between points (n, 3) and (m, 3) of the unit sphere."""
    # The chord is exact at small distances, where the angle's cosine is not.
    squared = ((first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T).clip(0, 4)
    near = squared < 1e-6
    if near.any():
        i, j = np.nonzero(near)
        squared[i, j] = ((first[i] - second[j]) ** 2).sum(1)
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(squared) / 2)
