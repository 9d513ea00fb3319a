"""Statistics of products: means, zones and totals, budgets, and comparison with other products.

All of them weight cells by their exact area and periods by their length. :func:`aggregate` gives
totals and means by zone and year as one table, :func:`budget_residuals` checks whether products
agree with each other, :func:`compare_with_peer` scores a product against another one.

Example:
    >>> from uflux_kedro.gridding import TargetGrid, cell_area
    >>> from uflux_kedro.statistics import area_mean
    >>> area = cell_area(TargetGrid(resolution=1).coordinates())
    >>> arctic = (area["latitude"] > 60) * (area > 0).astype(float)
    >>> round(float(area_mean(arctic)), 3)  # share of the Earth north of 60 degrees
    0.067
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "aggregates": ["aggregate", "aggregate_tables"],
        "correlated": ["SumErrors"],
        "budgets": ["budget_residuals", "energy_closure", "nee_residual"],
        "interannual": ["annual_of_members", "interannual_table", "tower_anomalies"],
        "latitude_seasons": ["latitude_seasons"],
        "means": [
            "area_mean",
            "interannual_variability",
            "multi_year_mean",
            "period_days",
            "zonal_mean",
        ],
        "peers": ["compare_with_peer"],
        "resolutions": ["compare_resolutions"],
        "zone_sums": ["ZoneSums", "sum_over_zones"],
        "zones": ["AllCells", "Areas", "Bands", "LandCover", "Tile", "Zones"],
    },
)
