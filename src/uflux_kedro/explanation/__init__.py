"""What a model has learnt: importance, exact contributions, effects and response curves.

:func:`explain` takes a fitted member and rows, :func:`member_effects` and :func:`split_predictions` return parts of
it. :func:`accumulated_effects` works for any model, :func:`contributions` only for those whose SHAP values are exact, and :func:`response_curves` compares
towers, model and baseline. All intervals are from a bootstrap over towers. Names are imported on first
use.

Example:
    >>> import numpy as np
    >>> from uflux_kedro.explanation import accumulated_effects
    >>> X = np.random.default_rng(0).uniform(0, 4, (400, 2)).astype("float32")
    >>> sites = np.repeat(["A", "B", "C", "D"], 100)
    >>> table = accumulated_effects(lambda X: 3 * X[:, 0], X, ["TA", "VPD"], sites)
    >>> effect = table[table["predictor"] == "TA"].set_index("value")["effect"]
    >>> float(round(effect.diff().sum() / (effect.index[-1] - effect.index[0]), 6))
    3.0
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "effects": ["accumulated_effects"],
        "shapley": ["contributions", "mean_contributions"],
        "member": [
            "Explanation",
            "SplitPredictions",
            "explain",
            "member_effects",
            "split_predictions",
        ],
        "ratios": ["energy_rows", "ratio_by_tower", "reduced_major_axis", "water_use_rows"],
        "responses": ["Response", "ResponseCurves", "response_curves", "response_rows"],
    },
)
