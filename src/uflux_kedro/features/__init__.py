"""Predictors of towers and grids, made by the same functions for both.

A tower and its grid cell have the same numbers under the same names: ``SOURCE_VARIABLE``
(``ERA5_TA``, ``MODIS_NIRv``), or the variable alone where no source owns it (``IGBP``, ``Year``).
:func:`build_drivers` makes the cube of predictors, :func:`build_training_table` the table of
towers, and :func:`product_drivers` the cube of a product on a grid of its own.

Example:
    >>> import pandas as pd
    >>> from uflux_kedro.features import derive_predictors
    >>> table = pd.DataFrame({"MODIS_RED": [0.1], "MODIS_NIR": [0.4]})
    >>> derive_predictors(table, "MODIS")["MODIS_NIRv"].round(2).tolist()
    [0.24]
"""

from __future__ import annotations

import lazy_loader

# Names are imported at first use: the formulas bring xarray with them.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "antecedent": ["antecedent_names", "antecedent_predictors", "antecedents_at_towers"],
        "calendar": ["calendar_features"],
        "carry_over": ["carry_over_at_towers", "carry_over_names", "carry_over_predictors"],
        "days": ["days_at_sites"],
        "derived": ["derive_predictors", "offered_by_table"],
        "drivers": ["build_drivers", "merge_drivers"],
        "history": ["anomaly", "climatology", "from_record", "lagged", "mean_year"],
        "parameters": ["CarryOverParameters", "FeatureParameters"],
        "products": ["product_drivers", "require_months", "step_edges"],
        "training_table": ["build_training_table"],
    },
)
