"""Thresholds of friction velocity below which night-time NEE is not trusted, and their filter.

In still nights CO2 is stored below the sensor or flows away sideways, and NEE is too low. The
threshold is found in a year's own nights by the moving-point test (:mod:`.moving_point`), its error by
a bootstrap of the year's records. Sources: Papale et al. (2006), doi 10.5194/bg-3-571-2006; Pastorello
et al. (2020), doi 10.1038/s41597-020-0534-3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling.companions import NIGHT, driver, measured, nights
from uflux_kedro.gapfilling.moving_point import LEAST_OF_SEASON, season_threshold

PERCENTILES = (5.0, 16.0, 25.0, 50.0, 75.0, 84.0, 95.0)
"""Those that FLUXNET's files name."""
ONEFLUX_PERCENTILES = tuple(1.25 + 2.5 * k for k in range(40))
"""The 40 from which ONEFlux takes its reference."""

_SEASONS = 4
"""Quarters of the calendar year."""
_LEAST_OF_YEAR = 3000
"""Steps by day and records at night that a year needs to be split into seasons, as in ONEFlux."""
_LEAST_BOOTSTRAPS = 9
"""Bootstraps with a threshold that percentiles need, as in ONEFlux."""


@dataclass(frozen=True)
class UstarThresholds:
    """Thresholds of USTAR of a record, m s-1.

    Attributes:
        years: Threshold of each year's own records, indexed by year: the largest of its seasons.
        seasons: Threshold of each quarter, years x quarters; that of a year which is not split
            stands in the first.
        samples: Threshold of each bootstrap, years x bootstraps; NaN where it found none.
        reasons: Why a year has no threshold, indexed by year; empty for those that have one.
    """

    years: pd.Series
    seasons: pd.DataFrame
    samples: pd.DataFrame
    reasons: pd.Series

    def by_year(self, percentiles: Sequence[float] = PERCENTILES) -> pd.DataFrame:
        """Return FLUXNET's variable thresholds (VUT): percentiles by year, years x percentiles.

        A year's bootstraps are pooled with those of the year before and the year after, where the
        record has them: the first and the last year with one neighbour, a lone year with none. NaN
        where a year and its neighbours have too few.
        """
        pooled = {
            year: self.samples.loc[self.samples.index.isin((year - 1, year, year + 1))]
            for year in self.samples.index
        }
        rows = [_percentiles(sample.to_numpy(), percentiles) for sample in pooled.values()]
        return pd.DataFrame(rows, index=self.samples.index, columns=list(map(float, percentiles)))

    def constant(self, percentiles: Sequence[float] = PERCENTILES) -> pd.Series:
        """Return FLUXNET's constant thresholds (CUT): percentiles over all years, by percentile."""
        found = _percentiles(self.samples.to_numpy(), percentiles)
        return pd.Series(found, list(map(float, percentiles)))


def ustar_thresholds(
    table: pd.DataFrame,
    *,
    n_bootstrap: int = 100,
    seed: int = 0,
    plateau: float = 1.0,
    night: float = NIGHT,
) -> UstarThresholds:
    """Find the thresholds of USTAR of each year of a record.

    As ONEFlux does: by four quarters of a year, seven classes of temperature and twenty of USTAR. A
    class of temperature counts where it has 100 records, its temperature and USTAR are not correlated
    (0.5 or less) and its calmest class of USTAR is calm (0.2 m s-1 or less). The threshold of a
    quarter is the median of its classes, that of a year the largest of its quarters. A year with
    fewer than 700 records in each quarter is not split into quarters.

    Args:
        table: Record with NEE, USTAR and TA and SW_IN or their companions.
        n_bootstrap: How often each year's steps are drawn anew.
        seed: Seed of the bootstrap; a year's draws do not depend on other years.
        plateau: Share of the mean NEE of the next ten classes that a class on the plateau reaches:
            1 in ONEFlux, 0.99 in the paper.
        night: It is night below this radiation, W m-2.

    Returns:
        The thresholds. A year that has none is NaN, with the reason.

    Raises:
        InputError: A column is missing, or a setting is out of range.
    """
    _check(table, n_bootstrap, plateau)
    columns = np.stack([driver(table, "TA"), measured(table, "USTAR"), measured(table, "NEE")])
    is_night = nights(table, night)
    index = pd.DatetimeIndex(table.index)
    quarter = np.where(is_night & np.isfinite(columns).all(axis=0), index.quarter - 1, _SEASONS)
    years = np.unique(index.year)
    own, seasons, samples, reasons = [], [], [], []
    for year in years:
        steps = np.flatnonzero(index.year == year)
        record = _arrange(columns[:, steps], quarter[steps], int((~is_night[steps]).sum()))
        found = record.thresholds(np.ones(len(steps), int), plateau)
        rng = np.random.default_rng((seed, year))
        drawn = np.full(n_bootstrap, np.nan)
        for b in range(n_bootstrap):
            counts = np.bincount(rng.integers(0, len(steps), len(steps)), minlength=len(steps))
            drawn[b] = _largest(record.thresholds(counts, plateau))
        own.append(_largest(found))
        seasons.append(found)
        samples.append(drawn)
        reasons.append(_reason(own[-1], len(record.order)))
    labels = pd.Index(years, name="year")
    return UstarThresholds(
        years=pd.Series(own, labels, dtype=float, name="USTAR"),
        seasons=pd.DataFrame(seasons, labels, range(1, _SEASONS + 1)),
        samples=pd.DataFrame(samples, labels),
        reasons=pd.Series(reasons, labels, dtype=object),
    )


