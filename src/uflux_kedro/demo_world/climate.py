"""Weather of the simulated Earth, month by month.

The rules are coarse and the constants chosen by hand, so that deserts, rain forests, monsoons and
continental winters are where they are on Earth. Each field also has anomalies that are smooth in
space and correlated from month to month.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uflux_kedro.biophysics.radiation import incoming_longwave, top_of_atmosphere_radiation
from uflux_kedro.biophysics.vapour_pressure import dewpoint, saturation_vapour_pressure
from uflux_kedro.demo_world.earth import Array, Earth, RandomFields

_KM_PER_DEGREE = 111.2
DAYS_PER_MONTH = 30.44
"""Rounded, unlike that of the unit conversions: every file of the demo world depends on it."""
_MIDSUMMER = 201
"""Day of the year on which northern land is warmest."""


@dataclass(frozen=True)
class Climate:
    """Weather; arrays are float32 (month, latitude, longitude), names and units canonical.

    Attributes:
        doy: Day of the year in the middle of each month, (month,).
        top: Solar radiation above the atmosphere, W m-2.
        cloud: Cloud fraction, 0 to 1.
        TA: Air temperature, degC.
        TD: Dew-point temperature, degC.
        TS: Soil temperature, degC.
        SW_IN: Incoming shortwave radiation, W m-2.
        LW_IN: Incoming longwave radiation, W m-2.
        PA: Air pressure, kPa.
        P: Precipitation, mm d-1.
        U: Eastward wind, m s-1.
        V: Northward wind, m s-1.
    """

    doy: Array
    top: Array
    cloud: Array
    TA: Array
    TD: Array
    TS: Array
    SW_IN: Array
    LW_IN: Array
    PA: Array
    P: Array
    U: Array
    V: Array


def make_climate(earth: Earth, fields: RandomFields, years: int) -> Climate:
    """Simulate ``years`` complete years, from January."""
    months = 12 * years
    doy = np.tile(15.7 + DAYS_PER_MONTH * np.arange(12), years)
    phi = np.deg2rad(earth.latitude).astype(np.float32)[:, np.newaxis]
    # northern: 1 in northern summer, -1 in northern winter; summer: the same by hemisphere.
    northern = np.cos(2 * np.pi * (doy - _MIDSUMMER) / 365.25).astype(np.float32)[:, None, None]
    summer = northern * np.tanh(phi / 0.12)
    from_west = moist_air(earth, from_west=True)
    from_east = moist_air(earth, from_west=False)

    P = _precipitation(
        earth, fields, northern=northern, summer=summer, from_west=from_west, from_east=from_east
    )
    TA = _air_temperature(earth, fields, doy, from_west, months)
    top = top_of_atmosphere_radiation(earth.latitude[:, np.newaxis], doy[:, None, None])
    top = np.repeat(top, earth.longitude.size, axis=2).astype(np.float32)

    wet = 1 - np.exp(-P / 2.2)
    cloud = (
        0.18 + 0.55 * wet + 0.15 * (~earth.land) + 0.05 * fields.monthly("cloud", 1200, months, 0.3)
    )
    cloud = np.clip(cloud + 0.12 * np.sin(phi) ** 4, 0.05, 0.97)
    SW_IN = top * (0.78 - 0.46 * cloud + 2e-5 * earth.elevation.astype(np.float32))

    humidity = 0.28 + 0.48 * wet + 0.2 * (~earth.land) + 0.2 / (1 + np.exp((TA - 2) / 4))
    humidity = humidity - 0.06 * np.maximum(summer, 0) * np.abs(np.sin(phi))
    humidity = np.clip(humidity + 0.03 * fields.monthly("humidity", 1000, months, 0.4), 0.15, 0.97)
    vapour = humidity * saturation_vapour_pressure(TA)
    LW_IN = incoming_longwave(TA, vapour, cloud)

    pressure = 101.325 * (1 - 2.25577e-5 * earth.elevation) ** 5.25588
    PA = pressure * (1 + 0.003 * fields.monthly("pressure", 1500, months, 0.2))
    U = -5 * np.cos(3.6 * phi) * (1 - 0.35 * earth.land) + 1.5 * fields.monthly(
        "U", 1500, months, 0.2
    )
    V = -1.2 * np.sin(4 * phi) + 1.2 * fields.monthly("V", 1500, months, 0.2)
    return Climate(
        doy=doy,
        top=top,
        cloud=cloud.astype(np.float32),
        TA=TA,
        TD=dewpoint(vapour).astype(np.float32),
        TS=_soil_temperature(TA),
        SW_IN=SW_IN.astype(np.float32),
        LW_IN=LW_IN.astype(np.float32),
        PA=PA.astype(np.float32),
        P=P,
        U=U.astype(np.float32),
        V=V.astype(np.float32),
    )


def moist_air(earth: Earth, *, from_west: bool) -> Array:
    """Return the share of the sea's moisture that air from one side still contains.

    Air loses its moisture over land, with a scale of 4000 km, and by rising; at sea it takes up
    moisture again. It mixes with the air of nearby latitudes.

    Args:
        earth: Land and mountains.
        from_west: Whether the air comes from the west, otherwise from the east.

    Returns:
        (latitude, longitude), 1 at sea and towards 0 inland.
    """
    step = earth.longitude[1] - earth.longitude[0]
    width = step * _KM_PER_DEGREE * np.maximum(np.cos(np.deg2rad(earth.latitude)), 0.2)
    direction = 1 if from_west else -1
    land, elevation = earth.land[:, ::direction], earth.elevation[:, ::direction]
    climb = np.maximum(elevation - np.roll(elevation, 1, axis=1), 0)
    loss = np.exp(-width[:, np.newaxis] / 4000 - climb / 2500)
    gain = 1 - np.exp(-width / 800)
    air = np.ones(earth.latitude.size)
    moist = np.empty(land.shape)
    # Twice around the Earth, since the first round starts with arbitrary air.
    for column in [*range(land.shape[1])] * 2:
        air = np.where(land[:, column], air * loss[:, column], air + (1 - air) * gain)
        moist[:, column] = air
    apart = earth.latitude[:, np.newaxis] - earth.latitude
    mixing = np.exp(-0.5 * (apart / 4) ** 2)
    return mixing @ moist[:, ::direction] / mixing.sum(axis=1, keepdims=True)


def _precipitation(
    earth: Earth,
    fields: RandomFields,
    *,
    northern: Array,
    summer: Array,
    from_west: Array,
    from_east: Array,
) -> Array:
    """Return precipitation, mm d-1: tropical belt, westerlies, monsoon of eastern coasts."""
    latitude = earth.latitude[:, np.newaxis]
    away = np.abs(latitude)
    # The tropical belt follows the sun and, in northern summer, the heat of southern Asia.
    asia = np.exp(-(((earth.longitude - 95) / 25) ** 2)) * np.maximum(northern, 0)
    tropical = 9 * np.exp(-(((latitude + 1.5 - 8.5 * northern - 9 * asia) / 10) ** 2))
    tropical = tropical * (0.55 + 0.45 * np.maximum(from_east, 0.7 * from_west))
    westerly = np.exp(-(((away - 50) / 13) ** 2)) * (0.6 + 2.9 * from_west + 2.2 * from_east**2)
    # Western coasts are wettest in winter, continental interiors in summer.
    westerly = westerly * (1 + summer * (0.5 - 1.2 * from_west) * np.clip((56 - away) / 16, 0.3, 1))
    monsoon = 13 * np.exp(-(((away - 27) / 11) ** 2)) * np.maximum(0.35 + summer, 0)
    monsoon = monsoon * from_east**2.2 * (1 - 0.75 * from_west)
    P = 0.1 + 0.25 * np.clip((away - 55) / 10, 0, 1) + tropical + westerly + monsoon
    spread = fields.monthly("rain", 1100, len(northern), 0.35)
    lasting = fields.static("rain, lasting", 1500)
    return (P * np.exp(0.38 * spread + 0.2 * lasting - 0.09)).astype(np.float32)


def _air_temperature(
    earth: Earth, fields: RandomFields, doy: Array, from_west: Array, months: int
) -> Array:
    """Return air temperature, degC."""
    phi = np.deg2rad(earth.latitude)[:, np.newaxis]
    sine = np.abs(np.sin(phi))
    inland = np.where(earth.land, 1 - 0.75 * from_west, 0.0)
    mean = 27.5 - 45 * sine**3 - 9 * np.maximum(-np.sin(phi) - 0.85, 0) / 0.15
    # Westerlies carry the warmth of the sea to the western coasts.
    mean = mean + 5 * np.exp(-(((earth.latitude[:, np.newaxis] - 58) / 14) ** 2)) * from_west
    # The annual cycle of the ice sheet is smaller than that of Siberia.
    inland = np.where(phi < -1, 0.5, 1.0) * inland
    half_range = 4.5 * sine + 27 * sine**1.4 * inland + 1.0 * earth.land
    lag = np.where(earth.land, 0, 20)
    season = np.cos(2 * np.pi * (doy[:, None, None] - _MIDSUMMER - lag) / 365.25)
    TA = mean + half_range * season * np.tanh(phi / 0.12)
    # Monthly lapse rates are below the free air's 6.5 K km-1 on high plateaus.
    TA = TA - 0.0055 * earth.elevation + 0.028 * np.arange(months)[:, None, None] / 12
    weather = fields.monthly("TA", 1600, months, 0.35) * (0.5 + 1.1 * sine)
    slow = fields.monthly("TA, slow", 3500, months, 0.9) * 0.4
    return (TA + weather + slow).astype(np.float32)


def _soil_temperature(TA: Array) -> Array:
    """Return top-soil temperature, degC: delayed against the air, and warm under snow."""
    before = np.concatenate([TA[:1], TA[:-1]])
    mixed = 0.75 * TA + 0.25 * before
    return np.where(mixed < 0, 0.5 * mixed, mixed)
