"""Nodes of the pipeline ``ingestion``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from uflux_kedro.configuration import in_project
from uflux_kedro.lazy import pd, xr
from uflux_kedro.readers.parameters import GridParameters, TowerParameters


def read_tower_files(
    files: list[Path], parameters: TowerParameters
) -> tuple[pd.DataFrame, pd.DataFrame, list[str], list[dict[str, Any]], pd.DataFrame]:
    """Read towers of any network and their sites, and list what is missing, left out and to be cited.

    Missing are mapped columns that no tower has; left out are towers, and variables of some; to be
    cited are the products that towers were read from.
    Values out of bounds are kept for the quality check, which can find their cause.
    """
    from uflux_kedro.readers.towers.products import product_table
    from uflux_kedro.readers.towers.read import read_towers

    towers, sites = read_towers(
        files, parameters, outside="keep", vegetation_path=vegetation_of(parameters)
    )
    attrs = towers.attrs
    products = product_table(attrs.pop("products"))
    return towers, sites, attrs.pop("missing_columns"), attrs.pop("left_out"), products


def vegetation_of(parameters: TowerParameters) -> str | None:
    """Return the path of the tables of vegetation, whatever the working folder is; None without any."""
    return in_project(parameters.vegetation_path) if parameters.vegetation_path else None


def read_grid(files: list[Path], parameters: GridParameters) -> xr.Dataset:
    """Read one source's grids with canonical names, units and coordinates."""
    from uflux_kedro.gridding.means import means_over
    from uflux_kedro.readers.grids.read import read_cube

    cube = read_cube(parameters.reader, files, **parameters.options)
    if parameters.means_over is None:
        return cube
    return means_over(cube, parameters.reader, parameters.means_over)


def list_input_files(parameters: TowerParameters, **sources: list[Path]) -> pd.DataFrame:
    """List the files of all sources with size and checksum, for the report."""
    from uflux_kedro.files import checksums
    from uflux_kedro.readers.paths import list_files
    from uflux_kedro.readers.towers.vegetation.join import PATTERNS

    vegetation = vegetation_of(parameters)
    if vegetation:
        sources["vegetation"] = list_files(vegetation, PATTERNS)
    found = {name: checksums(files) for name, files in sources.items()}
    return pd.DataFrame([{"source": name} | file for name, of in found.items() for file in of])
