"""Download files from Zenodo, the Climate Data Store, Google Earth Engine and the hubs of FLUXNET.

Each service has a fetcher. :func:`download` lists the files of all orders, checks that the disk has
room, downloads the missing ones, verifies them and records them in a manifest::

    from uflux_kedro.downloads import ZenodoFetcher, ZenodoRecord, download

    order = ZenodoRecord(record=17255948, folder="UFLUX", files=("*.parquet",))
    download([(ZenodoFetcher(), order)], Path("data/01_raw"))
"""

from __future__ import annotations

import lazy_loader

# Every run imports the parameter models; the fetchers are imported only to download.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "climate_data_store": ["ClimateDataStoreFetcher"],
        "earth_engine": ["EarthEngineFetcher"],
        "fluxnet": ["FluxnetFetcher"],
        "parameters": [
            "ClimateDataStoreYears",
            "EarthEngineImages",
            "EarthEnginePoints",
            "FluxnetProducts",
            "ZenodoRecord",
        ],
        "remote": ["Fetcher", "RemoteFile"],
        "run": ["COLUMNS", "download"],
        "session": ["Patience"],
        "zenodo": ["ZenodoFetcher"],
    },
)
