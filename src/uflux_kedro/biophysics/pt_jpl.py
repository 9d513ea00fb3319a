"""Evapotranspiration of PT-JPL: potential rates of leaves and ground, cut by what limits them.

Source: Fisher, Tu and Baldocchi (2008), doi 10.1016/j.rse.2007.06.025, table 1. Shares are 0
to 1, energy is W m-2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from uflux_kedro.biophysics._formula import formula
from uflux_kedro.biophysics.constants import HPA_PER_KPA
from uflux_kedro.biophysics.evapotranspiration import priestley_taylor
from uflux_kedro.biophysics.vapour_pressure import saturation_vapour_pressure

EXTINCTION_OF_NET_RADIATION = 0.6
"""Per unit of leaf area; Impens and Lemeur (1969), as Fisher et al. (2008) use it."""
_EXTINCTION_OF_LIGHT = 0.5
_MOST_COVER = 0.99
"""Highest intercepted share of light, beyond which leaf area would be infinite."""
_DRIEST = 0.01
"""Lowest relative humidity."""


class LatentHeat(NamedTuple):
    """Latent heat flux by origin, W m-2.

    Attributes:
        canopy: Transpiration.
        soil: Evaporation from the ground.
        interception: Evaporation of water on leaves.
    """

    canopy: Any
    soil: Any
    interception: Any


@formula
def relative_humidity(TA: Any, VPD: Any) -> Any:
    """Return the relative humidity, 1 - VPD / saturation vapour pressure.

    Args:
        TA: Air temperature, degC.
        VPD: Vapour pressure deficit, hPa; shapes broadcast.

    Returns:
        Share, 0.01 to 1.
    """
    return np.clip(1 - VPD / saturation_vapour_pressure(TA), _DRIEST, 1.0)


@formula
def leaf_area_of_fipar(fipar: Any) -> Any:
    """Return the leaf area index from intercepted light, -ln(1 - fIPAR) / 0.5.

    Args:
        fipar: Intercepted share of light.

    Returns:
        Leaf area index.
    """
    return -np.log(1 - np.clip(fipar, 0.0, _MOST_COVER)) / _EXTINCTION_OF_LIGHT


@formula
def plant_temperature_constraint(TA: Any, optimum: Any) -> Any:
    """Return exp(-((TA - optimum) / optimum)^2).

    Args:
        TA: Air temperature, degC.
        optimum: Temperature of most growth, degC, above 0; shapes broadcast.

    Returns:
        Share, 0 to 1.
    """
    return np.exp(-(((TA - optimum) / optimum) ** 2))


@formula
def soil_moisture_constraint(humidity: Any, VPD: Any, beta: Any = 1.0) -> Any:
    """Return RH^(VPD / beta): air over dry ground is dry.

    Args:
        humidity: Relative humidity, 0 to 1.
        VPD: Vapour pressure deficit, hPa.
        beta: Sensitivity, kPa; shapes broadcast.

    Returns:
        Share, 0 to 1.
    """
    return humidity ** (np.maximum(VPD, 0.0) / (HPA_PER_KPA * beta))


def pt_jpl(
    TA: Any,
    VPD: Any,
    PA: Any,
    net_radiation: Any,
    fipar: Any,
    *,
    green: Any = 1.0,
    moisture: Any = 1.0,
    optimum: Any = 25.0,
    beta: Any = 1.0,
    alpha: Any = 1.26,
    extinction: Any = EXTINCTION_OF_NET_RADIATION,
    ground_heat: Any = 0.0,
) -> LatentHeat:
    """Return the latent heat flux of leaves, ground and wet leaves.

    Args:
        TA: Air temperature, degC.
        VPD: Vapour pressure deficit, hPa.
        PA: Air pressure, kPa.
        net_radiation: Net radiation, W m-2.
        fipar: Intercepted share of light.
        green: Green share of the canopy, f_g, which is fAPAR / fIPAR.
        moisture: Constraint by the plant's water, f_M.
        optimum: Temperature of most growth, degC.
        beta: Sensitivity of the constraint by soil water, kPa.
        alpha: Priestley-Taylor coefficient.
        extinction: Extinction of net radiation per unit of leaf area.
        ground_heat: Ground heat flux, W m-2; shapes broadcast.

    Returns:
        Latent heat by origin, W m-2.
    """
    humidity = relative_humidity(TA, VPD)
    wet = humidity**4
    of_soil = net_radiation * np.exp(-extinction * leaf_area_of_fipar(fipar))
    potential = priestley_taylor(TA, PA, 1.0, alpha)
    leaves = potential * (net_radiation - of_soil)
    warm = plant_temperature_constraint(TA, optimum)
    moist = soil_moisture_constraint(humidity, VPD, beta)
    return LatentHeat(
        canopy=(1 - wet) * green * warm * moisture * leaves,
        soil=(wet + moist * (1 - wet)) * potential * (of_soil - ground_heat),
        interception=wet * leaves,
    )
