"""What a run needs from elsewhere: fetched once, checked, and noted in a manifest.

Each service has a fetcher; :func:`download` plans them all, sees that the disk has room, and
fetches what is not there yet::

    from uflux_kedro.downloads import ZenodoFetcher, ZenodoRecord, download

    wanted = ZenodoRecord(record=17255948, folder="UFLUX", files=("*.parquet",))
    download([(ZenodoFetcher(), wanted)], Path("data/01_raw"))
"""

from __future__ import annotations

import lazy_loader

# The orders are read at the start of every run, the rest only where something is fetched.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "climate_data_store": ["ClimateDataStoreFetcher"],
        "earth_engine": ["EarthEngineFetcher"],
        "parameters": ["ClimateDataStoreYears", "EarthEngineImages", "ZenodoRecord"],
        "remote": ["Fetcher", "RemoteFile"],
        "run": ["COLUMNS", "download"],
        "session": ["Patience"],
        "zenodo": ["ZenodoFetcher"],
    },
)
