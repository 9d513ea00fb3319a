"""Products: maps of a flux, predicted by all its members, with their mean and spread.

:func:`predict_cube` predicts a cube in memory. :func:`produce` makes a product of any size: it
carries out a :class:`Plan` region by region into a :class:`ProductStore` and keeps the regions that
an earlier run finished. ``ProductStore(path).open()`` reads a finished product, :func:`verify`
checks its files against their checksums.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cf": ["finish_product", "write_netcdf"],
        "cost": ["Production", "describe_cost"],
        "derived": ["evapotranspiration", "water_use_efficiency"],
        "execution": ["Execution"],
        "geotiff": ["write_geotiffs"],
        "parameters": ["WholeProduct"],
        "plan": ["Plan"],
        "prediction": ["predict_cube"],
        "production": ["produce", "verify"],
        "store": ["ProductStore"],
    },
)
