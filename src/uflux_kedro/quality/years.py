"""Monthly values by site and year, their mean years and lags between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.biophysics.radiation import top_of_atmosphere_radiation

Array = NDArray[np.float64]

LAGS = np.arange(-5, 7)
"""Lags of an annual cycle, months; positive is late."""

_MID_MONTH = np.array([15, 46, 75, 105, 135, 162, 198, 228, 258, 288, 318, 344])
"""Day of the year at the middle of each month."""


@dataclass(frozen=True)
class Years:
    """Columns of towers as months of site-years; a site's years are consecutive rows.

    Attributes:
        sites: Sites, sorted.
        first: First row of each site, shape (sites,).
        site: Index of the site of each row, shape (rows,).
        begin: First year of each site, shape (sites,).
        months: Column -> monthly means, shape (rows, 12), NaN where there are none.
    """

    sites: tuple[str, ...]
    first: NDArray[np.intp]
    site: NDArray[np.intp]
    begin: NDArray[np.intp]
    months: dict[str, Array]

    @classmethod
    def of(cls, towers: pd.DataFrame, columns: Sequence[str]) -> Years:
        """Arrange the columns of ``towers`` (``site_id``, ``time``) as site-years.

        Days and weeks become monthly means of the values present.
        """
        codes, names = pd.factorize(towers["site_id"], sort=True)
        year = towers["time"].dt.year.to_numpy()
        month = towers["time"].dt.month.to_numpy() - 1
        spans = pd.Series(year).groupby(codes).agg(["min", "max"])
        lengths = (spans["max"] - spans["min"] + 1).to_numpy()
        first = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.intp)
        row = first[codes] + year - spans["min"].to_numpy()[codes]
        cell = row * 12 + month
        size = 12 * int(lengths.sum())
        values = {}
        for column in columns:
            data = towers[column].to_numpy(float)
            ok = np.isfinite(data)
            count = np.bincount(cell[ok], minlength=size)
            total = np.bincount(cell[ok], weights=data[ok], minlength=size)
            with np.errstate(invalid="ignore"):
                values[column] = (total / count).reshape(-1, 12)
        site = np.repeat(np.arange(len(lengths)), lengths)
        return cls(tuple(names), first, site, spans["min"].to_numpy(), values)

    @cached_property
    def count(self) -> NDArray[np.intp]:
        """Number of years of each site."""
        return np.bincount(self.site, minlength=len(self.sites))

    def mean_year(self, column: str, rows: NDArray[np.intp] | None = None) -> Array:
        """Return the mean of each calendar month, shape (..., sites, 12).

        Args:
            column: Name of the column.
            rows: Rows drawn with replacement within each site, shape (..., rows); None uses
                each row once.
        """
        return self.by_site(self.months[column] if rows is None else self.months[column][rows])

    def by_site(self, values: Array) -> Array:
        """Return the mean of site-years, shape (..., rows, k), by site, ignoring NaN."""
        ok = np.isfinite(values)
        total = np.add.reduceat(np.where(ok, values, 0.0), self.first, axis=-2)
        with np.errstate(invalid="ignore"):
            return total / np.add.reduceat(ok.astype(float), self.first, axis=-2)

    def draws(self, number: int, seed: int = 0) -> NDArray[np.intp]:
        """Draw years with replacement within each site; rows, shape (number, rows)."""
        uniform = np.random.default_rng(seed).random((number, len(self.site)))
        return self.first[self.site] + np.floor(uniform * self.count[self.site]).astype(np.intp)


def solar_years(latitude: Array) -> Array:
    """Return the radiation above the atmosphere by month, W m-2, shape (sites, 12)."""
    return np.asarray(
        top_of_atmosphere_radiation(np.asarray(latitude)[:, None], _MID_MONTH), dtype=float
    )


def lag_profile(late: Array, reference: Array, lags: NDArray[np.intp] = LAGS) -> Array:
    """Return the correlation of two annual cycles at each lag.

    Args:
        late: Shape (..., 12), NaN where unknown.
        reference: Same shape.
        lags: Lags to try, months.

    Returns:
        Pearson's r at each lag, shape (..., lags): lag k pairs month m + k of ``late`` with
        month m of ``reference``. NaN where fewer than 8 months have both.
    """
    if np.isfinite(late).all() and np.isfinite(reference).all():
        shifted = _unit(late)[..., (np.arange(12) + lags[:, None]) % 12]
        return (shifted @ _unit(reference)[..., None])[..., 0]
    return np.stack([_correlation(np.roll(late, -k, axis=-1), reference) for k in lags], axis=-1)


def _unit(year: Array) -> Array:
    """Return years, shape (..., 12), minus their mean and scaled to length one."""
    year = year - year.mean(-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return year / np.linalg.norm(year, axis=-1, keepdims=True)


def _correlation(a: Array, b: Array) -> Array:
    ok = np.isfinite(a) & np.isfinite(b)
    n = ok.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        a = np.where(ok, a - (np.where(ok, a, 0).sum(-1) / n)[..., None], 0)
        b = np.where(ok, b - (np.where(ok, b, 0).sum(-1) / n)[..., None], 0)
        r = (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
    return np.where(n >= 8, r, np.nan)


def peak(profile: Array) -> tuple[Array, Array]:
    """Return the lag of the highest correlation, by a parabola, and that correlation.

    Args:
        profile: Correlations from :func:`lag_profile`, shape (..., 12).

    Returns:
        Lag in months, -6 to 6, and r; NaN where the profile is incomplete.
    """
    known = np.all(np.isfinite(profile), axis=-1)
    filled = np.where(known[..., None], profile, 0.0)
    best = filled.argmax(-1)
    before, at, after = (
        np.take_along_axis(filled, ((best + d) % 12)[..., None], -1)[..., 0] for d in (-1, 0, 1)
    )
    curvature = before - 2 * at + after
    with np.errstate(invalid="ignore", divide="ignore"):
        offset = np.where(curvature < 0, 0.5 * (before - after) / curvature, 0.0)
    return np.where(known, wrapped(LAGS[best] + offset), np.nan), np.where(known, at, np.nan)


def peak_near(late: Array, reference: Array, lag: Array) -> Array:
    """Return the lag of the highest correlation near a rough lag, by a parabola.

    Args:
        late: Shape (..., sites, 12).
        reference: Same shape.
        lag: Rough lag of each site, months, shape (sites,).

    Returns:
        Lags, shape (..., sites).
    """
    rough = np.round(lag).astype(int)
    at = np.broadcast_to((np.arange(12) + rough[:, None]) % 12, late.shape)
    before, middle, after = np.moveaxis(
        lag_profile(np.take_along_axis(late, at, -1), reference, np.array([-1, 0, 1])), -1, 0
    )
    curvature = before - 2 * middle + after
    with np.errstate(invalid="ignore", divide="ignore"):
        offset = np.clip(0.5 * (before - after) / curvature, -2, 2)
    return rough + np.where(curvature < 0, offset, 2 * np.sign(after - before))


def wrapped(lag: Array) -> Array:
    """Return a lag on the circle of a year, -6 to 6 months."""
    return (lag + 6) % 12 - 6
