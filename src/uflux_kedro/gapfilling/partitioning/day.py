"""Partitioning by days: the response of daytime NEE to light gives photosynthesis and respiration.

Source: Lasslop et al. (2010), doi 10.1111/j.1365-2486.2009.02041.x; see :mod:`.light_curves`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.gapfilling.companions import driver, measured, nights
from uflux_kedro.gapfilling.partitioning.light_curves import (
    ALPHA,
    BETA,
    RREF,
    K,
    LightCurves,
    photosynthesis,
)
from uflux_kedro.gapfilling.partitioning.night import potential_of
from uflux_kedro.gapfilling.partitioning.respiration import (
    fit_reference,
    fit_sensitivity,
    respiration,
)
from uflux_kedro.gapfilling.partitioning.windows import Windows, days_of

STEP, LIGHT_WINDOW = 2, 4
"""Days between two windows, and days of a window in which a light-response curve is fitted."""
NIGHT_WINDOWS = (12, 24, 48)
"""Days of a window in which the sensitivity to temperature is fitted: the first that succeeds."""
NIGHT = 4.0
"""W m-2; it is night below this radiation."""
_LEAST = 10
"""Records of a window."""
_FROST, _LEAST_WITHOUT_FROST = -1.0, 12
"""degC; records in the frost are left out of a window that has this many others."""
_BOUNDS = (50.0, 400.0)
"""Sensitivities to temperature, K, that are accepted."""


RESIDUALS = "residuals"
"""Setting by which the error of NEE is estimated from the residuals of first curves."""
_RELATIVE_ERROR, _LEAST_ERROR = 0.2, 0.7
"""Standard deviation of NEE where it is not known: a share, and at least so many umol m-2 s-1."""


@dataclass(frozen=True)
class LightResponse:
    """Light-response curves of a record.

    Attributes:
        curves: Parameters of each accepted window, with the mean step of its records as index: ``k``
            hPa-1, ``beta``, ``Rref`` umol m-2 s-1, ``alpha`` umol J-1, ``E0`` K.
        reason: Why there are none; empty if there are.
    """

    curves: pd.DataFrame
    reason: str


def partition_day(
    table: pd.DataFrame,
    *,
    latitude: float | None = None,
    longitude: float | None = None,
    utc_offset: float | None = None,
    temperature: str = "TA",
    error: str | None = None,
) -> pd.DataFrame:
    """Partition NEE by its response to light by day.

    GPP and RECO are modelled; their difference is not the measured NEE. Between the windows before and
    after a step, the fluxes of both are weighted by the inverse of the distance.

    Args:
        table: Record with measured ``NEE``, and ``SW_IN``, temperature and, if there is one, ``VPD``,
            or their companions. Without VPD at a step, curves that do without it are used.
        latitude: Degrees north. With the place, night is where the sun is down as well.
        longitude: Degrees east.
        utc_offset: Hours by which the clock is ahead of UTC; that of the longitude if not given.
        temperature: ``TA`` or ``TS``.
        error: Column with the standard deviation of NEE, by which records are weighted. If not given,
            and where missing, a fifth of NEE and at least 0.7 umol m-2 s-1, as in REddyProc: records
            that an error makes small are then trusted most, so that GPP and RECO come out too low.
            ``residuals`` estimates it from the residuals of first curves instead.

    Returns:
        ``GPP_DT`` and ``RECO_DT``, umol m-2 s-1, (steps, 2); NaN without radiation or temperature, and
        everywhere if no window has an acceptable curve (see :func:`light_response`).

    Raises:
        InputError: A column is missing.
    """
    fit = partial(
        light_response,
        table,
        latitude=latitude,
        longitude=longitude,
        utc_offset=utc_offset,
        temperature=temperature,
        error=error,
    )
    SW_IN, TA = np.maximum(driver(table, "SW_IN"), 0.0), driver(table, temperature)
    VPD = driver(table, "VPD", needed=False)
    dry = np.isnan(VPD)
    GPP, RECO = _predict(fit(with_VPD=not dry.all()), SW_IN, TA, VPD)
    if dry.any() and not dry.all():
        without = _predict(fit(with_VPD=False), SW_IN, TA, VPD)
        GPP, RECO = np.where(dry, without[0], GPP), np.where(dry, without[1], RECO)
    return pd.DataFrame({"GPP_DT": GPP, "RECO_DT": RECO}, index=table.index)


def light_response(
    table: pd.DataFrame,
    *,
    latitude: float | None = None,
    longitude: float | None = None,
    utc_offset: float | None = None,
    temperature: str = "TA",
    error: str | None = None,
    with_VPD: bool = True,
) -> LightResponse:
    """Fit a light-response curve every two days.

    Args:
        table: Record as for :func:`partition_day`.
        latitude: Degrees north.
        longitude: Degrees east.
        utc_offset: Hours by which the clock is ahead of UTC.
        temperature: ``TA`` or ``TS``.
        error: Column with the standard deviation of NEE, or ``residuals``.
        with_VPD: Whether VPD may matter.

    Returns:
        The curves, none if no window has an acceptable one.

    Raises:
        InputError: A column is missing.
    """
    index = pd.DatetimeIndex(table.index)
    NEE, TA, SW_IN = measured(table, "NEE"), driver(table, temperature), driver(table, "SW_IN")
    VPD = driver(table, "VPD", needed=False)
    potential = potential_of(index, latitude, longitude, utc_offset)
    is_night = nights(table, NIGHT, potential)
    known = np.isfinite(NEE) & np.isfinite(TA)
    is_day = (SW_IN > NIGHT) & known
    if potential is not None:
        is_day &= potential > 0
    day = days_of(index)
    centre = np.arange(min(LIGHT_WINDOW // 2, day[-1] // 2), day[-1] + 1, STEP)
    E0, Rref = _night_response(NEE, TA, is_night & known, day, centre)
    if not np.isfinite(E0).any():
        return _none("no window of nights determines the sensitivity to temperature")
    windows = _windows(is_day, day, centre, LIGHT_WINDOW)
    dry = _windows(is_day & np.isfinite(VPD), day, centre, LIGHT_WINDOW)
    has_VPD = with_VPD & (dry.sizes >= _LEAST)
    windows = _either(dry, windows, has_VPD)
    enough = windows.sizes >= _LEAST
    if not enough.any():
        return _none(f"no window of {LIGHT_WINDOW} days has {_LEAST} daytime records")
    windows, has_VPD, E0, Rref = windows.take(enough), has_VPD[enough], E0[enough], Rref[enough]
    spread = _errors(table, NEE, error)
    theta = LightCurves(NEE, SW_IN, TA, VPD, spread, windows, E0, Rref).fit(has_VPD)
    good = np.isfinite(theta).all(axis=1)
    if not good.any():
        return _none("no window has an acceptable light-response curve")
    columns = {"k": K, "beta": BETA, "alpha": ALPHA, "Rref": RREF}
    curves = pd.DataFrame(
        {name: theta[good, column] for name, column in columns.items()},
        index=pd.Index(windows.middles()[good], name="step"),
    )
    curves["E0"] = E0[good]
    return LightResponse(curves[~curves.index.duplicated()].sort_index(), "")


def _none(reason: str) -> LightResponse:
    return LightResponse(pd.DataFrame(columns=["k", "beta", "alpha", "Rref", "E0"]), reason)


def _errors(table: pd.DataFrame, NEE: NDArray, error: str | None) -> NDArray[np.float64]:
    """Return the standard deviation of NEE; NaN where the curves' residuals shall tell it."""
    if error == RESIDUALS:
        return np.full(len(table), np.nan)
    known = measured(table, error) if error else np.full(len(table), np.nan)
    share = np.maximum(_RELATIVE_ERROR * np.abs(NEE), _LEAST_ERROR)
    return np.where(known > 0, known, share)


