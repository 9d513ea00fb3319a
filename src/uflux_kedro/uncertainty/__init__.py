"""How far to trust a prediction: intervals, sampling space, sums, closed budgets.

The unit on which everything is fitted and judged is the tower: rows of one tower depend on each
other, so that intervals calibrated on rows would be too narrow at the next tower.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "calibration": ["calibrate", "judge"],
        "closing": ["CARBON", "ENERGY", "Closure", "fit_closure", "minimum_trace"],
        "fitted": ["Bounds", "FluxUncertainty"],
        "intervals": ["group_quantile", "jackknife_plus"],
        "parameters": ["IntervalParameters", "UncertaintyParameters"],
        "sampling_space": ["Places", "SamplingSpace"],
        "scores": ["bootstrap_means", "interval_score", "score_by_class", "score_by_tower"],
        "towers": ["tower_folds", "tower_quantile", "tower_weights"],
        "targets": ["target_share", "target_uncertainty"],
    },
)
