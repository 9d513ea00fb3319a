"""What tells day from night: measured light, else the sun above the atmosphere."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.biophysics.radiation import shortwave_from_ppfd

DAYLIGHT = 20.0
"""W m-2 above which it is day."""
_SOURCES = ("SW_IN", "SW_IN_ERA", "PPFD_IN", "SW_IN_POT")
"""Columns that tell the light, the first that is known at a step."""


def light_of(table: pd.DataFrame) -> NDArray[np.float64] | None:
    """Return the radiation of the sun, W m-2, (steps,), NaN where unknown; None without any column of it.

    Args:
        table: ``SW_IN``, ``SW_IN_ERA``, ``SW_IN_POT`` (W m-2), ``PPFD_IN`` (umol m-2 s-1), any of them.
    """
    light = None
    for name in _SOURCES:
        if name in table:
            values = table[name].to_numpy(dtype=np.float64)
            values = shortwave_from_ppfd(values) if name == "PPFD_IN" else values
            light = values if light is None else np.where(np.isnan(light), values, light)
    return light


def daylight(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Return whether the sun shines, (steps,): where nothing tells, it does. Columns as of :func:`light_of`."""
    light = light_of(table)
    return np.ones(len(table), dtype=bool) if light is None else ~(light <= DAYLIGHT)
