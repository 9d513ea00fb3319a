"""Models: the cascade forest DF21, packed trees, the registry, persistence, fitted members.

Names are imported on first use: numba, scikit-learn and XGBoost take seconds.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cascade_forest": ["CascadeForestRegressor"],
        "packed_trees": ["PackedForest", "PackedTrees", "pack"],
    },
)
