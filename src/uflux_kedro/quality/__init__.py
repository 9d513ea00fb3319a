"""Checks of tower data at the door: phase of the seasons, units, values, record; and their page."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "check": ["Checked", "check_towers", "drop_suspects"],
        "clock": ["check_clock"],
        "findings": ["Finding", "refuse"],
        "page": ["render_quality"],
    },
)
