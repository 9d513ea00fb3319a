"""Models: the cascade forest DF21, packed trees, the registry, persistence, fitted members.

Names are imported on first use: numba, scikit-learn and XGBoost take seconds.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "binned_forest": ["BinnedForestRegressor"],
        "blend": ["BlendRegressor"],
        "cascade.forest": ["CascadeForestRegressor"],
        "deep_forest.package": ["DeepForestPackageRegressor"],
        "fitted": ["FittedMember", "fit_member"],
        "packing": ["pack"],
        "persistence": ["load_model", "save_model"],
        "registry": ["MODELS", "make_model"],
    },
)
