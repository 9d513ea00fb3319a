"""The simulated Earth by day: weather about that of the months, and the fluxes that follow.

Monthly weather is interpolated to days, and passing weather, smooth in space and lasting some days, is
added: warm and cold air, and storms with rain on about half of the days. Leaves are those of the
months, since they change slowly; soil water, light and temperature are those of the day.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, exp, log, sqrt

import numpy as np
import pandas as pd

from uflux_kedro.biophysics.radiation import top_of_atmosphere_radiation
from uflux_kedro.biophysics.vapour_pressure import vpd_from_dewpoint
from uflux_kedro.demo_world.climate import DAYS_PER_MONTH
from uflux_kedro.demo_world.earth import Array
from uflux_kedro.demo_world.ecosystem import class_traits, exchange, water_balance_by
from uflux_kedro.demo_world.simulation import World

_STORMS, _DRY = 1.3, 0.9
"""Spread of the logarithm of rain, and the share of it that falls in no storm."""
_MEMORY = {"air": 0.8, "storms": 0.55, "wind": 0.6}
"""Correlation of passing weather with the day before."""


@dataclass(frozen=True)
class Days:
    """Weather and fluxes of the simulated Earth by day.

    Attributes:
        times: Starts of the days.
        weather: TA, TD, TS, SW_IN, LW_IN, PA, P, U, V; float32 (day, latitude, longitude).
        CO2: Mole fraction of the air, umol mol-1, (day,).
        fluxes: GPP, RECO, NEE (gC m-2 d-1), H, LE (W m-2), (day, land cell).
        NETRAD: Net radiation, W m-2, likewise.
        G: Ground heat flux, W m-2, likewise.
    """

    times: pd.DatetimeIndex
    weather: dict[str, Array]
    CO2: Array
    fluxes: dict[str, Array]
    NETRAD: Array
    G: Array


def simulate_days(world: World) -> Days:
    """Simulate the days of a world's years."""
    years = world.parameters.years
    times = pd.date_range(f"{years[0]}-01-01", f"{years[-1]}-12-31", freq="D")
    months = _middles(world, times)
    weather = _weather(world, times, months)
    land, ecosystem = world.earth.land, world.ecosystem
    here = {name: values[:, land].astype(float) for name, values in weather.items()}
    here["VPD"] = vpd_from_dewpoint(here["TA"], here["TD"])
    driving = {name: here[name] for name in ("P", "TA", "SW_IN", "LW_IN", "PA")}
    water = water_balance_by(**driving, days=1.0)
    fapar, RED, NIR, BLUE = (
        _between(getattr(ecosystem, n), months) for n in ("fapar", "RED", "NIR", "BLUE")
    )
    traits = class_traits(ecosystem.cover)
    CO2 = _between(world.CO2, months)
    fluxes, NETRAD, G = exchange(
        here,
        CO2,
        lai=-2 * np.log(1 - fapar / 0.95),
        fapar=fapar,
        albedo=0.55 * (RED + BLUE) / 2 + 0.45 * NIR,
        water=water,
        warming=here["TA"] - _trailing(here["TA"], 1 / DAYS_PER_MONTH),
        traits=traits,
        sink=traits["sink"] + 0.05 * world.fields.static("sink", 800)[land],
    )
    return Days(times, weather, CO2, fluxes, NETRAD, G)


def _middles(world: World, times: pd.DatetimeIndex) -> Array:
    """Return each day's place among the months' middles, such as 0.5 between the first two."""
    starts = pd.date_range(times[0], periods=12 * len(world.parameters.years), freq="MS")
    middles = ((starts - times[0]) / pd.Timedelta("1D")).to_numpy() + DAYS_PER_MONTH / 2
    return np.interp(np.arange(len(times)) + 0.5, middles, np.arange(len(starts)))


def _between(values: Array, places: Array) -> Array:
    """Interpolate linearly along the first axis."""
    before = np.minimum(places.astype(int), max(len(values) - 2, 0))
    after = np.minimum(before + 1, len(values) - 1)
    weight = (places - before).reshape(-1, *[1] * (values.ndim - 1)).astype(values.dtype)
    return (1 - weight) * values[before] + weight * values[after]


def _trailing(values: Array, share: float) -> Array:
    """Return the running mean in which each new day has this share."""
    mean = np.empty_like(values)
    state = values[0]
    for day, now in enumerate(values):
        state = state + share * (now - state)
        mean[day] = state
    return mean


def _weather(world: World, times: pd.DatetimeIndex, months: Array) -> dict[str, Array]:
    climate, earth, n = world.climate, world.earth, len(times)
    slow = {
        name: _between(getattr(climate, name), months)
        for name in ("TA", "TD", "TS", "SW_IN", "LW_IN", "PA", "P", "U", "V")
    }
    passing = {
        name: world.fields.monthly(f"{name}, days", length, n, memory)
        for (name, memory), length in zip(_MEMORY.items(), (1200, 900, 1000), strict=True)
    }
    north = np.abs(np.sin(np.deg2rad(earth.latitude)))[:, None].astype(np.float32)
    warm = passing["air"] * (0.6 + 3.6 * north)
    cloudy = np.tanh(passing["storms"])
    top = top_of_atmosphere_radiation(
        earth.latitude[:, None], times.dayofyear.to_numpy()[:, None, None]
    )
    rain = np.maximum(np.exp(_STORMS * passing["storms"]) - _DRY, 0) / _mean_of_storms()
    weather = slow | {
        "TA": slow["TA"] + warm,
        "TS": slow["TS"] + 0.5 * _trailing(warm, 1 / 7),
        "SW_IN": np.minimum(slow["SW_IN"] * (1 - 0.35 * cloudy), 0.82 * top),
        "LW_IN": np.maximum(slow["LW_IN"] + 3.5 * warm + 14 * cloudy, 75),
        "PA": slow["PA"] * (1 - 0.005 * cloudy),
        "P": slow["P"] * rain,
        "U": slow["U"] + 2 * passing["wind"],
        "V": slow["V"] + 1.5 * passing["storms"],
    }
    damp = slow["TD"] + 0.7 * warm + 1.0 * cloudy
    weather["TD"] = np.minimum(damp, weather["TA"] - 0.2)
    return {name: values.astype(np.float32) for name, values in weather.items()}


def _mean_of_storms() -> float:
    """Return the mean of max(exp(s w) - k, 0) for normal w, so that rain keeps its mean."""
    place = log(_DRY) / _STORMS

    def above(limit: float) -> float:
        return 0.5 * (1 - erf(limit / sqrt(2)))

    return exp(_STORMS**2 / 2) * above(place - _STORMS) - _DRY * above(place)
