"""Products: maps of a flux, predicted by all its members, with their mean and spread.

:func:`predict_cube` predicts a cube in memory. :func:`produce` makes a product of any size: it
carries out a :class:`Plan` region by region into a :class:`ProductStore` and keeps the regions that
an earlier run finished. ``ProductStore(path).open()`` reads a finished product, :func:`verify`
checks its files against their checksums.

Example:
    >>> import numpy as np, xarray as xr
    >>> from uflux_kedro.products import predict_cube
    >>> class Warmth:  # any object with predictors and predict
    ...     predictors = ("ERA5_TA",)
    ...     def predict(self, X):
    ...         return 0.2 * X[:, 0]
    >>> axes = {"time": [np.datetime64("2003-07-01", "ns")], "latitude": [50.5, 51.5],
    ...         "longitude": [0.5, 1.5]}
    >>> drivers = xr.Dataset(
    ...     {"ERA5_TA": (tuple(axes), np.full((1, 2, 2), 20, "float32")),
    ...      "IGBP": (("latitude", "longitude"), [[0, 10], [10, 10]])}, axes)
    >>> cube = predict_cube({"warmth": Warmth()}, drivers, variable="GPP")
    >>> cube["GPP"].values.tolist()  # NaN over water
    [[[nan, 4.0], [4.0, 4.0]]]
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cf": ["finish_product", "write_netcdf"],
        "closing": ["close_budget"],
        "cost": ["Production", "describe_cost"],
        "derived": ["evapotranspiration", "water_use_efficiency"],
        "geotiff": ["write_geotiffs"],
        "parameters": ["WholeProduct"],
        "plan": ["Plan"],
        "prediction": ["predict_cube"],
        "production": ["produce", "verify"],
        "store": ["ProductStore"],
    },
)
