"""Read tower and gridded data into canonical names and units.

Units are converted here and nowhere else in the project. There is one file for each family of
sources, in ``towers/`` and ``grids/``; two functions read them all::

    from uflux_kedro.readers import read_cube, read_towers

    towers, sites = read_towers("downloads", resolution="DD")
    era5 = read_cube("era5", "data/01_raw/ERA5", variables=["TA", "TS"])

Names are imported at first use, since pandas, xarray and pint take a second.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "grids.read": ["READERS", "read_cube"],
        "parameters": ["ColumnSpec", "GridParameters", "TowerParameters"],
        "towers.half_hours": ["HalfHours", "read_half_hours"],
        "towers.read": ["read_towers"],
    },
)
