"""The phase check: seasons of vegetation, weather and fluxes against each other and the sun.

For every two columns with seasons related by physics, the lag is estimated at each site, with its
uncertainty from a bootstrap of years; :mod:`uflux_kedro.quality.shifts` compares it with the
natural range.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.quality.natural import NATURAL_LAGS, SUN, VEGETATION, Natural, family
from uflux_kedro.quality.years import (
    Array,
    Years,
    lag_profile,
    peak,
    peak_near,
    solar_years,
    wrapped,
)

_LEAST_AMPLITUDE = {
    "SW_IN": 0.7, "VPD": 0.8, "GPP": 0.8, "RECO": 0.8, "LE": 0.8, "LAI": 0.8, "EVI": 0.4,
    "NIRv": 0.55, "NDVI": 0.4, "SIF": 0.8,
}  # fmt: skip
"""Smallest range of the mean year over its mean; a season below it, as in evergreen forest or the
tropics, is too faint to judge."""
_LEAST_RANGE = {"TA": 8.0, "LW_IN": 30.0}
"""Smallest range in the variable's unit, for variables without a meaningful zero."""
_LEAST_CORRELATION = 0.85
"""Smallest correlation of two mean years at their best lag for a pair to be judged at a site."""
_LARGEST_ERROR = 0.6
"""Largest standard error of a lag, months, for a pair to be judged at a site."""
_FLOOR = 0.5
"""Error of the lag of a single year, months, added to the bootstrap's; it falls as 1/years."""
_FULL_SUN = 0.25
"""Relative amplitude of the sun (standard deviation over mean; reached at 30 degrees of latitude)
below which rainy seasons shift the weather against it, so that the natural range is wider."""
_LEAST_SUN = 0.1
"""Relative amplitude below which the sun is no reference."""
_LOW_SUN = 80.0
"""W m-2 above the atmosphere; satellites see no reliable vegetation in months below it."""
_DRAWS = 16
"""Bootstrap draws of years; their standard error is shrunk towards that of all sites."""


def pair_lags(years: Years, seasons: Seasons) -> pd.DataFrame:
    """Return the lag of every pair of columns at every site that can be judged.

    Args:
        years: Site-years.
        seasons: Seasons of their columns.

    Returns:
        ``late``, ``reference`` (columns, or :data:`SUN`), ``site_id``, ``lag`` (months by which
        the first is later than the second, minus the usual lag), ``error`` (standard error),
        ``r``, ``site`` and ``pooled`` (see :class:`Natural`).
    """
    tables = []
    for late, reference, natural in _pairs(seasons.mean):
        lag, r = peak(lag_profile(seasons.mean[late], seasons.mean[reference]))
        some = (r >= _LEAST_CORRELATION) & seasons.clear[late] & seasons.clear[reference]
        if not some.any():
            continue
        drawn_lag = peak_near(
            seasons.drawn[late][:, some], seasons.drawn[reference][:, some], lag[some]
        )
        error = standard_error(wrapped(drawn_lag - lag[some]), years.count[some], _FLOOR)
        judged = error <= _LARGEST_ERROR
        wider = np.ones(len(lag))
        if reference == SUN:
            wider = np.clip(_FULL_SUN / seasons.sun, 1, None)
        tables.append(
            pd.DataFrame(
                {
                    "late": late,
                    "reference": reference,
                    "site_id": np.asarray(years.sites)[some],
                    "lag": wrapped(lag[some] - natural.middle),
                    "error": error,
                    "r": r[some],
                    "site": natural.site * wider[some],
                    "pooled": natural.pooled,
                }
            )[judged]
        )
    names = ["late", "reference", "site_id", "lag", "error", "r", "site", "pooled"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=names)


@dataclass(frozen=True)
class Seasons:
    """Mean years of columns and of the sun, with their bootstrap draws.

    Attributes:
        mean: Column, or :data:`SUN` -> mean year, shape (sites, 12).
        drawn: Column, or :data:`SUN` -> mean year of each draw, shape (draws, sites, 12).
        clear: Column, or :data:`SUN` -> whether the season is strong enough to judge, shape
            (sites,).
        sun: Relative seasonal amplitude of the sun, shape (sites,).
    """

    mean: dict[str, Array]
    drawn: dict[str, Array]
    clear: dict[str, NDArray[np.bool_]]
    sun: Array

    @classmethod
    def of(cls, years: Years, latitude: Array, columns: list[str]) -> Seasons:
        """Draw years and average them.

        Args:
            years: Site-years.
            latitude: Degrees north, shape (sites,).
            columns: Columns with a season.
        """
        draws = years.draws(_DRAWS)
        sun = solar_years(latitude)
        amplitude = sun.std(-1) / sun.mean(-1)
        mean, drawn, clear = {}, {}, {}
        for column in columns:
            name = family(column)
            mean[column] = years.mean_year(column)
            drawn[column] = years.mean_year(column, draws)
            if name in VEGETATION:
                mean[column] = np.where(sun < _LOW_SUN, np.nan, mean[column])
                drawn[column] = np.where(sun < _LOW_SUN, np.nan, drawn[column])
            some = np.any(np.isfinite(mean[column]), axis=-1)
            year = np.where(some[:, None], mean[column], 0.0)
            span = np.nanmax(year, -1) - np.nanmin(year, -1)
            level = np.abs(np.nanmean(year, -1)) if name not in _LEAST_RANGE else 1.0
            least = _LEAST_RANGE.get(name, _LEAST_AMPLITUDE.get(name, 0.0))
            clear[column] = some & (span >= least * level)
        mean[SUN] = sun
        drawn[SUN] = np.broadcast_to(sun, (_DRAWS, *sun.shape))
        clear[SUN] = amplitude >= _LEAST_SUN
        return cls(mean, drawn, clear, amplitude)


def _pairs(columns: Iterable[str]) -> list[tuple[str, str, Natural]]:
    """Return the related pairs of columns, with their natural range."""
    names = list(columns)
    pairs = []
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            for late, reference in ((a, b), (b, a)):
                natural = NATURAL_LAGS.get((family(late), family(reference)))
                if natural is not None:
                    pairs.append((late, reference, natural))
                    break
    return pairs


def standard_error(deviation: Array, count: NDArray[np.intp], floor: float) -> Array:
    """Return standard errors by site from bootstrap draws, shrunk towards that of all sites.

    Args:
        deviation: Estimate of each draw minus that of the data, shape (draws, sites).
        count: Number of years of each site, shape (sites,).
        floor: Error of a single year that the draws do not see.

    Returns:
        Standard errors, shape (sites,); infinite where no draw gives a number.
    """
    known = np.isfinite(deviation)
    with np.errstate(invalid="ignore"):
        variance = (np.where(known, deviation, 0.0) ** 2).sum(0) / known.sum(0)
    # Draws of n years have (n - 1) / n of the variance of their mean; draws of one year have none.
    of_a_year = np.where(count > 1, variance * count**2 / np.maximum(count - 1, 1), np.nan)
    usual = float(np.nanmedian(of_a_year)) if np.isfinite(of_a_year).any() else 1.0
    freedom = np.maximum(count - 1, 0)
    shrunk = (np.nan_to_num(of_a_year) * freedom + 2 * usual) / (freedom + 2)
    error = np.sqrt(shrunk / count + (floor / count) ** 2)
    return np.where(known.any(0), error, np.inf)
