"""Response of ecosystem respiration to temperature and rain."""

from __future__ import annotations

from typing import Any

import numpy as np

from uflux_kedro.biophysics._formula import formula

_ZERO_TEMPERATURE = -46.02
"""degC; temperature at which the curve of Lloyd and Taylor reaches zero."""


@formula
def lloyd_taylor(
    TS: Any, reference: Any = 1.0, activation: Any = 308.56, reference_temperature: float = 10.0
) -> Any:
    """Return respiration as a function of temperature.

    Source: Lloyd and Taylor (1994), doi 10.2307/2389824, equation 11.

    Args:
        TS: Soil or air temperature, degC.
        reference: Respiration at the reference temperature, in any unit; shapes broadcast.
        activation: Temperature sensitivity, K.
        reference_temperature: degC.

    Returns:
        Respiration in the unit of ``reference``; 0 at -46.02 degC and below.
    """
    above_zero = np.maximum(TS - _ZERO_TEMPERATURE, 1e-3)
    span = reference_temperature - _ZERO_TEMPERATURE
    return reference * np.exp(activation * (1.0 / span - 1.0 / above_zero))


@formula
def rain_limitation(P: Any, half: Any, dry: Any) -> Any:
    """Return the limitation of respiration by rain, (dry half + P) / (half + P).

    Source: Migliavacca et al. (2011), doi 10.1111/j.1365-2486.2010.02243.x, the factor of their
    model LinGPP with k = half (1 - dry) and alpha = dry, after Raich et al. (2002).

    Args:
        P: Precipitation, mm d-1; negative values count as 0.
        half: Rain at which half of the limitation is left, mm d-1.
        dry: Limitation without rain, 0 to 1; shapes broadcast.

    Returns:
        Share, ``dry`` to 1.
    """
    rain = np.maximum(P, 0.0)
    return (dry * half + rain) / (half + rain)
