"""UFLUX: from eddy-covariance towers to maps of GPP, RECO, NEE, H and LE.

The names below are what most scripts need, imported at first use; each package exports more. Neither
Kedro nor MLflow is imported for them.
"""

from __future__ import annotations

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "ensemble": ["Member"],
        "features": ["build_drivers", "build_training_table"],
        "gridding": ["ProjectedGrid", "TargetGrid", "align"],
        "models": ["FittedMember", "fit_member", "make_model"],
        "products": ["predict_cube", "write_netcdf"],
        "readers": ["read_cube", "read_towers"],
        "statistics": ["aggregate", "multi_year_mean"],
        "validation": [
            "held_out_predictions",
            "leave_one_site_out",
            "pooled",
            "score_by_site",
            "usable_rows",
        ],
    },
)
