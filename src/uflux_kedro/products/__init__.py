"""Products: a flux predicted on a whole cube, from memory or region by region into a store."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cf": ["finish_product", "write_netcdf"],
        "derived": ["evapotranspiration", "water_use_efficiency"],
        "execution": ["Execution"],
        "geotiff": ["write_geotiffs"],
        "parameters": ["DaskParameters", "InferenceParameters"],
        "plan": ["Plan"],
        "prediction": ["predict_chunks", "predict_cube"],
        "production": ["produce", "verify"],
        "store": ["ProductStore"],
    },
)
