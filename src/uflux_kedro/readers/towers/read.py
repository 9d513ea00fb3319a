"""The one way to read towers: files of any network in, canonical towers and sites out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File, files_of
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.paths import Paths, list_files
from uflux_kedro.readers.towers import ameriflux, fluxdatakit, fluxnet, reddyproc
from uflux_kedro.readers.towers.badm import read_badm
from uflux_kedro.readers.towers.single_tower import best_tables
from uflux_kedro.readers.towers.sites import COLUMNS, check_metadata, read_sites
from uflux_kedro.readers.towers.tables import check_order
from uflux_kedro.readers.towers.tidy import read_tidy
from uflux_kedro.readers.towers.tower_files import TowerFile, recognise
from uflux_kedro.readers.towers.uflux_parquet import read_uflux_parquet

logger = logging.getLogger(__name__)

_SINGLE = {
    "fluxnet": fluxnet.read_table,
    "ameriflux": ameriflux.read_base,
    "fluxdatakit": fluxdatakit.read_table,
    "reddyproc": reddyproc.read_table,
}
_METADATA = ("sites", "badm")
_METADATA_PATTERNS = ("sites.csv", "*_BIF_*", "*_SITEINFO_*", "*_BADM_*")

TOWER_PATTERNS = (
    "**/*.zip", "**/*.csv", "**/*.csv.gz", "**/*.xlsx", "**/*.parquet", "**/*.txt",
)  # fmt: skip
"""Files that are read from a folder and the folders in it."""


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
        impossible values that were left out of averages. Sites: one row a tower; where hours were
        read, also the fields of :class:`uflux_kedro.biophysics.SolarClock` as ``clock_...``.

    Raises:
        InputError: If no file is of towers, a file is damaged or malformed, two files hold the
            same tower and time, or a tower has no place or land cover.
        ValueError: If a setting is unknown or out of range.
    """
    given = (parameters or TowerParameters()).model_dump()
    parameters = TowerParameters.model_validate(given | settings)
    paths = list_files(path, TOWER_PATTERNS)
    found = list(_recognised(sorted(set(paths)), parameters))
    data = [t for t in found if t.family not in _METADATA]
    if not data:
        raise InputError(
            paths[0].parent if paths else "the tower files",
            None,
            expected="at least one file of towers"
            + ("" if parameters.reader == "auto" else f" for the reader {parameters.reader}"),
            found=", ".join(sorted({t.file.name for t in found})) or "none",
        )
    readings = list(_read(data, parameters))
    # pandas keeps attributes in concat only if they are equal in all tables.
    clocks = {
        record["site_id"].iloc[0]: asdict(clock)
        for record, _, _ in readings
        if (clock := record.attrs.pop("clock", None))
    }
    impossible = [one for record, _, _ in readings for one in record.attrs.pop("impossible", [])]
    towers = pd.concat([r[0] for r in readings], ignore_index=True)
    where = data[0].file.where if len(data) == 1 else str(data[0].file.path.parent)
    towers = towers.sort_values(["site_id", "time"], kind="stable", ignore_index=True)
    check_order(towers, where)
    towers.attrs |= {
        "resolution": parameters.resolution,
        "impossible": impossible,
        "missing_columns": [name for r in readings for name in r[2]],
    }
    sites = _sites(towers, [r[1] for r in readings if r[1] is not None], found, where)
    if clocks:
        by_site = pd.DataFrame.from_dict(clocks, "index")
        sites = sites.join(by_site.add_prefix("clock_"), on="site_id")
    return towers, sites


def _recognised(paths: Sequence[Path], parameters: TowerParameters) -> Iterator[TowerFile]:
    """The files of use; a warning for each that is not."""
    columns = parameters.columns
    keys: dict[str, str] = {n: columns[n].column for n in ("site_id", "time") if n in columns}
    for path in paths:
        if parameters.reader == "tidy" and path.name.endswith((".csv", ".csv.gz", ".parquet")):
            yield TowerFile(File(path), "tidy")
            continue
        if parameters.reader == "parquet" and path.suffix == ".parquet":
            yield TowerFile(File(path), "parquet")
            continue
        results = [recognise(file, keys) for file in files_of(path)]
        known = [r for r in results if isinstance(r, TowerFile)]
        packed = [r for r in known if r.file.member and r.family in ("tidy", "parquet", "sites")]
        if packed:
            logger.warning("%s is not read: unpack it first", packed[0].file.where)
        known = [r for r in known if r not in packed]
        fitting = [
            r for r in known if parameters.reader in ("auto", r.family) or r.family in _METADATA
        ]
        yield from fitting
        reasons = [r for r in results if isinstance(r, str)]
        if known and not fitting:
            reasons = [f"a file of the family {known[0].family}"]
        if reasons and not fitting:
            logger.warning("%s is not read: %s", path, reasons[0])


def _read(
    data: Sequence[TowerFile], parameters: TowerParameters
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame | None, list[str]]]:
    for table in best_tables([t for t in data if t.family in _SINGLE], parameters):
        logger.info("%s: %s", table.site, table.file.where)
        yield _SINGLE[table.family](table, parameters), None, []
    tidy = [t.file.path for t in data if t.family == "tidy"]
    if tidy:
        yield read_tidy(
            tidy, parameters.columns, resolution=parameters.resolution, outside=parameters.outside
        )
    for table in data:
        if table.family == "parquet":
            yield read_uflux_parquet(table.file.path, parameters)


def _sites(
    towers: pd.DataFrame, stated: list[pd.DataFrame], found: Sequence[TowerFile], where: str
) -> pd.DataFrame:
    """One row a tower: from the tables themselves, then site tables, then networks' metadata."""
    wanted = set(towers["site_id"])
    known = [s for s in stated if not s.empty]
    if not wanted <= _names(known):
        metadata = [t for t in found if t.family in _METADATA]
        metadata += _beside(found)
        for table in sorted(metadata, key=lambda t: _METADATA.index(t.family)):
            if not wanted <= _names(known):
                known.append(_read_metadata(table, wanted))
    sites = (
        pd.concat(known, ignore_index=True) if known else pd.DataFrame(columns=[*COLUMNS.values()])
    )
    sites = sites.drop_duplicates("site_id")  # the first that knows a site
    check_metadata(towers, sites, where)
    sites = sites[sites["site_id"].isin(wanted)]
    return sites.sort_values("site_id", ignore_index=True)


def _beside(found: Sequence[TowerFile]) -> Iterator[TowerFile]:
    """Metadata in the folders of the files, though they were not among those given."""
    folders = sorted({t.file.path.parent for t in found})
    given = {t.file.path for t in found}
    for path in dict.fromkeys(f for d in folders for p in _METADATA_PATTERNS for f in d.glob(p)):
        if path not in given and path.is_file():
            kinds = (recognise(file) for file in files_of(path))
            yield from (k for k in kinds if isinstance(k, TowerFile) and k.family in _METADATA)


def _names(tables: Sequence[pd.DataFrame]) -> set[str]:
    return {site for table in tables for site in table["site_id"]}


def _read_metadata(table: TowerFile, wanted: set[str]) -> pd.DataFrame:
    if table.family == "sites":
        return read_sites(table.file.path)
    return read_badm(table.file, wanted)
