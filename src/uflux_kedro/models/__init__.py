"""Models of the ensemble: made by name, fitted, packed for fast prediction, and stored.

:data:`MODELS` lists the models by name and :func:`make_model` makes one. All are scikit-learn
regressors. :func:`pack` gives the fastest exact predictor of a fitted model, :func:`save_model`
and :func:`load_model` store it without pickle, and a :class:`FittedMember` is a model with its
predictors and a card that describes it. Names are imported on first use, since numba,
scikit-learn and XGBoost take seconds.

Example:
    >>> import numpy as np
    >>> from uflux_kedro.models import make_model, pack
    >>> X = np.random.default_rng(0).uniform(size=(200, 3))
    >>> model = make_model("XGB", {"max_depth": 3}, random_state=1).fit(X, X.sum(axis=1))
    >>> bool((pack(model).predict(X, n_jobs=2) == model.predict(X)).all())
    True
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
        "hybrid": ["HybridRegressor"],
        "mean": ["MeanRegressor"],
        "packing": ["PackedModel", "pack"],
        "persistence": ["load_model", "save_model"],
        "registry": ["MODELS", "ModelSpec", "make_model"],
        "trees.packed_trees": ["PackedForest"],
    },
)
