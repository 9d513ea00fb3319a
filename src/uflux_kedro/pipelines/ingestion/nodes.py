"""Nodes of the pipeline ``ingestion``."""

from __future__ import annotations

from pathlib import Path

from uflux_kedro.lazy import pd, xr
from uflux_kedro.schemas import GridParameters, TowerParameters


def read_tower_files(
    files: list[Path], site_table: list[Path], parameters: TowerParameters
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Read tower archives and the table of their sites."""
    from uflux_kedro.readers.fluxnet import read_towers
    from uflux_kedro.readers.sites import check_metadata, read_sites

    sites = read_sites(site_table[0])
    towers = read_towers(
        files,
        resolution=parameters.resolution,
        partition=parameters.partition,
        energy_balance=parameters.energy_balance,
        allow_missing=parameters.allow_missing,
        outside=parameters.outside,
    )
    check_metadata(towers, sites, site_table[0])
    return towers, sites[sites["site_id"].isin(towers["site_id"])], []


def read_tower_table(
    files: list[Path], parameters: TowerParameters
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Read one tidy table of many towers; say which of its mapped columns are not there."""
    from uflux_kedro.readers.tidy import read_tidy

    return read_tidy(
        files, parameters.columns, resolution=parameters.resolution, outside=parameters.outside
    )


def read_grid(files: list[Path], parameters: GridParameters) -> xr.Dataset:
    """Read one source's grids into canonical names, units and coordinates."""
    from uflux_kedro.readers import read_source

    return read_source(parameters.reader, files)
