"""The phase check: seasons of vegetation, weather and fluxes against each other and the sun.

Of every two columns whose seasons are tied by physics the lag is estimated at each site, with its
uncertainty from a bootstrap of years; :mod:`uflux_kedro.quality.shifts` holds it against the range
that nature leaves.
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
"""Range of the mean year over its mean, below which a season is too faint to be judged: evergreen
forest, the tropics."""
_LEAST_RANGE = {"TA": 8.0, "LW_IN": 30.0}
"""The same as a range in the variable's unit, where zero has no meaning."""
_LEAST_CORRELATION = 0.85
"""Of two mean years at their best lag, below which a pair of a site is not judged."""
_LARGEST_ERROR = 0.6
"""Standard error of a lag, months, beyond which a pair of a site is not judged."""
_FLOOR = 0.5
"""Error of the lag of a single year, months, beside what the bootstrap sees; it falls as 1/years."""
_FULL_SUN = 0.25
"""Relative amplitude of the sun (standard deviation over mean: 30 degrees of latitude) below which
rainy seasons move the weather against it, so that nature leaves more."""
_LEAST_SUN = 0.1
"""The same, below which the sun is no reference."""
_LOW_SUN = 80.0
"""W m-2 above the atmosphere; months below it are no evidence on vegetation seen from space."""
_DRAWS = 16
"""Bootstrap draws of years; the standard error they give is drawn towards that of all sites."""


def pair_lags(years: Years, seasons: Seasons) -> pd.DataFrame:
    """Lag of every pair of columns at every site that can be judged.

    Args:
        years: Site-years.
        seasons: Of their columns.

    Returns:
        ``late``, ``reference`` (columns, or :data:`SUN`), ``site_id``, ``lag`` (months by which
        the first is later than the second beyond what is usual), ``error`` (standard error),
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
        drawn: The same of draws of years, shape (draws, sites, 12).
        clear: Whether each site's season is strong enough to be judged, shape (sites,).
        sun: Relative seasonal amplitude of the sun at each site.
    """

    mean: dict[str, Array]
    drawn: dict[str, Array]
    clear: dict[str, NDArray[np.bool_]]
    sun: Array

    @classmethod
    def of(cls, years: Years, latitude: Array, columns: list[str]) -> Seasons:
        """Draw the years and average them."""
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
    """Standard error by site from bootstrap draws, drawn towards that of all sites.

    Args:
        deviation: What the draws give less what the data give, shape (draws, sites).
        count: Years of each site.
        floor: Error of a single year beside what the draws see.

    Returns:
        Standard errors, shape (sites,); infinite where no draw gives a number.
    """
    known = np.isfinite(deviation)
    with np.errstate(invalid="ignore"):
        variance = (np.where(known, deviation, 0.0) ** 2).sum(0) / known.sum(0)
    # A draw of n years has (n - 1) / n of the variance of their mean, and one year none.
    of_a_year = np.where(count > 1, variance * count**2 / np.maximum(count - 1, 1), np.nan)
    usual = float(np.nanmedian(of_a_year)) if np.isfinite(of_a_year).any() else 1.0
    freedom = np.maximum(count - 1, 0)
    shrunk = (np.nan_to_num(of_a_year) * freedom + 2 * usual) / (freedom + 2)
    error = np.sqrt(shrunk / count + (floor / count) ** 2)
    return np.where(known.any(0), error, np.inf)