def filter_by_ustar(
    table: pd.DataFrame,
    thresholds: float | pd.Series,
    *,
    night_only: bool = True,
    first_after: bool = True,
    night: float = NIGHT,
) -> pd.Series:
    """Return NEE without the records below a threshold of USTAR.

    ONEFlux filters by day as well (``night_only=False``), REddyProc by night. A record without USTAR
    counts as below, as in ONEFlux: nobody knows whether it is above.

    Args:
        table: Record with NEE, USTAR and SW_IN or its companion.
        thresholds: Threshold, m s-1, or one by year; nothing is filtered where it is NaN.
        night_only: Whether only nights are filtered.
        first_after: Whether to filter the first step after each period below as well, in which the
            stored CO2 is released.
        night: It is night below this radiation, W m-2.

    Returns:
        NEE, (steps,); NaN where missing or filtered.

    Raises:
        InputError: A column is missing, or there is no threshold for a year of the record.
    """
    index = pd.DatetimeIndex(table.index)
    limit = np.full(len(table), np.nan)
    if isinstance(thresholds, pd.Series):
        absent = sorted(set(index.year) - set(thresholds.index))
        if absent:
            raise InputError(
                "thresholds of USTAR",
                None,
                expected="every year of the record",
                found=f"no {absent}",
            )
        limit[:] = thresholds.reindex(index.year).to_numpy(float)
    else:
        limit[:] = thresholds
    low = ~(measured(table, "USTAR") >= limit) & np.isfinite(limit)
    if night_only:
        low &= nights(table, night)
    if first_after:
        low[1:] |= low[:-1].copy()
    return pd.Series(measured(table, "NEE"), table.index, name="NEE").where(~low)


def _check(table: pd.DataFrame, n_bootstrap: int, plateau: float) -> None:
    if n_bootstrap < 0:
        raise InputError("settings", "n_bootstrap", expected="0 or more", found=str(n_bootstrap))
    if not 0 < plateau <= 1:
        raise InputError("settings", "plateau", expected="above 0, up to 1", found=str(plateau))
    if not isinstance(table.index, pd.DatetimeIndex):
        raise InputError(
            "record", None, expected="an index of times", found=type(table.index).__name__
        )


class _Year(NamedTuple):
    """Nights of a year in ascending order of season and TA.

    Attributes:
        order: Steps of the year, (n,).
        limits: First record of each season but the first, (seasons - 1,).
        columns: TA, USTAR and NEE, (3, n).
    """

    order: NDArray[np.int64]
    limits: NDArray[np.int64]
    columns: NDArray[np.float64]

    def thresholds(self, counts: NDArray[np.int64], plateau: float) -> NDArray[np.float64]:
        """Return the threshold of each season, if each step of the year occurs ``counts`` times."""
        drawn = np.repeat(np.arange(len(self.order)), counts[self.order])
        seasons = np.split(drawn, np.searchsorted(drawn, self.limits))
        TA, USTAR, NEE = self.columns
        return np.array([season_threshold(TA[s], USTAR[s], NEE[s], plateau) for s in seasons])


def _arrange(columns: NDArray[np.float64], quarter: NDArray[np.int64], by_day: int) -> _Year:
    """Sort a year's nights; all seasons are one where a year has too few records for four."""
    records = np.bincount(quarter, minlength=_SEASONS + 1)[:_SEASONS]
    split = records.sum() + by_day >= _LEAST_OF_YEAR and records.max() >= LEAST_OF_SEASON
    season = quarter if split else _SEASONS * (quarter == _SEASONS)
    order = np.lexsort((columns[0], season))[: records.sum()]
    limits = np.searchsorted(season[order], np.arange(1, _SEASONS))
    return _Year(order, limits, columns[:, order])


def _largest(thresholds: NDArray[np.float64]) -> float:
    found = thresholds[~np.isnan(thresholds)]
    return float(found.max()) if len(found) else np.nan


def _percentiles(samples: NDArray[np.float64], percentiles: Sequence[float]) -> NDArray[np.float64]:
    found = samples[~np.isnan(samples)]
    if len(found) < _LEAST_BOOTSTRAPS:
        return np.full(len(percentiles), np.nan)
    return np.percentile(found, percentiles)


def _reason(threshold: float, n_records: int) -> str:
    if not np.isnan(threshold):
        return ""
    if n_records < LEAST_OF_SEASON:
        return f"{n_records} night-time records with NEE, TA and USTAR; at least {LEAST_OF_SEASON} needed"
    return "night-time NEE reaches no plateau with USTAR in any season"
