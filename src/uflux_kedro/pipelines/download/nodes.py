"""Nodes of the pipeline ``download``."""

from __future__ import annotations

import os
from pathlib import Path

from uflux_kedro.downloads.parameters import DownloadParameters
from uflux_kedro.lazy import pd


def fetch_raw_files(parameters: DownloadParameters, raw_folder: Path) -> pd.DataFrame:
    """Download the ordered files that are missing; return one row per file."""
    from uflux_kedro.downloads import (
        COLUMNS,
        ClimateDataStoreFetcher,
        EarthEngineFetcher,
        Patience,
        ZenodoFetcher,
        download,
    )
    from uflux_kedro.downloads.zenodo import TOKEN_VARIABLE

    patience = Patience(retries=parameters.retries, longest_wait=parameters.longest_wait)
    zenodo = ZenodoFetcher(parameters.zenodo_api, os.environ.get(TOKEN_VARIABLE) or None, patience)
    store = ClimateDataStoreFetcher(patience=patience)
    engine = EarthEngineFetcher(patience=patience, tile=parameters.earth_engine_tile)
    orders = [
        *((zenodo, order) for order in parameters.zenodo),
        *((store, order) for order in parameters.climate_data_store),
        *((engine, order) for order in parameters.earth_engine),
    ]
    rows = download(orders, raw_folder, changed=parameters.changed)
    return pd.DataFrame(rows, columns=list(COLUMNS))
