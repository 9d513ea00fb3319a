"""Statistics of products: means, totals, zones, budgets and comparison with other products."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "aggregates": ["aggregate"],
        "means": [
            "annual_means",
            "annual_totals",
            "area_mean",
            "cell_area",
            "energy_closure",
            "interannual_variability",
            "meridional_mean",
            "multi_year_mean",
            "nee_residual",
            "period_days",
            "zonal_mean",
            "zonal_profile",
        ],
        "parameters": ["AggregateParameters", "RegionFile"],
        "peers": ["compare_with_peer"],
        "zones": ["Areas", "Bands", "LandCover", "Whole", "Zones"],
    },
)
