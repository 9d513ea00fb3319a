"""Validation by site: folds, held-out predictions, metrics, and the choice of settings.

:func:`make_folds` splits the sites, :func:`held_out_predictions` predicts every site by models
that never saw it, and :func:`pooled`, :func:`score_by_site`, :func:`skill_by_part`,
:func:`confidence_intervals` and :func:`compare_members` score the result.
:class:`SiteSearchRegressor` searches settings and :func:`choose_groups` chooses predictors, both
by site. Names are imported on first use.

Example:
    >>> from uflux_kedro.validation import held_out_predictions, make_folds, score, usable_rows
    >>> rows = table[usable_rows(table, predictors, "GPP", min_qc=0.5)[0]]
    >>> X, y, sites = rows[predictors].to_numpy("f4"), rows["GPP"].to_numpy(), rows["site_id"]
    >>> folds = make_folds("loso", rows, parameters)
    >>> held_out = held_out_predictions(model_of_fold, X, y, sites, rows["time"], folds)
    >>> score(held_out["truth"], held_out["prediction"])["NSE"] > 0.5
    True
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bootstrap": ["compare_members", "confidence_intervals"],
        "choice": ["Candidates", "Choice", "choose_groups", "choose_in_folds"],
        "comparison": ["compare_with_first"],
        "cross_validation": ["held_out_predictions", "usable_rows"],
        "folds": ["Fold", "leave_one_site_out", "make_folds", "site_k_fold", "spatial_blocks"],
        "metrics": ["METRICS", "pooled", "score", "score_by_site"],
        "parameters": ["SearchParameters", "TrainingParameters"],
        "search": ["SiteSearchRegressor"],
        "search_space": ["ParameterRange"],
        "skill": ["skill_by_group", "skill_by_part"],
    },
)
