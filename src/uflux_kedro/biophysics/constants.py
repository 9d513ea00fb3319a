"""Constants that several packages share."""

from __future__ import annotations

CARBON_MOLAR_MASS = 12.011
"""g mol-1."""
CO2_MOLAR_MASS = 44.009
"""g mol-1."""
DAYS_PER_MONTH = 365.25 / 12
"""Mean length of a month, days; the month of the unit library pint."""
WATER_TO_AIR = 0.622
"""Molar mass of water vapour divided by that of dry air."""
HPA_PER_KPA = 10.0
