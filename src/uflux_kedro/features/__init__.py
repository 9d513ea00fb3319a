"""Predictors of towers and grids, computed by the same functions for tables and cubes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "calendar": ["calendar_features"],
        "carry_over": ["carry_over_at_towers", "carry_over_predictors"],
        "derived": ["derive_predictors"],
        "drivers": ["build_drivers", "merge_drivers"],
        "parameters": ["CarryOverParameters", "FeatureParameters"],
        "training_table": ["build_training_table"],
    },
)
