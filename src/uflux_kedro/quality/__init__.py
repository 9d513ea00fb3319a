"""Checks of tower data before anything is learnt from them, and the page that shows the evidence.

:func:`check_towers` runs every check: phase of the seasons, units, bounds, completeness of the
record and clocks. Each check returns :class:`Finding` objects that say where, what was expected
and what was found.

Example:
    >>> import pandas as pd
    >>> from uflux_kedro.quality import check_levels
    >>> time = pd.date_range("2020-01-01", periods=12, freq="MS")
    >>> towers = pd.DataFrame({"site_id": "DE-Tha", "time": time, "PA": 970.0})
    >>> sites = pd.DataFrame({"site_id": ["DE-Tha"], "latitude": [51.0], "elevation": [385.0]})
    >>> [(f.subject, f.weight) for f in check_levels(towers, sites)]
    [('PA at DE-Tha', 'defect')]
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "check": ["Checked", "check_towers", "drop_suspects"],
        "clock": ["check_clock"],
        "closure": ["check_carbon_balance", "compare_sources"],
        "findings": ["Finding", "as_table", "refuse"],
        "levels": ["check_levels"],
        "page": ["render_quality"],
        "parameters": ["QualityParameters"],
        "record": ["coverage", "energy_closure", "missing_periods"],
        "values": ["check_bounds", "mend_values"],
    },
)
