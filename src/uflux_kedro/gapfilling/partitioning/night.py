"""Partitioning by nights: night-time NEE is respiration, whose response to temperature gives the day's.

Source: Reichstein et al. (2005), doi 10.1111/j.1365-2486.2005.001002.x, with the windows of REddyProc
(Wutzler et al. 2018, doi 10.5194/bg-15-5015-2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.biophysics.radiation import potential_radiation
from uflux_kedro.gapfilling.companions import NIGHT, driver, measured, nights
from uflux_kedro.gapfilling.partitioning.respiration import (
    fit_reference,
    fit_sensitivity,
    respiration,
)
from uflux_kedro.gapfilling.partitioning.windows import Windows, days_of

SENSITIVITY_WINDOW, SENSITIVITY_STEP = 15, 5
"""Days of a window in which the sensitivity to temperature is fitted, and between two of them."""
REFERENCE_WINDOW, REFERENCE_STEP = 7, 4
"""The same for the reference respiration."""
_LEAST_NIGHTS, _LEAST_RANGE = 6, 5.0
"""More records than this and at least this range of temperature, K, determine a sensitivity."""
_LEAST_FOR_REFERENCE = 2
_TRIMMED = 5.0
"""Per cent of the residuals at either end, whose records are left out of a second fit."""
_BOUNDS = (30.0, 450.0)
"""K; a sensitivity and its standard error must lie between."""
_BEST = 3
"""Windows whose sensitivities are averaged: those with the smallest standard errors."""


@dataclass(frozen=True)
class NightResponse:
    """Response of night-time NEE to temperature.

    Attributes:
        E0: Sensitivity of each year, K, indexed by year; NaN for a year that cannot be partitioned.
        Rref: Respiration at 15 degC, umol m-2 s-1, (steps,).
        reasons: Remarks by year: why there is no sensitivity, or where it comes from if not from three
            windows of the year; empty otherwise.
    """

    E0: pd.Series
    Rref: pd.Series
    reasons: pd.Series


def partition_night(
    table: pd.DataFrame,
    *,
    latitude: float | None = None,
    longitude: float | None = None,
    utc_offset: float | None = None,
    temperature: str = "TA",
) -> pd.DataFrame:
    """Partition NEE by its response to temperature at night.

    Args:
        table: Record with measured ``NEE``, ``SW_IN`` and temperature or their companions; with
            ``NEE_F``, where there is one, filled NEE, from which GPP is taken.
        latitude: Degrees north. With the place, night is where the sun is down as well.
        longitude: Degrees east.
        utc_offset: Hours by which the clock is ahead of UTC; that of the longitude if not given.
        temperature: ``TA`` or ``TS``.

    Returns:
        ``GPP_NT`` and ``RECO_NT``, umol m-2 s-1, (steps, 2). RECO is NaN without temperature and in a
        year whose nights do not determine it (see :func:`night_response`), GPP also without NEE.

    Raises:
        InputError: A column is missing.
    """
    found = night_response(
        table,
        latitude=latitude,
        longitude=longitude,
        utc_offset=utc_offset,
        temperature=temperature,
    )
    index = pd.DatetimeIndex(table.index)
    E0 = found.E0.reindex(index.year).to_numpy()
    RECO = respiration(driver(table, temperature), found.Rref.to_numpy(), E0)
    NEE = measured(table, "NEE_F" if "NEE_F" in table else "NEE")
    return pd.DataFrame({"GPP_NT": RECO - NEE, "RECO_NT": RECO}, index=table.index)


def night_response(
    table: pd.DataFrame,
    *,
    latitude: float | None = None,
    longitude: float | None = None,
    utc_offset: float | None = None,
    temperature: str = "TA",
) -> NightResponse:
    """Fit the response of night-time NEE to temperature.

    The sensitivity of a year is the mean of those of its three best windows of 15 days, each fitted
    twice, the second time without the residuals at either end. A year with fewer takes the three best
    of the record, or what there is. Reference respiration is that of windows of 7 days, interpolated.

    Args:
        table: Record as for :func:`partition_night`.
        latitude: Degrees north.
        longitude: Degrees east.
        utc_offset: Hours by which the clock is ahead of UTC.
        temperature: ``TA`` or ``TS``.

    Returns:
        The response; a year without nights, or whose nights determine no sensitivity, has none.

    Raises:
        InputError: A column is missing.
    """
    index = pd.DatetimeIndex(table.index)
    NEE, TA = measured(table, "NEE"), driver(table, temperature)
    potential = potential_of(index, latitude, longitude, utc_offset)
    valid = nights(table, NIGHT, potential) & np.isfinite(NEE) & np.isfinite(TA)
    day = days_of(index)
    E0, reasons = _sensitivities(NEE, TA, valid, day, np.asarray(index.year))
    Rref = _reference(NEE, TA, valid, day, E0.reindex(index.year).to_numpy())
    silent = pd.Series(valid).groupby(np.asarray(index.year)).sum() == 0
    Rref[silent.reindex(index.year).to_numpy()] = np.nan
    return NightResponse(E0, pd.Series(Rref, table.index), reasons)


def potential_of(
    index: pd.DatetimeIndex,
    latitude: float | None,
    longitude: float | None,
    utc_offset: float | None,
) -> NDArray[np.float64] | None:
    """Return the radiation above the atmosphere, W m-2, (steps,).

    None if the place is not known, or the length of a step, since there is only one.
    """
    if latitude is None or longitude is None or len(index) == 1:
        return None
    offset = round(longitude / 15) if utc_offset is None else utc_offset
    return potential_radiation(index, latitude, longitude, offset)


def _sensitivities(
    NEE: NDArray, TA: NDArray, valid: NDArray, day: NDArray, year: NDArray
) -> tuple[pd.Series, pd.Series]:
    """Return the sensitivity of each year and remarks."""
    half = SENSITIVITY_WINDOW // 2
    centre = np.arange(min(half + 1, day[-1] // 2), day[-1] + 1, SENSITIVITY_STEP)
    windows = Windows.of(valid, day, centre - half, centre + half + 1)
    warmest = np.where(windows.present, TA[windows.rows], -np.inf).max(axis=1)
    ranges = warmest - np.where(windows.present, TA[windows.rows], np.inf).min(axis=1)
    enough = (windows.sizes > _LEAST_NIGHTS) & (ranges >= _LEAST_RANGE)
    windows, centre = windows.take(enough), centre[enough]
    E0, error = _trimmed_fit(NEE, TA, windows)
    good = (E0 - error > _BOUNDS[0]) & (E0 + error < _BOUNDS[1])
    E0, error, centre = E0[good], error[good], centre[good]
    of_year = year[np.searchsorted(day, centre)]
    years = np.unique(year)
    values, remarks = [], []
    for y in years:
        nights_of_year = int(valid[year == y].sum())
        own = of_year == y
        chosen = own if own.sum() >= _BEST else np.ones(len(E0), bool)
        best = E0[chosen][np.argsort(error[chosen], kind="stable")[:_BEST]]
        values.append(best.mean() if len(best) and nights_of_year else np.nan)
        remarks.append(_remark(nights_of_year, int(own.sum()), len(best)))
    labels = pd.Index(years, name="year")
    return pd.Series(values, labels, dtype=float), pd.Series(remarks, labels, dtype=object)


def _remark(n_nights: int, own: int, used: int) -> str:
    if not n_nights:
        return "no night-time records with NEE and temperature"
    if not used:
        return (
            f"no window of {SENSITIVITY_WINDOW} days determines the sensitivity to temperature: too few "
            "nights, too narrow a range of temperature, or no response"
        )
    if own < _BEST:
        return f"sensitivity from {used} windows of the record; the year itself has {own}"
    return ""


def _trimmed_fit(NEE: NDArray, TA: NDArray, windows: Windows) -> tuple[NDArray, NDArray]:
    """Return sensitivity and standard error without the records of the largest residuals."""
    if not len(windows.rows):
        return np.empty(0), np.empty(0)
    _, residual = fit_sensitivity(NEE, TA, windows)
    low, high = np.nanpercentile(residual, (_TRIMMED, 100 - _TRIMMED), axis=1)
    kept = (residual >= low[:, None]) & (residual <= high[:, None])
    fits, _ = fit_sensitivity(NEE, TA, Windows(windows.rows, kept))
    return fits.parameters[:, 1], np.sqrt(fits.covariance[:, 1, 1])


def _reference(
    NEE: NDArray, TA: NDArray, valid: NDArray, day: NDArray, E0: NDArray
) -> NDArray[np.float64]:
    """Return the reference respiration of each step, between windows interpolated."""
    half = REFERENCE_WINDOW // 2
    centre = np.arange(min(half + 1, day[-1] // 2), day[-1] + 1, REFERENCE_STEP)
    usable = valid & np.isfinite(E0)
    windows = Windows.of(usable, day, centre - half, centre + half + 1)
    windows = windows.take(windows.sizes > _LEAST_FOR_REFERENCE)
    if not len(windows.rows):
        return np.full(len(day), np.nan)
    middle = windows.middles()
    Rref = fit_reference(NEE, TA, windows, E0[middle.round().astype(int)])
    known = Rref >= 0
    if not known.any():
        return np.full(len(day), np.nan)
    return np.interp(np.arange(len(day)), middle[known], Rref[known])
