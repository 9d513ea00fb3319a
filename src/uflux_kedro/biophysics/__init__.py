"""Formulas of plant and boundary-layer physics, one module for each family.

Every formula takes and returns floats, numpy arrays or xarray objects. Coordinates are kept, and
dask arrays stay lazy. Units are the canonical ones of ``variables.py``: degC, hPa for vapour
pressure, kPa for air pressure, W m-2, umol mol-1.

Names are imported at first use.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "evapotranspiration": [
            "evapotranspiration_from_le",
            "latent_heat_of_vaporisation",
            "makkink",
            "priestley_taylor",
            "psychrometric_constant",
        ],
        "pmodel": ["iwue", "light_use_efficiency", "light_use_efficiency_of_iwue"],
        "pt_jpl": [
            "LatentHeat",
            "leaf_area_of_fipar",
            "plant_temperature_constraint",
            "pt_jpl",
            "relative_humidity",
            "soil_moisture_constraint",
        ],
        "radiation": [
            "estimated_net_radiation",
            "incoming_longwave",
            "potential_radiation",
            "ppfd_from_shortwave",
            "shortwave_from_ppfd",
            "top_of_atmosphere_radiation",
        ],
        "respiration": ["lloyd_taylor", "rain_limitation"],
        "solar_clock": ["SolarClock", "read_solar_clock"],
        "vapour_pressure": [
            "dewpoint",
            "saturation_slope",
            "saturation_vapour_pressure",
            "specific_humidity",
            "vapour_pressure_from_specific_humidity",
            "vpd_from_dewpoint",
            "vpd_from_specific_humidity",
        ],
        "vegetation_indices": ["evi", "evi2", "kndvi", "lswi", "ndvi", "nirv"],
    },
)
