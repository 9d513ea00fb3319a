"""Evapotranspiration: latent heat, mass of water, potential rate."""

from __future__ import annotations

from typing import Any

from uflux_kedro.biophysics._formula import formula
from uflux_kedro.biophysics.constants import HPA_PER_KPA, WATER_TO_AIR
from uflux_kedro.biophysics.vapour_pressure import saturation_slope

_MJ_PER_DAY_PER_WATT = 0.0864
_HEAT_CAPACITY = 1.013e-3
"""Specific heat of air at constant pressure, MJ kg-1 K-1."""


@formula
def latent_heat_of_vaporisation(TA: Any) -> Any:
    """Return the latent heat of vaporisation of water, 2.501 - 0.00237 TA.

    Args:
        TA: Air temperature, degC.

    Returns:
        Latent heat, MJ kg-1.
    """
    return 2.501 - 0.00237 * TA


@formula
def evapotranspiration_from_le(LE: Any, TA: Any) -> Any:
    """Convert a latent heat flux to evapotranspiration.

    Args:
        LE: Latent heat flux, W m-2.
        TA: Air temperature, degC; shapes broadcast.

    Returns:
        Evapotranspiration, mm d-1.
    """
    return LE * _MJ_PER_DAY_PER_WATT / latent_heat_of_vaporisation(TA)


@formula
def psychrometric_constant(TA: Any, PA: Any) -> Any:
    """Return the psychrometric constant of air.

    Source: Allen et al. (1998), FAO Irrigation and Drainage Paper 56, equation 8.

    Args:
        TA: Air temperature, degC.
        PA: Air pressure, kPa; shapes broadcast.

    Returns:
        Constant, hPa K-1.
    """
    return _HEAT_CAPACITY * PA * HPA_PER_KPA / (WATER_TO_AIR * latent_heat_of_vaporisation(TA))


@formula
def makkink(TA: Any, SW_IN: Any, PA: float = 101.325) -> Any:
    """Return potential evapotranspiration from temperature and sunlight alone, by Makkink.

    Source: de Bruin (1987), 0.65 s / (s + gamma) SW_IN.

    Args:
        TA: Air temperature, degC.
        SW_IN: Incoming shortwave radiation, W m-2; shapes broadcast.
        PA: Air pressure, kPa.

    Returns:
        Potential evapotranspiration, mm d-1.
    """
    slope = saturation_slope(TA)
    share = 0.65 * slope / (slope + psychrometric_constant(TA, PA))
    return evapotranspiration_from_le(share * SW_IN, TA)


@formula
def priestley_taylor(TA: Any, PA: Any, available_energy: Any, alpha: float = 1.26) -> Any:
    """Return the potential latent heat flux of a wet surface.

    Source: Priestley and Taylor (1972), doi 10.1175/1520-0493(1972)100<0081:OTAOSH>2.3.CO;2.

    Args:
        TA: Air temperature, degC.
        PA: Air pressure, kPa.
        available_energy: Net radiation minus ground heat flux, W m-2; shapes broadcast.
        alpha: Priestley-Taylor coefficient.

    Returns:
        Latent heat flux, W m-2, with the sign of the available energy.
    """
    slope = saturation_slope(TA)
    return alpha * slope / (slope + psychrometric_constant(TA, PA)) * available_energy
