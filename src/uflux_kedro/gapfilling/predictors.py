"""What learnt fillers know of a record: weather now and before, the sun, the hour and the day."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.biophysics.radiation import potential_radiation
from uflux_kedro.gapfilling.mds import fill_mds

WEATHER = (
    "SW_IN", "TA", "VPD", "RH", "TS", "SWC", "WS", "USTAR", "LW_IN", "NETRAD", "G", "PPFD_IN", "PA", "P",
)  # fmt: skip
"""Drivers that a filler takes where a record has them, measured or from reanalysis (``<driver>_ERA``)."""

_FOLLOWED = ("SW_IN", "TA", "VPD")
"""Drivers whose past counts."""
_DAYS_BEFORE = (1, 7, 30)
_RAIN_DAYS = (7, 30)
_LEAST_KNOWN = 0.3
"""Share of the steps, and of those where the flux is missing, at which a driver must be known."""


def predictors_of(
    table: pd.DataFrame,
    missing: NDArray[np.bool_],
    steps_a_day: int,
    place: tuple[float, float, float] | None = None,
) -> pd.DataFrame:
    """Return the predictors of each step, none of them from a flux.

    Gaps of a driver are closed first: by its companion from reanalysis, fitted by a line to what
    was measured; what is left by marginal distribution sampling on the other drivers. A driver that
    is known at less than three tenths of the steps, or of those to fill, is left out: instruments that
    fail with the flux, such as the anemometer, say nothing in its gaps.

    Args:
        table: Record of a tower, (steps, columns).
        missing: Steps at which the flux is to be filled, (steps,).
        steps_a_day: 48 or 24.
        place: Latitude, longitude (degrees) and hours ahead of UTC, for potential radiation; None
            goes without.

    Returns:
        (steps, predictors), float32, finite but where nothing is known of a driver.
    """
    times = pd.DatetimeIndex(table.index)
    weather = _weather(table, missing, steps_a_day)
    columns: dict[str, NDArray | pd.Series] = dict(weather)
    if place is not None:
        columns["SW_IN_POT"] = potential_radiation(times, *place)
    hour = np.asarray((times - times.normalize()) / pd.Timedelta(hours=1))
    columns["hour_sin"] = np.sin(2 * np.pi * hour / 24)
    columns["hour_cos"] = np.cos(2 * np.pi * hour / 24)
    columns["day"] = np.arange(len(table)) / steps_a_day
    for name in _FOLLOWED:
        if name not in weather:
            continue
        series = pd.Series(weather[name])
        columns[f"{name}_hour_before"] = series.shift(steps_a_day // 24).bfill()
        columns[f"{name}_day"] = series.rolling(steps_a_day, min_periods=1, center=True).mean()
        for days in _DAYS_BEFORE:
            window = series.rolling(days * steps_a_day, min_periods=1)
            columns[f"{name}_{days}_days"] = window.mean()
    if "P" in weather:
        for days in _RAIN_DAYS:
            window = pd.Series(weather["P"]).rolling(days * steps_a_day, min_periods=1)
            columns[f"P_{days}_days"] = window.mean()
    arrays = {name: np.asarray(values, dtype=np.float32) for name, values in columns.items()}
    return pd.DataFrame(arrays, index=times)


def _weather(
    table: pd.DataFrame, missing: NDArray[np.bool_], steps_a_day: int
) -> dict[str, NDArray[np.float64]]:
    """Return the drivers that can serve, without gaps where they can be closed."""
    known = {}
    for name in WEATHER:
        values = _joined(table, name)
        present = np.isfinite(values)
        gaps = present[missing].mean() if missing.any() else 1.0
        if present.mean() >= _LEAST_KNOWN and gaps >= _LEAST_KNOWN:
            known[name] = values
    similar = [known.get(name) for name in _FOLLOWED]
    return {
        name: values
        if np.isfinite(values).all()
        else fill_mds(values, *similar, steps_a_day=steps_a_day).value
        for name, values in known.items()
    }


def _joined(table: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return a driver, with its companion where it is missing, fitted to what was measured."""
    values = np.full(len(table), np.nan)
    if name in table:
        values = table[name].to_numpy(dtype=float, copy=True)
    if f"{name}_ERA" not in table:
        return values
    companion = table[f"{name}_ERA"].to_numpy(dtype=float)
    both = np.isfinite(values) & np.isfinite(companion)
    if both.sum() > 1 and np.ptp(companion[both]) > 0:
        slope, offset = np.polyfit(companion[both], values[both], 1)
        companion = offset + slope * companion
    return np.where(np.isfinite(values), values, companion)
