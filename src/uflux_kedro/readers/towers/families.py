"""Families of single-tower tables, each with the module that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers import (
    ameriflux,
    eddypro,
    fluxdatakit,
    fluxnet,
    fluxnet_like,
    ozflux,
    plumber2,
    reddyproc,
)
from uflux_kedro.readers.towers.csv_columns import Header, read_header
from uflux_kedro.readers.towers.netcdf_files import variables_in
from uflux_kedro.readers.towers.single_tower import Columns
from uflux_kedro.readers.towers.tower_files import TowerFile

if TYPE_CHECKING:
    import pandas as pd


class FamilyReader(Protocol):
    """Module that reads the tables of one family."""

    def read_table(self, table: TowerFile, parameters: TowerParameters, /) -> pd.DataFrame:
        """Read one table."""
        ...

    def columns_of(
        self, table: TowerFile, header: Header, parameters: TowerParameters, /
    ) -> Columns:
        """Find the columns of one table by its header, without reading its rows."""
        ...


FAMILIES: Mapping[str, FamilyReader] = {
    "fluxnet": fluxnet,
    "ameriflux": ameriflux,
    "fluxdatakit": fluxdatakit,
    "reddyproc": reddyproc,
    "eddypro": eddypro,
    "ozflux": ozflux,
    "plumber2": plumber2,
    "fluxnet_ch4": fluxnet_like,
    "japanflux": fluxnet_like,
}


def header_of(table: TowerFile) -> Header:
    """Read the names of the columns, or of the variables of netCDF.

    Raises:
        InputError: If the file is absent or damaged.
    """
    if table.family == "plumber2":
        files = plumber2.files_of_tower(table.file)
    elif table.family == "eddypro":
        return eddypro.names_and_units(table.file)[0]
    elif table.family == "ozflux":
        files = [table.file]
    else:
        return read_header(table.file)
    return Header((), tuple(name for file in files for name in variables_in(file)))
