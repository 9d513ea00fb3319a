"""The one way to read towers: files of any network in, canonical towers and sites out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File, files_of
from uflux_kedro.readers.parameters import ColumnSpec, TowerParameters
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

Towers = tuple[pd.DataFrame, pd.DataFrame, list[str]]


def read_towers(paths: Sequence[Path], parameters: TowerParameters | None = None) -> Towers:
    """Read every tower file among those given, each by the reader of its family.

    A file's family is told by its name, else by its header. Of an archive's tables the one
    nearest to the wanted resolution is read; half-hours, hours and days are averaged where there
    is no such table. Sites come from a site table, else from the metadata in the archives, beside
    them, or in the tidy table itself.

    Args:
        paths: Archives, tables, metadata; files that are none of these are named in a warning.
        parameters: ``reader`` other than ``auto`` takes files of that family alone.

    Returns:
        ``towers`` (one row a site and period, sorted), ``sites`` (one row a tower; with the
        fields of :class:`uflux_kedro.biophysics.solar_clock.SolarClock` as ``clock_...`` where hours were read), and mapped names
        for which a tidy table has no values.

    Raises:
        InputError: If no file is a tower's, one is damaged or not as it should be, two hold the
            same tower and time, or a tower has no place or land cover.
    """
    parameters = parameters or TowerParameters()
    found = list(_recognised(sorted({Path(p) for p in paths}), parameters))
    data = [t for t in found if t.family not in _METADATA]
    if not data:
        raise InputError(
            Path(paths[0]).parent if paths else "the tower files",
            None,
            expected="at least one file of towers"
            + ("" if parameters.reader == "auto" else f" for the reader {parameters.reader}"),
            found=", ".join(sorted({t.file.name for t in found})) or "none",
        )
    readings = list(_read(data, parameters))
    # Taken off the tables, which pandas would join only where theirs were alike.
    clocks = {
        record["site_id"].iloc[0]: asdict(clock)
        for record, _, _ in readings
        if (clock := record.attrs.pop("clock", None))
    }
    taken = [one for record, _, _ in readings for one in record.attrs.pop("impossible", [])]
    towers = pd.concat([r[0] for r in readings], ignore_index=True)
    where = data[0].file.where if len(data) == 1 else str(data[0].file.path.parent)
    towers = towers.sort_values(["site_id", "time"], kind="stable", ignore_index=True)
    check_order(towers, where)
    towers.attrs |= {"resolution": parameters.resolution, "impossible": taken}
    sites = _sites(towers, [r[1] for r in readings if r[1] is not None], found, where)
    if clocks:
        of_sun = pd.DataFrame.from_dict(clocks, "index")
        sites = sites.join(of_sun.add_prefix("clock_"), on="site_id")
    return towers, sites, [name for r in readings for name in r[2]]


def _recognised(paths: Sequence[Path], parameters: TowerParameters) -> Iterator[TowerFile]:
    """The files of use; a warning for each that is not."""
    specs = {n: ColumnSpec(column=s) if isinstance(s, str) else s
             for n, s in parameters.columns.items()}  # fmt: skip
    keys: dict[str, str] = {n: specs[n].column for n in ("site_id", "time") if n in specs}
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
