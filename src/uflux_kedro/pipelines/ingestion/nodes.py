"""Nodes of the pipeline ``ingestion``."""

from __future__ import annotations

from pathlib import Path

from uflux_kedro.lazy import pd, xr
from uflux_kedro.readers.parameters import GridParameters, TowerParameters


def read_tower_files(
    files: list[Path], parameters: TowerParameters
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Read towers of any network and their sites; say which mapped columns are not there.

    Values out of bounds stay for the check of quality, which can tell what made them.
    """
    from uflux_kedro.readers.towers.read import read_towers

    return read_towers(files, parameters.model_copy(update={"outside": "keep"}))


def read_grid(files: list[Path], parameters: GridParameters) -> xr.Dataset:
    """Read one source's grids into canonical names, units and coordinates."""
    from uflux_kedro.gridding.means import means_over
    from uflux_kedro.readers import read_source

    cube = read_source(parameters.reader, files, **parameters.options)
    if parameters.means_over is None:
        return cube
    return means_over(cube, parameters.reader, parameters.means_over)
