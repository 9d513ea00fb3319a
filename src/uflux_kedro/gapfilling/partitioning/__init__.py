"""Partitioning of NEE into photosynthesis (GPP) and respiration (RECO), from nights or from days.

NEE = RECO - GPP; all three are in umol CO2 m-2 s-1 and at the record's own steps.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "day": ["LightResponse", "light_response", "partition_day"],
        "night": ["NightResponse", "night_response", "partition_night"],
    },
)
