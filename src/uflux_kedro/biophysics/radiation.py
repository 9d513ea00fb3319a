"""Shortwave and longwave radiation at the ground, W m-2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from uflux_kedro.biophysics._formula import formula
from uflux_kedro.biophysics.solar_clock import equation_of_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOLAR_CONSTANT = 1361.0
"""W m-2; Kopp and Lean (2011), doi 10.1029/2010GL045777."""
STEFAN_BOLTZMANN = 5.670374419e-8
"""W m-2 K-4."""
ZERO_CELSIUS = 273.15
GRASS_ALBEDO = 0.23
"""Albedo of the reference surface of FAO Irrigation and Drainage Paper 56."""
_PHOTONS_PER_JOULE = 2.04
"""umol of photosynthetic photons per joule of sunlight; Meek et al. (1984),
doi 10.2134/agronj1984.00021962007600060018x."""


@formula
def top_of_atmosphere_radiation(latitude: Any, doy: Any) -> Any:
    """Return the daily mean solar radiation on a horizontal plane above the atmosphere.

    Source: Allen et al. (1998), FAO Irrigation and Drainage Paper 56, equations 21 to 25.

    Args:
        latitude: Latitude, degrees north.
        doy: Day of the year, 1 to 366; shapes broadcast.

    Returns:
        Radiation, W m-2; 0 in polar night.
    """
    phi = np.deg2rad(latitude)
    year_angle = 2 * np.pi * doy / 365
    distance = 1 + 0.033 * np.cos(year_angle)
    declination = 0.409 * np.sin(year_angle - 1.39)
    # Beyond -1..1 the sun does not set, or does not rise, on that day.
    sunset = np.arccos(np.clip(-np.tan(phi) * np.tan(declination), -1.0, 1.0))
    height = sunset * np.sin(phi) * np.sin(declination)
    height = height + np.cos(phi) * np.cos(declination) * np.sin(sunset)
    return np.maximum(SOLAR_CONSTANT / np.pi * distance * height, 0.0)


def potential_radiation(
    times: pd.DatetimeIndex, latitude: float, longitude: float, utc_offset: float
) -> NDArray[np.float64]:
    """Return the solar radiation on a horizontal plane above the atmosphere, mean of each step.

    FLUXNET's ``SW_IN_POT``. Source: Allen et al. (1998), FAO Irrigation and Drainage Paper 56,
    equations 21 to 33, summed over parts of a step of 5 minutes or less.

    Args:
        times: Start of each step at a regular step, (steps,), in the clock of the record.
        latitude: Degrees north.
        longitude: Degrees east.
        utc_offset: Hours by which the clock is ahead of UTC.

    Returns:
        Radiation, W m-2, (steps,); 0 at night.
    """
    step = np.diff(times[:2]).astype("timedelta64[m]").astype(float)[0] / 60
    parts = int(np.ceil(step * 12))
    doy = times.day_of_year.to_numpy()
    phi, angle = np.deg2rad(latitude), 2 * np.pi * doy / 365
    declination = 0.409 * np.sin(angle - 1.39)
    clock = (times - times.normalize()) / pd.Timedelta(hours=1)
    solar = np.asarray(clock) + longitude / 15 - utc_offset + equation_of_time(doy)
    height = np.zeros(len(times))
    for part in range(parts):
        hour_angle = np.pi / 12 * (solar + (part + 0.5) * step / parts - 12)
        height += np.maximum(
            np.sin(phi) * np.sin(declination)
            + np.cos(phi) * np.cos(declination) * np.cos(hour_angle),
            0.0,
        )
    return SOLAR_CONSTANT * (1 + 0.033 * np.cos(angle)) * height / parts


@formula
def incoming_longwave(TA: Any, vapour_pressure: Any, cloud_fraction: Any) -> Any:
    """Estimate the longwave radiation from the sky.

    Source: Prata (1996), doi 10.1002/qj.49712253306, for clear sky; factor 1 + 0.22 c^2 for the
    cloud fraction c after Brutsaert (1982), Evaporation into the Atmosphere.

    Args:
        TA: Air temperature, degC.
        vapour_pressure: Actual vapour pressure, hPa.
        cloud_fraction: Cloudy share of the sky, 0 to 1; shapes broadcast.

    Returns:
        Radiation, W m-2, at most that of a black body.
    """
    kelvin = TA + ZERO_CELSIUS
    water = 46.5 * vapour_pressure / kelvin
    clear = 1 - (1 + water) * np.exp(-np.sqrt(1.2 + 3 * water))
    emissivity = clear * (1 + 0.22 * cloud_fraction**2)
    return np.minimum(emissivity, 1.0) * STEFAN_BOLTZMANN * kelvin**4


@formula
def estimated_net_radiation(
    SW_IN: Any, LW_IN: Any, TS: Any, albedo: float = GRASS_ALBEDO, emissivity: float = 0.98
) -> Any:
    """Estimate the net radiation of a surface from an assumed albedo.

    Source: Allen et al. (1998), FAO Irrigation and Drainage Paper 56, equations 38 and 40, with
    their albedo of grass. Deserts (about 0.35) and snow (0.5 to 0.9) absorb less, so that the
    estimate is too high there.

    Args:
        SW_IN: Incoming shortwave radiation, W m-2.
        LW_IN: Incoming longwave radiation, W m-2.
        TS: Temperature of the surface, degC; shapes broadcast.
        albedo: Reflected share of shortwave radiation.
        emissivity: Longwave emissivity of the surface.

    Returns:
        Net radiation, W m-2, positive downwards.
    """
    emitted = STEFAN_BOLTZMANN * (TS + ZERO_CELSIUS) ** 4
    return (1 - albedo) * SW_IN + emissivity * (LW_IN - emitted)


@formula
def ppfd_from_shortwave(SW_IN: Any) -> Any:
    """Convert shortwave radiation to photosynthetic photon flux density.

    Args:
        SW_IN: Incoming shortwave radiation, W m-2.

    Returns:
        Photon flux density, umol m-2 s-1.
    """
    return _PHOTONS_PER_JOULE * SW_IN


@formula
def shortwave_from_ppfd(PPFD_IN: Any) -> Any:
    """Convert photosynthetic photon flux density to shortwave radiation.

    Args:
        PPFD_IN: Photon flux density, umol m-2 s-1.

    Returns:
        Radiation, W m-2.
    """
    return PPFD_IN / _PHOTONS_PER_JOULE
