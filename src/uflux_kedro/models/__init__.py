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
        "cascade_forest": ["CascadeForestRegressor"],
        "deep_forest_package": ["DeepForestPackageRegressor"],
        "fitted": ["FittedMember", "fit_member"],
        "packed_trees": ["PackedForest", "PackedTrees", "pack"],
        "persistence": ["load_model", "save_model"],
        "registry": ["MODELS", "make_model"],
    },
)
