"""Validation by site: folds, held-out predictions, metrics, skill by part, intervals."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bootstrap": ["compare_members", "confidence_intervals"],
        "choice": ["choose_groups", "choose_in_folds"],
        "comparison": ["compare_with_first"],
        "cross_validation": ["held_out_predictions", "usable_rows"],
        "folds": ["Fold", "leave_one_site_out", "make_folds", "site_k_fold", "spatial_blocks"],
        "metrics": ["METRICS", "pooled", "score", "score_by_site"],
        "parameters": ["SearchParameters", "TrainingParameters"],
        "search": ["SiteSearchRegressor"],
        "skill": ["skill_by_group", "skill_by_part", "split_signal"],
    },
)
