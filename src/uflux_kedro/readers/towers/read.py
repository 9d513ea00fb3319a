"""Read tower files of any network into one table of towers and one of sites."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.paths import Paths
from uflux_kedro.readers.towers.families import FAMILIES
from uflux_kedro.readers.towers.places import metadata_of, read_metadata
from uflux_kedro.readers.towers.single_tower import best_tables
from uflux_kedro.readers.towers.sites import COLUMNS, check_metadata
from uflux_kedro.readers.towers.tables import check_order
from uflux_kedro.readers.towers.tidy import read_tidy
from uflux_kedro.readers.towers.tower_files import FoundFiles, TowerFile, find_tower_files
from uflux_kedro.readers.towers.uflux_parquet import read_uflux_parquet
from uflux_kedro.simulated import SOME_TOWERS, TOWERS, is_simulated, marked

logger = logging.getLogger(__name__)


def read_towers(
    path: Paths, parameters: TowerParameters | None = None, **settings: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read towers of any network, each file by the reader of its family.

    The family of a file is recognised by its name, else by its header. Of an archive's tables the
    one nearest to the wanted resolution is read; half-hours, hours and days are averaged where no
    table has that resolution. Sites come from a site table, else from the metadata in the archives
    or beside them, or from the tidy table itself::

        towers, sites = read_towers("downloads")
        towers, sites = read_towers("FLX_FR-Pue_FLUXNET2015_FULLSET_2000-2014_2-4.zip", resolution="DD")

    Args:
        path: A file, a folder, or several of them: archives, tables, metadata. Other files are
            named in a warning.
        parameters: How the files are read; None takes the defaults.
        settings: Fields of :class:`TowerParameters` that override ``parameters``, such as
            ``resolution``, ``reader``, ``columns`` or ``outside``.

    Returns:
        Two tables. Towers: one row a site and period, sorted; ``attrs["missing_columns"]`` lists
        the mapped names for which a tidy table has no values, ``attrs["impossible"]`` the
        impossible and infinite values that were left out, ``attrs["remarks"]`` what else the readers
        noticed, ``attrs["simulated"]`` that towers are simulated. Sites: one row a tower; where hours were
        read, also the fields of :class:`uflux_kedro.biophysics.SolarClock` as ``clock_...``.

    Raises:
        InputError: If no file is of towers, a file is damaged or malformed, two files have the
            same tower and time, or a tower has no place or land cover.
        ValueError: If a setting is unknown or out of range.
    """
    given = (parameters or TowerParameters()).model_dump()
    parameters = TowerParameters.model_validate(given | settings)
    found = find_tower_files(path, parameters)
    for message in found.unread:
        logger.warning("%s", message)
    readings = list(_read(found.data, parameters))
    # pandas keeps attributes in concat only if they are equal in all tables.
    clocks = {
        record["site_id"].iloc[0]: asdict(clock)
        for record, _, _ in readings
        if (clock := record.attrs.pop("clock", None))
    }
    impossible = [one for record, _, _ in readings for one in record.attrs.pop("impossible", [])]
    remarks = [one for record, _, _ in readings for one in record.attrs.pop("remarks", [])]
    towers = pd.concat([r[0] for r in readings], ignore_index=True)
    first = found.data[0].file
    where = first.where if len(found.data) == 1 else str(first.path.parent)
    towers = towers.sort_values(["site_id", "time"], kind="stable", ignore_index=True)
    check_order(towers, where)
    towers.attrs |= {
        "resolution": parameters.resolution,
        "impossible": impossible,
        "remarks": remarks,
        "missing_columns": [name for r in readings for name in r[2]],
        **marked(_simulated([t.file.path for t in found.data])),
    }
    sites = _sites(towers, [r[1] for r in readings if r[1] is not None], found, where)
    if clocks:
        by_site = pd.DataFrame.from_dict(clocks, "index")
        sites = sites.join(by_site.add_prefix("clock_"), on="site_id")
    return towers, sites


def _read(
    data: Sequence[TowerFile], parameters: TowerParameters
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame | None, list[str]]]:
    for table in best_tables([t for t in data if t.family in FAMILIES], parameters):
        logger.info("%s: %s", table.site, table.file.where)
        record = FAMILIES[table.family].read_table(table, parameters)
        yield record, record.attrs.pop("site", None), []
    tidy = [t.file.path for t in data if t.family == "tidy"]
    if tidy:
        yield read_tidy(
            tidy, parameters.columns, resolution=parameters.resolution, outside=parameters.outside
        )
    for table in data:
        if table.family == "parquet":
            yield read_uflux_parquet(table.file.path, parameters)


def _simulated(paths: Iterable[Path]) -> str:
    """Return what the mark of simulated data says of the towers in these files."""
    says = [is_simulated(path) for path in dict.fromkeys(paths)]
    return TOWERS if all(says) else SOME_TOWERS if any(says) else ""


def _sites(
    towers: pd.DataFrame, stated: list[pd.DataFrame], found: FoundFiles, where: str
) -> pd.DataFrame:
    """Return one row a tower, from the tables themselves, site tables or metadata, in this order."""
    wanted = set(towers["site_id"])
    known = [s for s in stated if not s.empty]
    if not wanted <= _names(known):
        for table in metadata_of(found):
            if not wanted <= _names(known):
                known.append(read_metadata(table, wanted))
    sites = (
        pd.concat(known, ignore_index=True) if known else pd.DataFrame(columns=[*COLUMNS.values()])
    )
    sites = sites.drop_duplicates("site_id")  # the first row of each site
    check_metadata(towers, sites, where)
    sites = sites[sites["site_id"].isin(wanted)]
    return sites.sort_values("site_id", ignore_index=True)


def _names(tables: Sequence[pd.DataFrame]) -> set[str]:
    return {site for table in tables for site in table["site_id"]}
