"""Families of single-tower tables, each with the module that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers import ameriflux, fluxdatakit, fluxnet, reddyproc
from uflux_kedro.readers.towers.csv_columns import Header
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
}
