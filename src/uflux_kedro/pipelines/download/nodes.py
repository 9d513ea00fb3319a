"""Nodes of the pipeline ``download``."""

from __future__ import annotations

import os
from pathlib import Path

from uflux_kedro.configuration import in_project
from uflux_kedro.downloads.parameters import (
    DownloadParameters,
    EarthEngineOrder,
    EarthEnginePoints,
    FluxnetProducts,
)
from uflux_kedro.lazy import pd


def fetch_raw_files(parameters: DownloadParameters, raw_folder: Path) -> pd.DataFrame:
    """Download the ordered files that are missing; return one row per file."""
    from uflux_kedro.downloads import (
        COLUMNS,
        ClimateDataStoreFetcher,
        EarthEngineFetcher,
        FluxnetFetcher,
        Patience,
        ZenodoFetcher,
        download,
    )
    from uflux_kedro.downloads.zenodo import TOKEN_VARIABLE

    patience = Patience(retries=parameters.retries, longest_wait=parameters.longest_wait)
    zenodo = ZenodoFetcher(parameters.zenodo_api, os.environ.get(TOKEN_VARIABLE) or None, patience)
    store = ClimateDataStoreFetcher(patience=patience)
    engine = EarthEngineFetcher(patience=patience, tile=parameters.earth_engine_tile)
    fluxnet = FluxnetFetcher(patience, parameters.fluxnet_pause)
    orders = [
        *((zenodo, order) for order in parameters.zenodo),
        *((store, order) for order in parameters.climate_data_store),
        *((engine, _with_table(order)) for order in parameters.earth_engine),
        *((fluxnet, _in_project(order)) for order in parameters.fluxnet),
    ]
    rows = download(orders, raw_folder, changed=parameters.changed)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _in_project(order: FluxnetProducts) -> FluxnetProducts:
    """Return the order with the path of its snapshot in the project's folder; an address stays."""
    if "://" in order.snapshot:
        return order
    return order.model_copy(update={"snapshot": in_project(order.snapshot)})


def _with_table(order: EarthEngineOrder) -> EarthEngineOrder:
    """Return the order with the path of its table of towers, if it has one, in the project's folder."""
    if not isinstance(order, EarthEnginePoints):
        return order
    return order.model_copy(update={"towers": in_project(order.towers)})
