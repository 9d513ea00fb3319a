"""List of the towers of a run: where, what, when, and whom to cite."""

from __future__ import annotations

import pandas as pd

from uflux_kedro.errors import require_columns
from uflux_kedro.variables import FLUXES

_PLACE = ("latitude", "longitude", "elevation", "IGBP", "climate")
_YEARS = ("first year", "last year")
_ORIGIN = ("name", "country", "network", "citation", "doi", "licence", "license")
"""Columns of the table of sites that are listed where it has them, in any case."""
_OF_PRODUCTS = ("product", "network", "doi", "licence")
"""Columns of the table of products that are listed."""


def site_list(
    sites: pd.DataFrame, training_table: pd.DataFrame, products: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return one row per tower of the training table.

    Args:
        sites: ``site_id`` and what is known of places and origins.
        training_table: ``site_id``, ``time`` and fluxes.
        products: Table of :func:`uflux_kedro.readers.towers.products.product_table`; what it says of a
            tower takes precedence. None for none.

    Returns:
        ``site_id``; place, IGBP class and climate; first and last year; number of rows with a value
        of any flux; number of values of each flux; origin. Columns without a value are left out.
    """
    require_columns(sites, ("site_id",), "sites")
    require_columns(training_table, ("site_id", "time"), "training table")
    fluxes = [flux for flux in FLUXES if flux in training_table]
    present = training_table[training_table[fluxes].notna().any(axis=1)]
    by_site = present.groupby("site_id")
    years = present["time"].dt.year.groupby(present["site_id"])
    counted = pd.DataFrame(
        {_YEARS[0]: years.min(), _YEARS[1]: years.max(), "rows": by_site.size()}
    ).join(by_site[fluxes].count())
    lower = {str(name).lower(): name for name in sites}
    origin = {lower[name]: name for name in _ORIGIN if name in lower}
    known = sites.drop_duplicates("site_id").set_index("site_id")
    table = (
        known[[name for name in _PLACE if name in known]]
        .join(counted, how="inner")
        .join(_origin(known[list(origin)].rename(columns=origin), products))
        .sort_index()
        .reset_index()
    )
    return table.dropna(axis=1, how="all")


def _origin(stated: pd.DataFrame, products: pd.DataFrame | None) -> pd.DataFrame:
    """Return where towers come from; of several products of a tower all are named."""
    if products is None:
        return stated
    of_site = products.reindex(columns=["site_id", *_OF_PRODUCTS]).replace("", None)
    joined = of_site.groupby("site_id").agg(lambda of: "; ".join(of.dropna().unique()) or None)
    return joined.combine_first(stated)[
        [*_OF_PRODUCTS, *stated.columns.difference(_OF_PRODUCTS, sort=False)]
    ]


def listed(table: pd.DataFrame) -> pd.DataFrame:
    """Return the list for readers: years as text, which is not grouped by thousands."""
    return table.assign(**{name: table[name].astype(str) for name in _YEARS if name in table})
