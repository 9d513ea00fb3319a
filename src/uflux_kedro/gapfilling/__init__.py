"""Fill the gaps of half-hourly tower records, with uncertainty for each record and each sum.

A *record* is a table of one tower with a regular time index (start of each half-hour or hour, local
standard time), named as in FLUXNET's HH tables and in their units: NEE, GPP and RECO in
umol CO2 m-2 s-1, LE and H in W m-2, P in mm per step. NaN is missing; a flux holds measured values only.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "artificial_gaps": ["SCENARIOS", "draw_gaps", "scenario_of"],
        "filler": ["GapFiller"],
        "mds": ["Filled", "Tolerances", "fill_mds"],
        "partitioning.day": ["LightResponse", "light_response", "partition_day"],
        "partitioning.night": ["NightResponse", "night_response", "partition_night"],
        "random_uncertainty": ["ALIKE", "RandomUncertainty", "random_uncertainty"],
        "record": ["check_record"],
        "synthetic": ["Simulated", "simulate"],
        "ustar": ["UstarThresholds", "filter_by_ustar", "ustar_thresholds"],
        "ustar_percentiles": ["Scenarios", "ustar_scenarios"],
    },
)
