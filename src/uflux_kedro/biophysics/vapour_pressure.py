"""Vapour pressure and its deficit (hPa) from the humidity that weather data contain."""

from __future__ import annotations

from typing import Any

import numpy as np

from uflux_kedro.biophysics._formula import formula
from uflux_kedro.biophysics.constants import HPA_PER_KPA, WATER_TO_AIR

_REFERENCE = 6.112
"""Saturation vapour pressure at 0 degC, hPa."""
_SLOPE = 17.67
_OFFSET = 243.5
"""Coefficients of Bolton (1980); the offset in degC."""


@formula
def saturation_vapour_pressure(TA: Any) -> Any:
    """Return the saturation vapour pressure over water.

    Source: Bolton (1980), doi 10.1175/1520-0493(1980)108<1046:TCOEPT>2.0.CO;2, equation 10.

    Args:
        TA: Temperature of any shape, degC; the dew point gives the actual vapour pressure.

    Returns:
        Vapour pressure of the same shape, hPa.
    """
    return _REFERENCE * np.exp(_SLOPE * TA / (TA + _OFFSET))


@formula
def saturation_slope(TA: Any) -> Any:
    """Return the slope of the saturation vapour pressure against temperature.

    Args:
        TA: Air temperature of any shape, degC.

    Returns:
        Slope of the same shape, hPa K-1.
    """
    return saturation_vapour_pressure(TA) * _SLOPE * _OFFSET / (TA + _OFFSET) ** 2


@formula
def dewpoint(vapour_pressure: Any) -> Any:
    """Return the temperature at which air of this vapour pressure is saturated.

    Args:
        vapour_pressure: Actual vapour pressure of any shape, hPa, above 0.

    Returns:
        Dew point of the same shape, degC.
    """
    logarithm = np.log(vapour_pressure / _REFERENCE)
    return _OFFSET * logarithm / (_SLOPE - logarithm)


@formula
def vapour_pressure_from_specific_humidity(QV: Any, PA: Any) -> Any:
    """Convert specific humidity to vapour pressure.

    Args:
        QV: Specific humidity, kg kg-1.
        PA: Air pressure, kPa; shapes broadcast.

    Returns:
        Vapour pressure, hPa.
    """
    return QV * PA * HPA_PER_KPA / (WATER_TO_AIR + (1 - WATER_TO_AIR) * QV)


@formula
def specific_humidity(vapour_pressure: Any, PA: Any) -> Any:
    """Convert vapour pressure to specific humidity.

    Args:
        vapour_pressure: Actual vapour pressure, hPa.
        PA: Air pressure, kPa; shapes broadcast.

    Returns:
        Specific humidity, kg kg-1.
    """
    return (
        WATER_TO_AIR * vapour_pressure / (PA * HPA_PER_KPA - (1 - WATER_TO_AIR) * vapour_pressure)
    )


@formula
def vpd_from_dewpoint(TA: Any, TD: Any) -> Any:
    """Return the vapour pressure deficit from the dew point.

    Args:
        TA: Air temperature, degC.
        TD: Dew-point temperature, degC; shapes broadcast.

    Returns:
        Deficit, hPa; 0 where rounding makes the air supersaturated, as in fog.
    """
    return np.maximum(saturation_vapour_pressure(TA) - saturation_vapour_pressure(TD), 0.0)


@formula
def vpd_from_specific_humidity(TA: Any, QV: Any, PA: Any) -> Any:
    """Return the vapour pressure deficit from specific humidity.

    Args:
        TA: Air temperature, degC.
        QV: Specific humidity, kg kg-1.
        PA: Air pressure, kPa; shapes broadcast.

    Returns:
        Deficit, hPa, at least 0.
    """
    actual = vapour_pressure_from_specific_humidity(QV, PA)
    return np.maximum(saturation_vapour_pressure(TA) - actual, 0.0)
