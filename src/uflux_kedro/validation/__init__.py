"""Validation by site: folds, held-out predictions, metrics, and the choice of settings.

:func:`make_folds` splits the sites, :func:`held_out_predictions` predicts every site by models
that never saw it, and :func:`pooled`, :func:`score_by_site`, :func:`skill_by_part`,
:func:`skill_by_step`, :func:`confidence_intervals` and :func:`compare_members` score the result.
:class:`SiteSearchRegressor` searches settings, :func:`choose_groups` and :func:`choose_set` choose
predictors, all by site. Names are imported on first use.

Example:
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from uflux_kedro.validation import held_out_predictions, leave_one_site_out, pooled
    >>> X, sites = np.arange(36.0)[:, None], np.repeat(["A", "B", "C"], 12)
    >>> time = np.tile(np.arange("2001-01", "2002-01", dtype="M8[M]"), 3)
    >>> folds, model_of_fold = leave_one_site_out(sites), lambda _: LinearRegression()
    >>> table = held_out_predictions(model_of_fold, X, X[:, 0], sites, time, folds)
    >>> round(pooled(table)["NSE"], 6)
    1.0
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bootstrap": ["compare_members", "confidence_intervals"],
        "by_site": ["choose_sites", "skill_by_site"],
        "choice": [
            "Alternatives",
            "Candidates",
            "Choice",
            "choose_groups",
            "choose_in_folds",
            "choose_set",
        ],
        "comparison": ["compare_with_first"],
        "cross_validation": ["held_out_predictions", "usable_rows"],
        "folds": ["Fold", "leave_one_site_out", "make_folds", "site_k_fold", "spatial_blocks"],
        "importance": ["importance_by_site", "mean_importance"],
        "metrics": ["METRICS", "pooled", "score", "score_by_site"],
        "parameters": ["SearchParameters", "TrainingParameters"],
        "repeats": ["join_repeats", "scores_over_splits"],
        "search": ["SiteSearchRegressor"],
        "search_space": ["ParameterRange"],
        "skill": ["skill_by_group", "skill_by_part"],
        "skill_by_step": ["skill_by_step"],
        "skill_groups": ["skill_intervals"],
        "taylor": ["taylor_statistics"],
    },
)
