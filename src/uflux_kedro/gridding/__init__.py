"""Grids: regridding, means over time and sampling at towers."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "grids": ["ProjectedGrid", "TargetGrid"],
        "means": ["means_over", "monthly_means"],
        "regrid": ["align", "common_mask"],
        "sampling": ["sample_at_sites"],
    },
)