def _windows(valid: NDArray, day: NDArray, centre: NDArray, width: int) -> Windows:
    return Windows.of(valid, day, centre - width // 2, centre + width // 2)


def _either(a: Windows, b: Windows, first: NDArray[np.bool_]) -> Windows:
    """Return the windows of ``a`` where ``first``, those of ``b`` elsewhere."""
    longest = a.rows.shape[1], b.rows.shape[1]
    wide = [
        np.pad(part, ((0, 0), (0, max(longest) - part.shape[1])), constant_values=0)
        for part in (*a, *b)
    ]
    pick = first[:, None]
    return Windows(np.where(pick, wide[0], wide[2]), np.where(pick, wide[1], wide[3]))


def _night_response(
    NEE: NDArray, TA: NDArray, valid: NDArray, day: NDArray, centre: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sensitivity and reference respiration of the nights around each centre, (n,).

    A window without its own takes those of the last one before it, the first ones of the first.
    """
    E0 = np.full(len(centre), np.nan)
    for width in NIGHT_WINDOWS:
        missing = np.flatnonzero(np.isnan(E0))
        windows = _without_frost(_windows(valid, day, centre[missing], width), TA)
        enough = windows.sizes >= _LEAST
        if enough.any():
            fits, _ = fit_sensitivity(NEE, TA, windows.take(enough))
            found = fits.parameters[:, 1]
            inside = (found >= _BOUNDS[0]) & (found <= _BOUNDS[1])
            E0[missing[enough]] = np.where(inside, found, np.nan)
    E0 = _carried(E0)
    windows = _without_frost(_windows(valid, day, centre, NIGHT_WINDOWS[0]), TA)
    Rref = fit_reference(NEE, TA, windows, E0)
    return E0, _carried(np.where(windows.sizes >= _LEAST, np.maximum(Rref, 0.0), np.nan))


def _without_frost(windows: Windows, TA: NDArray) -> Windows:
    """Leave records in the frost out where enough others are left."""
    warm = windows.present & (TA[windows.rows] > _FROST)
    enough = warm.sum(axis=1) >= _LEAST_WITHOUT_FROST
    return Windows(windows.rows, np.where(enough[:, None], warm, windows.present))


def _carried(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values with the missing ones taken from before, the first ones from behind."""
    return pd.Series(values).ffill().bfill().to_numpy()


def _predict(
    response: LightResponse, SW_IN: NDArray, TA: NDArray, VPD: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return GPP and RECO of each step from the windows before and after it."""
    curves = response.curves
    if not len(curves):
        nothing = np.full(len(TA), np.nan)
        return nothing, nothing
    step = np.arange(len(TA))
    middle = curves.index.to_numpy(float)
    after = np.searchsorted(middle, step)
    before = np.maximum(after - 1, 0)
    after = np.minimum(after, len(middle) - 1)
    apart = middle[after] - middle[before]
    share = np.divide(step - middle[before], apart, out=np.zeros(len(TA)), where=apart > 0)
    GPP, RECO = np.zeros(len(TA)), np.zeros(len(TA))
    for window, weight in ((before, 1 - share), (after, share)):
        k, beta, alpha, Rref, E0 = curves.to_numpy(float)[window].T
        GPP += weight * photosynthesis(SW_IN, VPD, k, beta, alpha)
        RECO += weight * respiration(TA, Rref, E0)
    return GPP, RECO
