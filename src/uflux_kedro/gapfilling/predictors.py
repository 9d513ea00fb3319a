"""What learnt fillers know of a record: weather now and before, the sun, the hour and the day."""

from __future__ import annotations

from collections.abc import Collection

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
    drivers: Collection[str] | None = None,
) -> pd.DataFrame:
    """Return the predictors of each step, none of them from a flux.

    Gaps of a driver are closed first: by its companion from reanalysis, fitted by a line to what
    was measured; what is left by marginal distribution sampling on the other drivers, and beyond its
    reach by the mean of the month and time of day. A driver that
    is known at less than three tenths of the steps, or of those to fill, is left out: instruments that
    fail with the flux, such as the anemometer, say nothing in its gaps. Steps without any driver, such
    as a year of none, do not count: they say nothing of one more than of another.

    Args:
        table: Record of a tower, (steps, columns).
        missing: Steps at which the flux is to be filled, (steps,).
        steps_a_day: 48 or 24.
        place: Latitude, longitude (degrees) and hours ahead of UTC, for potential radiation; None
            goes without.
        drivers: Drivers to take, however little is known of them; None chooses.

    Returns:
        (steps, predictors), float32, finite but for drivers of which nothing is known.
    """
    times = pd.DatetimeIndex(table.index)
    weather = _weather(table, missing, steps_a_day, drivers)
    columns: dict[str, NDArray | pd.Series] = dict(weather)
    if place is not None:
        columns["SW_IN_POT"] = potential_radiation(times, *place)
    hour = np.asarray((times - times.normalize()) / pd.Timedelta(hours=1))
    columns["hour_sin"] = np.sin(2 * np.pi * hour / 24)
    columns["hour_cos"] = np.cos(2 * np.pi * hour / 24)
    # From the first of January, so that another record of the tower has the same day in its season.
    columns["day"] = np.asarray((times - pd.Timestamp(times[0].year, 1, 1)) / pd.Timedelta(days=1))
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


def place_of(
    latitude: float | None, longitude: float | None, utc_offset: float | None
) -> tuple[float, float, float] | None:
    """Return a place with its clock; None if any of it is unknown."""
    if latitude is None or longitude is None or utc_offset is None:
        return None
    return latitude, longitude, utc_offset


def _weather(
    table: pd.DataFrame,
    missing: NDArray[np.bool_],
    steps_a_day: int,
    drivers: Collection[str] | None,
) -> dict[str, NDArray[np.float64]]:
    """Return the drivers that can serve, without gaps where they can be closed."""
    joined = {name: joined_driver(table, name) for name in WEATHER}
    if drivers is None:
        drivers = _serving(joined, missing)
    known = {name: values for name, values in joined.items() if name in drivers}
    similar = [known.get(name) for name in _FOLLOWED]
    times = pd.DatetimeIndex(table.index)
    return {
        name: values
        if np.isfinite(values).all()
        else _closed(fill_mds(values, *similar, steps_a_day=steps_a_day).value, times)
        for name, values in known.items()
    }


def _serving(joined: dict[str, NDArray[np.float64]], missing: NDArray[np.bool_]) -> list[str]:
    """Return the drivers of which enough is known, where anything is known of the weather."""
    present = pd.DataFrame({name: np.isfinite(values) for name, values in joined.items()})
    present = present[present.any(axis=1)]
    wanted = present[missing[present.index]]
    serves = present.mean() >= _LEAST_KNOWN
    if len(wanted):
        serves &= wanted.mean() >= _LEAST_KNOWN
    return [str(name) for name in serves.index[serves]]


def _closed(values: NDArray[np.float64], times: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Return a driver with the mean of the month and time of day, else of the time, where it is missing."""
    series, clock = pd.Series(values), times - times.normalize()
    for keys in ([times.month, clock], [clock]):
        series = series.fillna(series.groupby(keys).transform("mean"))
    return series.fillna(series.mean()).to_numpy()


def joined_driver(table: pd.DataFrame, name: str) -> NDArray[np.float64]:
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
