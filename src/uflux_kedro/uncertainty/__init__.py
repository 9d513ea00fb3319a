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
        "closed_loop": ["ClosedLoop", "close_loop", "members_of_loop", "run_closed_loop"],
        "closing": ["CARBON", "ENERGY", "Closure", "fit_closure", "minimum_trace"],
        "coverage": ["coverage_curves", "coverage_of_sums", "score_against_constant"],
        "fitted": ["Bounds", "FluxUncertainty"],
        "intervals": ["group_quantile", "jackknife_plus"],
        "learning_curve": [
            "extrapolate",
            "fit_power_law",
            "summarise_curve",
            "train_on_shares",
        ],
        "next_tower": ["ErrorByTowers", "learn_error", "next_towers", "place_towers"],
        "parameters": ["IntervalParameters", "UncertaintyParameters"],
        "ranking": ["rank_measures", "sparsification"],
        "sampling_space": ["Places", "SamplingSpace"],
        "scores": ["bootstrap_means", "interval_score", "score_by_class", "score_by_tower"],
        "space_of_towers": ["space_of_towers"],
        "sums": ["annual_sums", "fit_sum_errors", "held_out_sums"],
        "targets": ["target_share", "target_shares", "target_uncertainty"],
    },
)
