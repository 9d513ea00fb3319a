"""Temperature response of ecosystem respiration."""

from __future__ import annotations

from typing import Any

import numpy as np

from uflux_kedro.biophysics._formula import formula

_REFERENCE_TEMPERATURE = 10.0
_ZERO_TEMPERATURE = -46.02
"""degC; temperature at which the curve of Lloyd and Taylor reaches zero."""


@formula
def lloyd_taylor(TS: Any, reference: Any = 1.0, activation: float = 308.56) -> Any:
    """Return respiration as a function of temperature.

    Source: Lloyd and Taylor (1994), doi 10.2307/2389824, equation 11.

    Args:
        TS: Soil or air temperature, degC.
        reference: Respiration at 10 degC, in any unit; shapes broadcast.
        activation: Temperature sensitivity, K.

    Returns:
        Respiration in the unit of ``reference``; 0 at -46.02 degC and below.
    """
    above_zero = np.maximum(TS - _ZERO_TEMPERATURE, 1e-3)
    span = _REFERENCE_TEMPERATURE - _ZERO_TEMPERATURE
    return reference * np.exp(activation * (1.0 / span - 1.0 / above_zero))
